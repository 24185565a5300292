#include "coord/raft/waiting_servers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coord {
namespace {

using std::chrono_literals::operator""s;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr WaitingServers::Time start{1000s};

TEST(WaitingServers, who_asks_is_listed_once) {
    WaitingServers servers;

    EXPECT_TRUE(servers.note(MemberId{1}, "a:1", start));
    EXPECT_FALSE(servers.note(MemberId{1}, "b:1", start));

    EXPECT_THAT(servers.list(start), ElementsAre(Member{MemberId{1}, "b:1", MemberRole::spare}));
}

TEST(WaitingServers, who_stops_asking_is_forgotten) {
    WaitingServers servers;
    servers.note(MemberId{1}, "a:1", start);

    EXPECT_THAT(servers.list(start + 11s), IsEmpty());
    EXPECT_TRUE(servers.note(MemberId{1}, "a:1", start + 11s));
}

TEST(WaitingServers, who_has_become_a_member_waits_no_longer) {
    WaitingServers servers;
    servers.note(MemberId{1}, "a:1", start);

    servers.forget({{MemberId{1}, "a:1", MemberRole::voter}});

    EXPECT_THAT(servers.list(start), IsEmpty());
}

TEST(WaitingServers, there_is_room_for_so_many) {
    WaitingServers servers;
    for (std::uint64_t id = 1; id <= 1000; ++id) servers.note(MemberId{id}, "a:1", start);

    EXPECT_THAT(servers.list(start), SizeIs(64));
}

}  // namespace
}  // namespace coord
