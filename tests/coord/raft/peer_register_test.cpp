#include "coord/raft/peer_register.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace coord {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

const std::vector<Member> members{{MemberId{1}, "a:1", MemberRole::voter},
                                  {MemberId{2}, "b:1", MemberRole::voter},
                                  {MemberId{3}, "c:1", MemberRole::voter}};

PeerRegister member_one(std::vector<std::string> servers = {}) {
    PeerRegister one(MemberId{1}, 5, "a:1", std::move(servers));
    one.set_cluster({ClusterId{7}, members});
    return one;
}

Hello hello_of(std::uint64_t id, std::string address, ClusterId cluster = ClusterId{7}) {
    Hello hello;
    hello.id = MemberId{id};
    hello.cluster = cluster;
    hello.address = std::move(address);
    return hello;
}

TEST(PeerRegister, says_who_this_is_and_what_it_knows) {
    const auto hello = member_one({"b:1", "a:1"}).hello(PeerPurpose::link, {});

    EXPECT_EQ(hello.purpose, PeerPurpose::link);
    EXPECT_EQ(hello.id, MemberId{1});
    EXPECT_EQ(hello.incarnation, 5U);
    EXPECT_EQ(hello.cluster, ClusterId{7});
    EXPECT_EQ(hello.address, "a:1");
    EXPECT_EQ(hello.members, members);
    EXPECT_EQ(hello.founders, members);
    EXPECT_EQ(hello.servers, (std::vector<std::string>{"a:1", "b:1"}));
}

TEST(PeerRegister, without_a_cluster_it_says_whom_it_sees) {
    const PeerRegister one(MemberId{1}, 5, "a:1", {});

    const auto hello = one.hello(PeerPurpose::ask, members);

    EXPECT_EQ(hello.cluster, ClusterId{0});
    EXPECT_EQ(hello.founders, members);
    EXPECT_THAT(hello.members, IsEmpty());
}

TEST(PeerRegister, asks_the_members_and_the_servers_but_not_itself) {
    EXPECT_THAT(member_one({"a:1", "d:1"}).addresses(), UnorderedElementsAre("b:1", "c:1", "d:1"));
}

TEST(PeerRegister, an_address_that_nobody_can_reach_is_not_asked) {
    auto one = member_one();
    one.set_members({members[0], {MemberId{2}, "local", MemberRole::voter}});

    EXPECT_THAT(one.addresses(), IsEmpty());
}

TEST(PeerRegister, a_member_is_where_it_says_until_a_configuration_moves_it) {
    auto one = member_one();
    one.learn(hello_of(2, "new:1"), {});
    EXPECT_EQ(one.address_of(MemberId{2}), "new:1");
    EXPECT_EQ(one.member_at("new:1"), MemberId{2});
    EXPECT_EQ(one.member_at("b:1"), MemberId{0});

    one.set_members(members);
    EXPECT_EQ(one.address_of(MemberId{2}), "new:1");

    auto moved = members;
    moved[1].address = "newest:1";
    one.set_members(moved);
    EXPECT_EQ(one.address_of(MemberId{2}), "newest:1");
}

TEST(PeerRegister, a_stranger_does_not_tell_where_a_member_is) {
    auto one = member_one();
    one.learn(hello_of(2, "trap:1", ClusterId{8}), {});
    one.learn(hello_of(2, "trap:1", ClusterId{0}), {});
    one.learn(hello_of(2, "no address"), {});

    EXPECT_EQ(one.address_of(MemberId{2}), "b:1");
}

TEST(PeerRegister, remembers_who_answered_where_it_asked) {
    auto one = member_one({"d:1"});
    one.learn(hello_of(9, "x:1", ClusterId{8}), "d:1");
    one.learn(hello_of(9, "x:1", ClusterId{8}), "elsewhere:1");

    EXPECT_EQ(one.answered_at("d:1"), MemberId{9});
    EXPECT_EQ(one.answered_at("elsewhere:1"), MemberId{0});
}

TEST(PeerRegister, judges_by_id_cluster_and_membership) {
    auto one = member_one();
    EXPECT_EQ(one.judge(hello_of(2, "b:1")), std::nullopt);
    EXPECT_EQ(one.judge(hello_of(4, "d:1")), std::nullopt);  // perhaps it was just added
    EXPECT_EQ(one.judge(hello_of(9, "d:1", ClusterId{0})), std::nullopt);
    EXPECT_EQ(one.judge(hello_of(1, "a:1")), PeerRefusal::same_id);
    EXPECT_EQ(one.judge(hello_of(2, "b:1", ClusterId{8})), PeerRefusal::other_cluster);

    one.set_members({members[0], members[1]});
    EXPECT_EQ(one.judge(hello_of(3, "c:1")), PeerRefusal::removed);
    EXPECT_FALSE(one.is_peer(hello_of(3, "c:1")));
    EXPECT_TRUE(one.is_removed(MemberId{3}));

    one.set_members(members);
    EXPECT_EQ(one.judge(hello_of(3, "c:1")), std::nullopt);
    EXPECT_TRUE(one.is_peer(hello_of(3, "c:1")));
}

}  // namespace
}  // namespace coord
