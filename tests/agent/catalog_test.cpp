#include "agent/catalog.hpp"

#include "tests/support/running_agent.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace agent {
namespace {

using coord::CreateMode;
using coord::run_task;
using coord::run_until;

// A catalog on a core, and a client that plays every agent there is.
class CatalogTest : public testing::Test {
protected:
    void start(CatalogOptions options = {}) {
        catalog_ = std::make_unique<Catalog>(client_, options);
        catalog_->subscribe([this](const auto& published) { publications_.push_back(published); });
        client_.on_state([this](auto state) {
            catalog_->set_connected(state == coord::SessionState::connected);
        });
        catalog_->start();
        client_.start();
        writer_.start();
        ASSERT_TRUE(run_until(io_, [&] {
            return catalog_->synced() && writer_.state() == coord::SessionState::connected;
        }));
        run_task(io_, writer_.ensure_path("/services")).value();
    }
    ~CatalogTest() override {
        if (catalog_) catalog_->stop();
        client_.abandon();
        writer_.abandon();
    }

    static InstanceRecord
    instance(const std::string& service, const std::string& id, const std::string& node) {
        InstanceRecord record;
        record.service = test_service(service, id);
        record.node = node;
        return record;
    }
    coord::Zxid create(const std::string& path, const std::string& data) {
        return run_task(io_, writer_.create(path, data, CreateMode::persistent)).value().stat.czxid;
    }
    coord::Zxid put(const InstanceRecord& record) {
        const auto path = instance_path(record.service.name, record.service.id, record.node);
        run_task(io_, writer_.ensure_path(std::string(services_root) + "/" + record.service.name))
            .value();
        const auto made =
            run_task(io_, writer_.create(path, encode(record), CreateMode::persistent));
        if (made) return made->stat.mzxid;
        return run_task(io_, writer_.set_data(path, encode(record))).value().mzxid;
    }
    coord::Zxid put(const NodeRecord& record) {
        run_task(io_, writer_.ensure_path(std::string(nodes_root))).value();
        const auto path = node_path(record.name);
        const auto made =
            run_task(io_, writer_.create(path, encode(record), CreateMode::persistent));
        if (made) return made->stat.mzxid;
        return run_task(io_, writer_.set_data(path, encode(record))).value().mzxid;
    }
    void remove(const std::string& path) { run_task(io_, writer_.remove(path)).value(); }
    bool reached() {
        run_task(io_, writer_.sync("/")).value();
        const auto zxid = writer_.last_zxid();
        return bool(run_task(io_, catalog_->reached(zxid, std::chrono::seconds(10))));
    }
    double metric(std::string_view name) {
        for (const auto& metric : catalog_->metrics())
            if (metric.name == name) return metric.value;
        return -1;
    }
    static CatalogIndex index_of(coord::Zxid zxid) {
        return CatalogIndex{static_cast<std::uint64_t>(zxid)};
    }

    static coord::ServerOptions reaping_core() {
        auto options = quick_core();
        options.reap_interval = std::chrono::milliseconds(100);
        return options;
    }

