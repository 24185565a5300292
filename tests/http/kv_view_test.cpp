#include "http/kv_view.hpp"

#include <gtest/gtest.h>

namespace http {
namespace {

std::shared_ptr<const agent::KvEntry> entry(const std::string& key, std::uint64_t index) {
    agent::KvEntry made;
    made.key = key;
    made.modify_index = agent::CatalogIndex{index};
    return std::make_shared<const agent::KvEntry>(std::move(made));
}

TEST(KvView, holds_entries_in_byte_order) {
    KvView view;
    view.apply({agent::CatalogIndex{3}, true, {entry("b", 1), entry("a/z", 2), entry("a", 3)}, {}});

    std::vector<std::string> keys;
    for (auto at = view.lower_bound("a"); at != view.end(); ++at) keys.push_back(at->first);

    EXPECT_EQ(keys, (std::vector<std::string>{"a", "a/z", "b"}));
    EXPECT_EQ(view.index(), 3U);
}

TEST(KvView, names_the_keys_that_changed_and_not_those_it_never_had) {
    KvView view;
    view.apply({agent::CatalogIndex{1}, true, {entry("a", 1)}, {}});

    const auto change = view.apply({agent::CatalogIndex{2}, true, {entry("b", 2)}, {"a", "never"}});

    EXPECT_EQ(change.keys, (std::vector<std::string>{"b", "a"}));
    EXPECT_EQ(view.find("a"), nullptr);
    EXPECT_NE(view.find("b"), nullptr);
}

TEST(KvView, says_that_the_ensemble_was_restored_when_the_index_goes_back) {
    KvView view;
    view.apply({agent::CatalogIndex{5}, true, {}, {}});

    EXPECT_TRUE(view.apply({agent::CatalogIndex{2}, true, {}, {}}).restored);
}

}  // namespace
}  // namespace http
