#include "agent/lease_reaper.hpp"

#include "agent/dynamic_entries.hpp"
#include "tests/support/running_agent.hpp"

#include <gtest/gtest.h>

namespace agent {
namespace {

using coord::run_task;
using coord::run_until;

// An agent that sees and reaps; its clock is what the test says.
struct Reaping {
    Reaping(boost::asio::io_context& io, coord::RunningCore& core, const std::string& node)
        : client(io, {.connect = address_of(core), .resume = {}}),
          catalog(client),
          names(client),
          reaper(io, client, node, [this] { return now_ms; }) {
        catalog.subscribe([this](const auto& publication) {
            if (publication->synced) reaper.watch(*publication);
        });
        names.subscribe([this](const auto& publication) { reaper.watch(*publication); });
        catalog.start();
        names.start();
        client.start();
        EXPECT_TRUE(run_until(io, [this] { return catalog.synced(); }));
    }
    ~Reaping() {
        reaper.stop();
        catalog.stop();
        names.stop();
        client.abandon();
    }
    [[nodiscard]] double metric(std::size_t i) const { return reaper.metrics().at(i).value; }

    std::int64_t now_ms = 1'000'000;
    coord::Client client;
    Catalog catalog;
    DynamicNames names;
    LeaseReaper reaper;
};

InstanceRecord leased(const std::string& id, std::int64_t expires_ms) {
    InstanceRecord record;
    record.service = test_service("web", id);
    record.node = "10.0.0.5";
    record.external = true;
    record.dns = DnsOrigin{"dhcp.", expires_ms, true};
    return record;
}

TEST(LeaseReaper, of_several_agents_remove_once_what_is_over_and_nothing_else) {
    coord::RunningCore core(quick_core());
    boost::asio::io_context io;
    Reaping one(io, core, "one");
    Reaping two(io, core, "two");
    DynamicEntries entries(one.client, one.catalog, one.names);
    const DynamicWanted wanted{{"web"}, {"a.dyn"}};
    DynamicChange change;
    change.put = {leased("soon", 1'000'200), leased("late", 9'000'000), leased("never", 0)};
    change.names = {{"a.dyn", {{1, 60, "\1\2\3\4", "", 1'000'100}, {16, 60, "\1a"}}}};
    auto view = run_task(io, entries.read(wanted)).value();
    ASSERT_TRUE(run_task(io, entries.commit(std::move(view), change)));
    ASSERT_TRUE(run_until(io, [&] { return one.metric(0) == 3 && two.metric(0) == 3; }));

    one.now_ms = two.now_ms = 1'001'000;

    ASSERT_TRUE(run_until(io, [&] {
        const auto web = one.catalog.find_service("web");
        return web->instances.size() == 2 && one.metric(0) == 1 && two.metric(0) == 1;
    }));
    EXPECT_EQ(one.metric(1) + two.metric(1), 2);
    view = run_task(io, entries.read(wanted)).value();
    EXPECT_EQ(view.names.at("a.dyn").name.records.size(), 1U);
}

}  // namespace
}  // namespace agent
