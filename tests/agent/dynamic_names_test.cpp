#include "agent/dynamic_names.hpp"

#include "tests/support/running_agent.hpp"

#include <gtest/gtest.h>

namespace agent {
namespace {

using coord::run_task;
using coord::run_until;

TEST(DynamicName, comes_back_as_it_was) {
    const DynamicName name{"a.dyn",
                           {{1, 60, std::string("\x0A\0\0\xFF", 4), "dhcp.", 1'700'000'000'000},
                            {16, 0x7FFF'FFFF, "\1x", "", 0}}};

    const auto back = decode_dynamic_name(encode(name));

    ASSERT_TRUE(back.value) << back.error;
    EXPECT_EQ(back.value->records, name.records);
}

TEST(DynamicName, that_is_none_is_refused) {
    EXPECT_FALSE(decode_dynamic_name("").value);
    EXPECT_FALSE(decode_dynamic_name("[]").value);
    for (const auto* data : {"0", "0g", "x0", "+1"}) {
        const auto json = std::string(R"({"records":[{"type":1,"ttl":1,"data":")") + data + "\"}]}";
        EXPECT_EQ(decode_dynamic_name(json).error, "data must be hexadecimal digits") << data;
    }
}

TEST(DynamicNames, are_told_as_they_come_and_go) {
    coord::RunningCore core(quick_core());
    boost::asio::io_context io;
    coord::Client client(io, {.connect = address_of(core), .resume = {}});
    DynamicNames names(client);
    std::vector<std::shared_ptr<const DynamicPublication>> told;
    names.subscribe([&](const auto& publication) { told.push_back(publication); });
    names.start();
    client.start();
    ASSERT_TRUE(run_until(io, [&] { return told.size() == 1; }));
    EXPECT_TRUE(told[0]->names.empty());

    const DynamicName name{"a/b.dyn", {{1, 60, "\1\2\3\4"}}};
    const auto path = dynamic_path(name.name);
    ASSERT_TRUE(run_task(io, client.create(path, encode(name), coord::CreateMode::persistent)));
    ASSERT_TRUE(run_until(io, [&] { return told.size() == 2; }));
    ASSERT_EQ(told[1]->names.size(), 1U);
    EXPECT_EQ(*told[1]->names[0], name);

    ASSERT_TRUE(run_task(io, client.set_data(path, "no name")));
    ASSERT_TRUE(run_until(io, [&] { return told.size() == 3; }));
    EXPECT_EQ(told[2]->removed, std::vector<std::string>{"a/b.dyn"});
    names.stop();
    client.abandon();
}

}  // namespace
}  // namespace agent
