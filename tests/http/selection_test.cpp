#include "http/selection.hpp"

#include "tests/http/face.hpp"

#include <gtest/gtest.h>

namespace http {
namespace {

std::vector<std::string> ids(const Selection& selection, const agent::ServiceView& view) {
    std::vector<std::string> out;
    for (const auto* instance : selection.of(view)) out.emplace_back(instance->record.id());
    return out;
}

using Ids = std::vector<std::string>;

TEST(Selection, takes_all_instances_in_the_order_of_the_catalog) {
    const auto view = web_publication(1).services.front();

    EXPECT_EQ(ids({}, *view), (Ids{"web-1", "web-2"}));
}

TEST(Selection, wants_every_tag_that_is_named) {
    const auto view = web_publication(1).services.front();
    Selection selection;
    selection.tags = {"v1"};
    EXPECT_EQ(ids(selection, *view), (Ids{"web-1", "web-2"}));

    selection.tags = {"v1", "primary"};
    EXPECT_EQ(ids(selection, *view), (Ids{"web-1"}));
}

TEST(Selection, of_the_passing_leaves_out_warning_and_critical) {
    Selection selection;
    selection.passing = true;

    EXPECT_EQ(ids(selection, *web_publication(1, agent::Health::warning).services.front()),
              (Ids{"web-1"}));
    EXPECT_EQ(ids(selection, *web_publication(1, agent::Health::critical).services.front()),
              (Ids{"web-1"}));
}

TEST(Selection, wants_the_meta_of_the_node) {
    Selection selection;
    selection.read.node_meta = {{"rack", "a"}};

    EXPECT_EQ(ids(selection, *web_publication(1).services.front()), (Ids{"web-1"}));
}

TEST(Selection, puts_the_instances_near_a_node_first) {
    Selection selection;
    selection.read.near = "host2";

    EXPECT_EQ(ids(selection, *web_publication(1).services.front()), (Ids{"web-2", "web-1"}));
}

TEST(Flag, is_read_as_go_reads_it) {
    EXPECT_EQ(parse_flag(""), true);
    EXPECT_EQ(parse_flag("1"), true);
    EXPECT_EQ(parse_flag("false"), false);
    EXPECT_EQ(parse_flag("maybe"), std::nullopt);
}

}  // namespace
}  // namespace http