    coord::RunningCore core_{reaping_core()};
    boost::asio::io_context io_;
    coord::Client client_{io_, {.connect = address_of(core_), .resume = {}}};
    coord::Client writer_{io_, {.connect = address_of(core_), .resume = {}}};
    std::unique_ptr<Catalog> catalog_;
    std::vector<std::shared_ptr<const Publication>> publications_;
};

TEST_F(CatalogTest, knows_nothing_for_sure_before_it_has_read_everything) {
    Catalog catalog(client_);
    std::vector<std::shared_ptr<const Publication>> published;
    catalog.subscribe([&](const auto& publication) { published.push_back(publication); });

    catalog.set_connected(true);

    ASSERT_EQ(published.size(), 1U);
    EXPECT_FALSE(published[0]->synced);
    EXPECT_TRUE(published[0]->connected);
    EXPECT_EQ(catalog.find_service("web"), nullptr);
}

TEST_F(CatalogTest, publishes_what_was_there_as_one_step) {
    writer_.start();
    ASSERT_TRUE(run_until(io_, [&] { return writer_.state() == coord::SessionState::connected; }));
    put(instance("web", "b", "host2"));
    put(instance("web", "a", "host2"));
    put(instance("web", "z", "host1"));
    const auto last = put(test_node("host1"));

    start();

    const auto first = std::find_if(publications_.begin(),
                                    publications_.end(),
                                    [](const auto& publication) { return publication->synced; });
    ASSERT_NE(first, publications_.end());
    ASSERT_EQ((*first)->services.size(), 1U);
    ASSERT_EQ((*first)->nodes.size(), 1U);
    EXPECT_GE((*first)->index, index_of(last));
    const auto& instances = (*first)->services[0]->instances;
    ASSERT_EQ(instances.size(), 3U);
    EXPECT_EQ(instances[0].record.id(), "z") << "by node, then by id";
    EXPECT_EQ(instances[1].record.id(), "a");
    EXPECT_EQ(instances[2].record.id(), "b");
    EXPECT_EQ(instances[0].node->record.address, "10.0.0.1");
    EXPECT_EQ(instances[0].address(), "10.0.0.1");
    EXPECT_EQ(instances[1].node, nullptr);
}

TEST_F(CatalogTest, takes_its_indexes_from_the_zxids) {
    start();
    const auto made = put(instance("web", "a", "host1"));
    auto changed = instance("web", "a", "host1");
    changed.service.port = 9090;
    const auto set = put(changed);
    ASSERT_TRUE(reached());

    const auto view = catalog_->find_service("web");
    ASSERT_EQ(view->instances.size(), 1U);
    EXPECT_EQ(view->instances[0].create_index, index_of(made));
    EXPECT_EQ(view->instances[0].modify_index, index_of(set));
    EXPECT_EQ(view->index, index_of(set));
    EXPECT_EQ(view->instances[0].record.port(), 9090);

    remove("/services/web/a@host1");
    ASSERT_TRUE(reached());
    EXPECT_TRUE(catalog_->find_service("web")->instances.empty());
    EXPECT_GT(catalog_->find_service("web")->index, index_of(set)) << "a removal counts";
}

TEST_F(CatalogTest, shares_between_views_what_did_not_change) {
    start();
    put(instance("web", "a", "host1"));
    put(instance("web", "b", "host1"));
    ASSERT_TRUE(reached());
    const auto before = catalog_->find_service("web");

    auto changed = instance("web", "a", "host1");
    changed.service.port = 9090;
    put(changed);
    put(test_node("host1"));
    ASSERT_TRUE(reached());

    const auto after = catalog_->find_service("web");
    ASSERT_EQ(after->instances.size(), 2U);
    EXPECT_FALSE(after->instances[0].record.is_same(before->instances[0].record));
    EXPECT_TRUE(after->instances[1].record.is_same(before->instances[1].record));
    EXPECT_EQ(before->instances[1].node, nullptr);
    EXPECT_NE(after->instances[1].node, nullptr) << "its node is another matter";
}

TEST_F(CatalogTest, all_who_know_the_same_date_it_the_same) {
    start();
    put(instance("web", "a", "host1"));
    put(instance("web", "b", "host1"));
    put(test_node("host1"));
    remove("/services/web/a@host1");
    const auto removed = writer_.last_zxid();
    create("/elsewhere", "");
    ASSERT_TRUE(reached());

    coord::Client late(io_, {.connect = address_of(core_), .resume = {}});
    Catalog fresh(late);
    std::shared_ptr<const Publication> last;
    fresh.subscribe([&](const auto& published) { last = published; });
    fresh.start();
    late.start();

    ASSERT_TRUE(run_until(io_, [&] { return last && last->synced && last->exact; }));
    EXPECT_EQ(last->changed_at, index_of(removed));
    ASSERT_TRUE(run_until(io_, [&] { return publications_.back()->exact; }));
    EXPECT_EQ(publications_.back()->changed_at, index_of(removed));
    fresh.stop();
    late.abandon();
}

TEST_F(CatalogTest, under_churn_it_tells_when_it_is_exact_and_ends_so) {
    start();
    for (int i = 0; i < 300; ++i) put(instance("web", std::to_string(i % 7), "host1"));
    const auto last = writer_.last_zxid();
    ASSERT_TRUE(reached());

    ASSERT_TRUE(run_until(io_, [&] { return publications_.back()->exact; }));
    EXPECT_EQ(publications_.back()->changed_at, index_of(last));
    auto before = CatalogIndex{};
    for (const auto& publication : publications_) {
        EXPECT_GE(publication->changed_at, before);
        before = publication->changed_at;
    }
}

TEST_F(CatalogTest, never_goes_back_and_publishes_only_what_changed) {
    start();
    put(instance("web", "a", "host1"));
    put(instance("db", "a", "host1"));
    ASSERT_TRUE(reached());
    const auto web = catalog_->find_service("web");
    publications_.clear();

    put(instance("db", "b", "host1"));
    put(instance("db", "c", "host2"));
    remove("/services/db/a@host1");
    ASSERT_TRUE(reached());

    auto last = CatalogIndex{};
    for (const auto& publication : publications_) {
        EXPECT_GE(publication->index, last);
        last = publication->index;
        for (const auto& service : publication->services) EXPECT_EQ(service->name, "db");
    }
    EXPECT_FALSE(publications_.empty());
    EXPECT_EQ(catalog_->find_service("web"), web);
    EXPECT_EQ(catalog_->find_service("db")->instances.size(), 2U);
}

TEST_F(CatalogTest, republishes_the_services_of_a_node_that_changed) {
    start();
    put(test_node("host1"));
    put(instance("web", "a", "host1"));
    put(instance("db", "a", "host2"));
    ASSERT_TRUE(reached());
    EXPECT_EQ(catalog_->find_service("web")->instances[0].health, Health::passing);
    const auto db = catalog_->find_service("db");

    auto node = test_node("host1");
    node.maintenance = Maintenance{"kernel"};
    const auto set = put(node);
    ASSERT_TRUE(reached());

    const auto web = catalog_->find_service("web");
    EXPECT_EQ(web->instances[0].health, Health::critical);
    EXPECT_TRUE(web->instances[0].maintenance);
    EXPECT_EQ(web->index, index_of(set));
    EXPECT_EQ(catalog_->find_service("db"), db);
    EXPECT_EQ(catalog_->find_node("host1")->record.maintenance, Maintenance{"kernel"});

    remove(node_path("host1"));
    ASSERT_TRUE(reached());
    EXPECT_EQ(catalog_->find_node("host1"), nullptr);
    EXPECT_EQ(catalog_->find_service("web")->instances[0].node, nullptr);
    EXPECT_EQ(publications_.back()->removed_nodes, std::vector<std::string>{"host1"});
}

TEST_F(CatalogTest, knows_a_service_without_instances_until_its_znode_goes) {
    start();
    ASSERT_TRUE(run_task(io_, writer_.create("/services/web", "", CreateMode::container)));
    create("/services/web/a@host1", encode(instance("web", "a", "host1")));
    ASSERT_TRUE(reached());
    remove("/services/web/a@host1");
    ASSERT_TRUE(run_until(io_, [&] {
        return std::any_of(publications_.begin(), publications_.end(), [](const auto& published) {
            return !published->services.empty() && published->services[0]->instances.empty();
        });
    }));

    ASSERT_TRUE(run_until(io_, [&] { return catalog_->find_service("web") == nullptr; }))
        << "the container is reaped";
    EXPECT_EQ(publications_.back()->removed_services, std::vector<std::string>{"web"});
}

TEST_F(CatalogTest, takes_in_what_other_programs_register) {
    start();
    create("/services/web", "");
    create("/services/web/8f2c",
           R"({"name":"web","id":"8f2c","address":"10.0.0.7","port":80,"enabled":true})");
    ASSERT_TRUE(reached());

    const auto view = catalog_->find_service("web");
    ASSERT_EQ(view->instances.size(), 1U);
    EXPECT_EQ(view->instances[0].record.id(), "8f2c");
    EXPECT_EQ(view->instances[0].address(), "10.0.0.7");
    EXPECT_EQ(view->instances[0].record.znode(), "8f2c");
}

TEST_F(CatalogTest, skips_and_counts_what_is_malformed) {
    start();
    put(instance("web", "a", "host1"));
    create("/services/web/b", "not json");
    run_task(io_, writer_.ensure_path("/roster/nodes")).value();
    create("/roster/nodes/host1", "[]");
    ASSERT_TRUE(reached());

    EXPECT_EQ(catalog_->find_service("web")->instances.size(), 1U);
    EXPECT_EQ(catalog_->find_node("host1"), nullptr);
    EXPECT_EQ(metric("roster_catalog_malformed_total"), 2);

    run_task(io_, writer_.set_data("/services/web/a@host1", "{")).value();
    ASSERT_TRUE(reached());
    EXPECT_TRUE(catalog_->find_service("web")->instances.empty()) << "no longer what it was";
}

TEST_F(CatalogTest, leaves_out_and_counts_what_is_over_its_limits) {
    start({.instances_max = 2, .services_max = 1, .nodes_max = 1});
    for (const auto* id : {"a", "b", "c"}) put(instance("web", id, "host1"));
    put(instance("db", "a", "host1"));
    put(test_node("host1"));
    put(test_node("host2"));
    ASSERT_TRUE(reached());

    EXPECT_EQ(catalog_->find_service("web")->instances.size(), 2U);
    EXPECT_EQ(catalog_->find_service("db"), nullptr);
    EXPECT_EQ(catalog_->find_node("host2"), nullptr);
    EXPECT_GE(metric("roster_catalog_over_limit_total"), 3);
    EXPECT_EQ(metric("roster_catalog_instances"), 2);
}

TEST_F(CatalogTest, goes_on_with_the_last_answers_when_the_core_is_away) {
    start();
    put(instance("web", "a", "host1"));
    ASSERT_TRUE(reached());

    core_.stop();
    ASSERT_TRUE(run_until(io_, [&] { return !publications_.back()->connected; }));
    EXPECT_TRUE(publications_.back()->synced);
    EXPECT_EQ(catalog_->find_service("web")->instances.size(), 1U);

    core_.start();
    ASSERT_TRUE(run_until(io_, [&] { return publications_.back()->connected; }));
    ASSERT_TRUE(run_until(io_, [&] { return writer_.state() == coord::SessionState::connected; }));
    put(instance("web", "b", "host1"));
    ASSERT_TRUE(reached());
    EXPECT_EQ(catalog_->find_service("web")->instances.size(), 2U);
}

TEST_F(CatalogTest, reports_a_view_that_does_not_follow_in_time) {
    start();
    const auto future = coord::Zxid{static_cast<std::int64_t>(writer_.last_zxid()) + 1000};

    const auto reached = run_task(io_, catalog_->reached(future, std::chrono::milliseconds(50)));

    ASSERT_FALSE(reached);
    EXPECT_EQ(reached.error(), coord::Errc::operation_timeout);
}

}  // namespace
}  // namespace agent
