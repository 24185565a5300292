#include "agent/journal.hpp"

#include "tests/support/publications.hpp"

#include <gtest/gtest.h>

namespace agent {
namespace {

using support::change_record;

std::shared_ptr<const NodeView> host(const std::string& name) {
    auto view = std::make_shared<NodeView>();
    view->record.name = name;
    view->record.address = "10.0.0.1";
    return view;
}

InstanceView instance(const std::string& id, std::shared_ptr<const NodeView> node) {
    InstanceRecord record;
    record.service.name = "web";
    record.service.id = id;
    record.node = node->record.name;
    return {.record = PackedRecord(record), .node = std::move(node), .health = Health::passing};
}

InstanceView failing(InstanceView view, const std::string& output) {
    Check check;
    check.definition.id = "tcp:8080";
    check.definition.service_id = view.record.id();
    check.status = {Health::critical, output};
    change_record(view, [&](auto& record) { record.checks = {check}; });
    view.health = Health::critical;
    return view;
}

class JournalTest : public testing::Test {
protected:
    void publish(std::vector<InstanceView> instances,
                 std::vector<std::shared_ptr<const NodeView>> nodes = {},
                 std::vector<std::string> removed_nodes = {}) {
        auto view = std::make_shared<ServiceView>();
        view->name = "web";
        view->index = CatalogIndex{++index_};
        view->instances = std::move(instances);
        Publication publication;
        publication.index = view->index;
        publication.synced = true;
        publication.services = {view};
        publication.nodes = std::move(nodes);
        publication.removed_nodes = std::move(removed_nodes);
        journal_.record(publication);
    }
    std::vector<std::string> told() {
        std::vector<std::string> all;
        for (const auto& entry : journal_.entries("", 100)) {
            all.push_back(entry.instance + " " + entry.what +
                          (entry.why.empty() ? "" : ": " + entry.why));
        }
        return all;
    }
    using Lines = std::vector<std::string>;

    std::int64_t now_ = 1000;
    std::uint64_t index_ = 0;
    Journal journal_{5, [this] { return now_; }};
    std::shared_ptr<const NodeView> host1_ = host("host1");
    std::shared_ptr<const NodeView> host2_ = host("host2");
};

TEST_F(JournalTest, does_not_count_as_change_what_was_there_at_first) {
    publish({instance("a", host1_)}, {host1_});

    EXPECT_EQ(told(), Lines{});
}

TEST_F(JournalTest, notes_who_came_and_went) {
    publish({instance("a", host1_)}, {host1_, host2_});

    publish({instance("a", host1_), instance("b", host2_)});
    publish({instance("b", host2_)});

    EXPECT_EQ(told(), (Lines{"b@host2 registered: by node host2", "a@host1 gone: deregistered"}));
    const auto entries = journal_.entries("web", 100);
    EXPECT_EQ(entries[0].index, CatalogIndex{2});
    EXPECT_EQ(entries[0].time_ms, 1000);
    EXPECT_EQ(entries[0].service, "web");
}

TEST_F(JournalTest, tells_another_program_and_the_catalog_apart) {
    publish({});
    auto curator = instance("8f2c", host1_);
    change_record(curator, [](auto& record) { record.external = true; });
    auto external = curator;
    curator.record = PackedRecord(curator.record.unpack(), "8f2c");
    change_record(external, [](auto& record) { record.service.id = "x"; });

    publish({curator, external});

    EXPECT_EQ(told(),
              (Lines{"8f2c@host1 registered: by another program",
                     "x@host1 registered: through the catalog"}));
}

TEST_F(JournalTest, blames_the_session_of_a_node_that_went_before) {
    publish({instance("a", host1_)}, {host1_});

    publish({instance("a", host1_)}, {}, {"host1"});
    publish({});

    EXPECT_EQ(told(), Lines{"a@host1 gone: the session of node host1 ended"});
}

TEST_F(JournalTest, blames_the_session_of_a_node_that_went_right_after) {
    publish({instance("a", host1_), instance("b", host1_)}, {host1_});
    publish({instance("a", host1_)});
    now_ += 60'000;
    publish({});

    publish({}, {}, {"host1"});

    EXPECT_EQ(
        told(),
        (Lines{"b@host1 gone: deregistered", "a@host1 gone: the session of node host1 ended"}));
}

TEST_F(JournalTest, names_the_check_that_turned_the_health) {
    publish({instance("a", host1_)}, {host1_});

    publish({failing(instance("a", host1_), "connection refused\nsecond line")});
    publish({instance("a", host1_)});

    EXPECT_EQ(told(),
              (Lines{"a@host1 passing -> critical: check tcp:8080: connection refused",
                     "a@host1 changed: checks",
                     "a@host1 critical -> passing: a check was removed",
                     "a@host1 changed: checks"}));
}

TEST_F(JournalTest, names_the_check_of_the_node) {
    publish({instance("a", host1_)}, {host1_});
    auto sick = std::make_shared<NodeView>(*host1_);
    Check check;
    check.definition.id = "disk";
    check.status = {Health::warning, "90 %"};
    sick->record.checks = {check};
    auto after = instance("a", sick);
    after.health = Health::warning;

    publish({after}, {sick});

    EXPECT_EQ(told(), Lines{"a@host1 passing -> warning: check of the node disk: 90 %"});
}

TEST_F(JournalTest, notes_maintenance_with_its_reason) {
    publish({instance("a", host1_)}, {host1_});
    auto kept = instance("a", host1_);
    change_record(kept, [](auto& record) { record.maintenance = Maintenance{"disk"}; });
    kept.maintenance = true;
    kept.health = Health::critical;

    publish({kept});
    publish({instance("a", host1_)});

    EXPECT_EQ(told(), (Lines{"a@host1 maintenance on: disk", "a@host1 maintenance off"}));
}

TEST_F(JournalTest, names_what_was_changed_but_no_outputs) {
    publish({failing(instance("a", host1_), "x")}, {host1_});
    auto after = failing(instance("a", host1_), "another output");
    change_record(after, [](auto& record) {
        record.service.port = 9090;
        record.service.tags = {"new"};
    });

    publish({after});
    publish({failing(after, "again")});

    EXPECT_EQ(told(), Lines{"a@host1 changed: port, tags"});
}

TEST_F(JournalTest, notes_services_that_come_and_go_as_a_whole) {
    Publication first;
    first.synced = true;
    journal_.record(first);
    publish({});
    Publication last;
    last.synced = true;
    last.removed_services = {"web"};
    journal_.record(last);

    EXPECT_EQ(told(),
              (Lines{" registered: its first instance", " gone: it had no instances any more"}));
}

TEST_F(JournalTest, forgets_the_oldest_and_counts_them) {
    publish({});
    for (int i = 0; i < 4; ++i) {
        publish({instance("a", host1_)});
        publish({});
    }

    EXPECT_EQ(journal_.entries("", 100).size(), 5U);
    EXPECT_EQ(journal_.dropped(), 3U);
    EXPECT_EQ(journal_.entries("", 2).size(), 2U);
    EXPECT_EQ(journal_.entries("", 2).back().what, "gone") << "the newest, and last";
    EXPECT_TRUE(journal_.entries("other", 100).empty());
}

}  // namespace
}  // namespace agent
