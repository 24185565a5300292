#include "http/catalog_view.hpp"

#include "tests/support/publications.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace http {
namespace {

using testing::Contains;
using testing::Not;

const auto host1 = support::make_node("host1", "10.0.0.1");
const auto host2 = support::make_node("host2", "10.0.0.2");

agent::Publication with(std::uint64_t index, std::shared_ptr<const agent::ServiceView> service) {
    auto publication = support::publication(index);
    publication.services = {std::move(service)};
    return publication;
}

Touched apply(CatalogView& view, const agent::Publication& publication) {
    return view.apply(publication, {});
}

TEST(CatalogView, holds_what_was_published_and_forgets_what_was_removed) {
    CatalogView view;
    auto first = with(5, support::make_service("web", {{.node = host1}}));
    first.nodes = {host1};
    apply(view, first);
    EXPECT_TRUE(view.synced());
    EXPECT_NE(view.find_service("web"), nullptr);
    EXPECT_NE(view.find_node("host1"), nullptr);

    auto second = support::publication(6);
    second.removed_services = {"web"};
    second.removed_nodes = {"host1"};
    apply(view, second);

    EXPECT_EQ(view.find_service("web"), nullptr);
    EXPECT_EQ(view.find_node("host1"), nullptr);
    EXPECT_EQ(view.index(), 6U);
}

TEST(CatalogView, never_has_index_zero) {
    CatalogView view;
    apply(view, support::publication(0));

    EXPECT_EQ(view.index(), 1U);
    EXPECT_EQ(view.service_index("web"), 1U);
}

TEST(CatalogView, takes_the_index_of_the_whole_for_a_service_it_does_not_know) {
    CatalogView view;
    auto web = *support::make_service("web", {{.node = host1}});
    web.index = agent::CatalogIndex{3};
    apply(view, with(7, std::make_shared<const agent::ServiceView>(web)));

    EXPECT_EQ(view.service_index("web"), 3U);
    EXPECT_EQ(view.service_index("api"), 7U);
}

TEST(CatalogView, touches_the_list_of_services_only_when_names_or_tags_changed) {
    CatalogView view;
    auto touched =
        apply(view, with(1, support::make_service("web", {{.node = host1, .tags = {"a"}}})));
    EXPECT_THAT(touched.keys, Contains(std::string(services_key)));

    touched = apply(
        view, with(2, support::make_service("web", {{.node = host1, .port = 81, .tags = {"a"}}})));
    EXPECT_THAT(touched.keys, Not(Contains(std::string(services_key))));
    EXPECT_THAT(touched.keys, Contains(service_key("web")));
    EXPECT_THAT(touched.keys, Contains(std::string(all_key)));

    touched = apply(view, with(3, support::make_service("web", {{.node = host1, .tags = {"b"}}})));
    EXPECT_THAT(touched.keys, Contains(std::string(services_key)));
}

// The parent's znode comes first and goes last, and without instances it is not in the list.
TEST(CatalogView, touches_the_list_of_services_when_the_first_instance_comes_and_the_last_goes) {
    CatalogView view;
    const auto empty = support::make_service("web", {});
    EXPECT_THAT(apply(view, with(1, empty)).keys, Not(Contains(std::string(services_key))));

    auto touched = apply(view, with(2, support::make_service("web", {{.node = host1}})));
    EXPECT_THAT(touched.keys, Contains(std::string(services_key)));

    touched = apply(view, with(3, empty));
    EXPECT_THAT(touched.keys, Contains(std::string(services_key)));
    EXPECT_THAT(apply(view, with(4, empty)).keys, Not(Contains(std::string(services_key))));
}

TEST(CatalogView, knows_for_how_long_the_ensemble_has_been_out_of_reach) {
    using std::chrono::seconds;
    const CatalogView::TimePoint start{seconds(100)};
    CatalogView view;
    auto publication = support::publication(1);
    view.apply(publication, start);
    EXPECT_EQ(view.last_contact(start + seconds(9)), seconds(0));

    publication.connected = false;
    view.apply(publication, start + seconds(10));
    view.apply(publication, start + seconds(12));
    EXPECT_EQ(view.last_contact(start + seconds(15)), seconds(5));

    publication.connected = true;
    view.apply(publication, start + seconds(20));
    EXPECT_EQ(view.last_contact(start + seconds(30)), seconds(0));
}

TEST(CatalogView, touches_only_the_nodes_whose_instances_changed) {
    CatalogView view;
    apply(view, with(1, support::make_service("web", {{.node = host1}, {.node = host2}})));

    const auto touched = apply(
        view,
        with(2,
             support::make_service(
                 "web", {{.node = host1}, {.node = host2, .health = agent::Health::critical}})));

    EXPECT_THAT(touched.keys, Contains(node_key("host2")));
    EXPECT_THAT(touched.keys, Not(Contains(node_key("host1"))));
}

TEST(CatalogView, touches_the_node_that_lost_its_instance) {
    CatalogView view;
    apply(view, with(1, support::make_service("web", {{.node = host1}, {.node = host2}})));

    const auto touched = apply(view, with(2, support::make_service("web", {{.node = host1}})));

    EXPECT_THAT(touched.keys, Contains(node_key("host2")));
    EXPECT_THAT(touched.keys, Not(Contains(node_key("host1"))));
}

TEST(CatalogView, touches_nothing_when_only_the_connection_changed) {
    CatalogView view;
    apply(view, with(1, support::make_service("web", {{.node = host1}})));
    auto lost = support::publication(1);
    lost.connected = false;

    const auto touched = apply(view, lost);

    EXPECT_TRUE(touched.keys.empty());
    EXPECT_FALSE(view.connected());
}

TEST(CatalogView, says_that_the_ensemble_was_restored_when_the_index_goes_back) {
    CatalogView view;
    EXPECT_FALSE(apply(view, support::publication(9)).restored);
    EXPECT_TRUE(apply(view, support::publication(4)).restored);
    EXPECT_EQ(view.index(), 4U);
}

}  // namespace
}  // namespace http
