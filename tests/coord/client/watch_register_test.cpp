#include "coord/client/watch_register.hpp"

#include "coord/proto/jute.hpp"
#include "coord/proto/requests.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coord {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

WatcherEvent event(EventType type, std::string path) {
    return {type, KeeperState::sync_connected, std::move(path)};
}

// The one request that sets all of the watches again; it holds views into `body`.
SetWatchesRequest only_request(const WatchRegister& watches, OpCode op, std::string& body) {
    auto requests = watches.requests(Zxid{42});
    EXPECT_EQ(requests.size(), 1U);
    EXPECT_EQ(requests.at(0).op, op);
    body = std::move(requests.at(0).body);
    Decoder in(body);
    return SetWatchesRequest::decode(in, op);
}

TEST(WatchRegister, asks_for_nothing_when_nothing_is_watched) {
    EXPECT_THAT(WatchRegister().requests(Zxid{1}), IsEmpty());
}

TEST(WatchRegister, sets_each_kind_of_one_shot_watch_again) {
    WatchRegister watches;
    watches.add_data("/d");
    watches.add_exist("/e");
    watches.add_child("/c");

    std::string body;
    const auto request = only_request(watches, OpCode::set_watches, body);

    EXPECT_EQ(request.relative_zxid, Zxid{42});
    EXPECT_THAT(request.data, ElementsAre("/d"));
    EXPECT_THAT(request.exist, ElementsAre("/e"));
    EXPECT_THAT(request.child, ElementsAre("/c"));
}

TEST(WatchRegister, uses_the_newer_request_only_for_persistent_watches) {
    WatchRegister watches;
    watches.add("/p", WatchMode::persistent);
    watches.add("/r", WatchMode::persistent_recursive);

    std::string body;
    const auto request = only_request(watches, OpCode::set_watches2, body);

    EXPECT_THAT(request.persistent, ElementsAre("/p"));
    EXPECT_THAT(request.persistent_recursive, ElementsAre("/r"));
}

TEST(WatchRegister, a_removal_uses_up_all_one_shot_watches_of_the_path) {
    WatchRegister watches;
    watches.add_data("/a");
    watches.add_exist("/a");
    watches.add_child("/a");

    watches.fired(event(EventType::node_deleted, "/a"));

    EXPECT_THAT(watches.requests(Zxid{1}), IsEmpty());
}

TEST(WatchRegister, a_new_child_uses_up_the_child_watch_and_a_change_the_others) {
    WatchRegister watches;
    watches.add_data("/a");
    watches.add_child("/a");
    std::string body;

    watches.fired(event(EventType::node_children_changed, "/a"));

    const auto left = only_request(watches, OpCode::set_watches, body);
    EXPECT_THAT(left.data, ElementsAre("/a"));
    EXPECT_THAT(left.child, IsEmpty());
    watches.fired(event(EventType::node_data_changed, "/a"));
    EXPECT_THAT(watches.requests(Zxid{1}), IsEmpty());
}

TEST(WatchRegister, persistent_watches_outlive_their_events) {
    WatchRegister watches;
    watches.add("/p", WatchMode::persistent);

    watches.fired(event(EventType::node_deleted, "/p"));

    EXPECT_EQ(watches.requests(Zxid{1}).size(), 1U);
}

TEST(WatchRegister, splits_what_would_be_too_large_for_a_server) {
    WatchRegister watches;
    const std::string tail(1000, 'x');
    for (int i = 0; i < 1000; ++i) watches.add_data("/" + std::to_string(i) + tail);

    const auto requests = watches.requests(Zxid{1});

    EXPECT_GT(requests.size(), 7U);
    std::size_t paths = 0;
    for (const auto& request : requests) {
        EXPECT_LT(request.body.size(), std::size_t{140} << 10U);
        Decoder in(request.body);
        paths += SetWatchesRequest::decode(in, request.op).data.size();
    }
    EXPECT_EQ(paths, 1000U);
}

}  // namespace
}  // namespace coord
