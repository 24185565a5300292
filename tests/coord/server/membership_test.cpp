#include "coord/server/membership.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

TEST(Membership, is_told_as_zookeeper_tells_it) {
    const std::vector<Member> members{{MemberId{7}, "10.0.0.2:2888", MemberRole::voter},
                                      {MemberId{9}, "10.0.0.1:2888", MemberRole::voter},
                                      {MemberId{3}, "10.0.0.3:2999", MemberRole::standby}};

    EXPECT_EQ(format_membership(members),
              "server.1=10.0.0.1:2888:2888:participant\n"
              "server.2=10.0.0.2:2888:2888:participant\n"
              "server.3=10.0.0.3:2999:2999:observer\n"
              "version=0");
}

TEST(Membership, of_a_server_alone_is_empty) {
    EXPECT_EQ(format_membership({{MemberId{7}, "local", MemberRole::voter}}), "");
    EXPECT_EQ(format_membership({}), "");
}

}  // namespace
}  // namespace coord
