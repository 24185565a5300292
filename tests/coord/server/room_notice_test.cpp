#include "coord/server/room_notice.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

struct RoomNoticeTest : testing::Test {
    void lead(bool leads) {
        standing.role = leads ? Role::leader : Role::follower;
        standing.leader = MemberId{leads ? 1U : 2U};
        notice.standing_changed();
    }

    bool has_room = true;
    bool told = true;
    Standing standing{Role::follower, Term{1}, MemberId{2}, true};
    std::vector<std::pair<MemberId, std::string>> sent;
    RoomNotice notice{
        {[this] { return has_room; },
         [this] { return standing; },
         [] {
             return std::vector<MemberStatus>{{{MemberId{1}, "a:1", MemberRole::voter}, true, {}},
                                              {{MemberId{2}, "b:1", MemberRole::voter}, true, {}}};
         },
         [this](MemberId to, std::string letter) { sent.emplace_back(to, std::move(letter)); },
         [this](bool room) { told = room; }}};
};

TEST_F(RoomNoticeTest, a_leader_tells_the_others_and_whoever_is_linked_later) {
    lead(true);
    has_room = false;
    notice.room_changed();

    EXPECT_FALSE(told);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].first, MemberId{2});
    EXPECT_EQ(sent[0].second, "R0");
    notice.linked(MemberId{3});
    EXPECT_EQ(sent.size(), 2U);
    has_room = true;
    notice.room_changed();
    EXPECT_TRUE(told);
    EXPECT_EQ(sent.back().second, "R1");
    notice.linked(MemberId{4});
    EXPECT_EQ(sent.back(), (std::pair<MemberId, std::string>{MemberId{4}, "R1"}))
        << "it may have missed that there is room again";
}

TEST_F(RoomNoticeTest, a_follower_goes_by_its_leader_and_by_its_own_disk) {
    lead(false);

    EXPECT_TRUE(notice.read(MemberId{2}, "R0"));
    EXPECT_FALSE(told);
    EXPECT_TRUE(notice.read(MemberId{2}, "R1"));
    EXPECT_TRUE(told);
    has_room = false;
    notice.room_changed();
    EXPECT_FALSE(told);
    EXPECT_TRUE(sent.empty());
}

TEST_F(RoomNoticeTest, what_an_old_leader_said_is_forgotten) {
    lead(false);
    notice.read(MemberId{2}, "R0");
    standing.leader = MemberId{3};
    notice.standing_changed();

    EXPECT_TRUE(told);
    EXPECT_TRUE(notice.read(MemberId{2}, "R0")) << "it does not lead";
    EXPECT_TRUE(told);
    EXPECT_FALSE(notice.read(MemberId{3}, "E0"));
}

}  // namespace
}  // namespace coord
