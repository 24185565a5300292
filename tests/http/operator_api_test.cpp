#include "http/operator_api.hpp"

#include "tests/http/face.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <vector>

namespace http {
namespace {

using Kind = coord::MembershipOrder::Kind;
using Verdict = coord::MembershipAnswer::Verdict;

// A face before a core that answers as the test says.
struct OperatorApiTest : testing::Test {
    static coord::Task<coord::MembershipAnswer> answered(coord::MembershipAnswer answer) {
        co_return answer;
    }
    static coord::Task<coord::Result<coord::SavedSnapshot>> saved(std::string content) {
        const auto bytes = content.size();
        auto read = [content = std::move(content)](std::uint64_t offset, std::size_t count) {
            return content.substr(offset, count);
        };
        co_return coord::SavedSnapshot{42, bytes, std::move(read)};
    }
    CoreDoor door() {
        return {[this](const coord::MembershipOrder& order) {
                    orders.push_back(order);
                    return answered(answer);
                },
                [this] { return saved(snapshot); }};
    }

    std::vector<coord::MembershipOrder> orders;
    coord::MembershipAnswer answer;
    std::string snapshot;
    Face face{{}, door()};
};

TEST_F(OperatorApiTest, the_configuration_is_consuls_with_our_fields_beside) {
    answer.cluster = 7;
    answer.index = 12;
    answer.servers = {{1, "10.0.0.1:2888", coord::ListedServer::Role::voter, true, true, 0},
                      {2, "10.0.0.2:2888", coord::ListedServer::Role::standby, false, false, {}},
                      {3, "10.0.0.3:2888", coord::ListedServer::Role::waiting, false, false, {}}};

    const auto reply = face.get("/v1/operator/raft/configuration");

    ASSERT_EQ(reply.status, 200);
    const auto body = boost::json::parse(reply.body).as_object();
    EXPECT_EQ(body.at("Index"), 12);
    EXPECT_EQ(body.at("Cluster"), "0000000000000007");
    ASSERT_EQ(body.at("Servers").as_array().size(), 2U);
    const auto& leader = body.at("Servers").at(0).as_object();
    EXPECT_EQ(leader.at("ID"), "0000000000000001");
    EXPECT_EQ(leader.at("Leader"), true);
    EXPECT_EQ(leader.at("Voter"), true);
    EXPECT_EQ(leader.at("Behind"), 0);
    EXPECT_EQ(body.at("Servers").at(1).at("Role"), "stand-by");
    EXPECT_EQ(body.at("Servers").at(1).as_object().count("Behind"), 0U);
    EXPECT_EQ(body.at("Waiting").at(0).at("Address"), "10.0.0.3:2888");
    EXPECT_EQ(body.count("State"), 0U);
}

TEST_F(OperatorApiTest, a_server_without_a_cluster_says_what_it_waits_for) {
    answer.why = "no answer from 10.0.0.2:2888";

    const auto body = boost::json::parse(face.get("/v1/operator/raft/configuration").body);

    EXPECT_EQ(body.at("State"), "no answer from 10.0.0.2:2888");
}

TEST_F(OperatorApiTest, every_change_is_an_order) {
    const auto client = [this](auto method, auto target) {
        return face.client().exchange(method, target).status;
    };
    EXPECT_EQ(client("POST", "/v1/operator/raft/peer?address=10.0.0.4:2888"), 200);
    EXPECT_EQ(client("POST", "/v1/operator/raft/promote?id=00000000000000ff"), 200);
    EXPECT_EQ(client("PUT", "/v1/operator/raft/demote?address=10.0.0.4:2888"), 200);
    EXPECT_EQ(client("DELETE", "/v1/operator/raft/peer?id=ff"), 200);

    ASSERT_EQ(orders.size(), 4U);
    EXPECT_EQ(orders[0].kind, Kind::add);
    EXPECT_EQ(orders[0].address, "10.0.0.4:2888");
    EXPECT_EQ(orders[1].kind, Kind::promote);
    EXPECT_EQ(orders[1].member, 255U);
    EXPECT_EQ(orders[2].kind, Kind::demote);
    EXPECT_EQ(orders[3].kind, Kind::remove);
    EXPECT_EQ(orders[3].member, 255U);
}

TEST_F(OperatorApiTest, a_refusal_is_a_status_and_a_sentence) {
    const std::vector<std::pair<Verdict, int>> expected{{Verdict::wrong, 400},
                                                        {Verdict::unknown, 404},
                                                        {Verdict::refused, 409},
                                                        {Verdict::unavailable, 503}};
    for (const auto& [verdict, status] : expected) {
        answer.verdict = verdict;
        answer.why = "do this";
        const auto reply = face.put("/v1/operator/raft/promote?id=1");
        EXPECT_EQ(reply.status, status);
        EXPECT_EQ(reply.body, "do this");
    }
}

TEST_F(OperatorApiTest, an_order_about_nobody_is_refused_here) {
    for (const auto* target : {"/v1/operator/raft/promote",
                               "/v1/operator/raft/promote?id=x",
                               "/v1/operator/raft/peer"}) {
        EXPECT_EQ(face.put(target).status, 400) << target;
    }
    EXPECT_TRUE(orders.empty());
}

TEST_F(OperatorApiTest, a_snapshot_of_any_size_is_sent_piece_by_piece) {
    for (std::size_t i = 0; i < 100'000; ++i) snapshot += std::to_string(i);

    const auto reply = face.get("/v1/snapshot?stale");

    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body.size(), snapshot.size());
    EXPECT_TRUE(reply.body == snapshot);
}

TEST(OperatorApi, an_agent_without_a_core_says_so) {
    const Face face;

    for (const auto* target : {"/v1/operator/raft/configuration", "/v1/snapshot"}) {
        EXPECT_EQ(face.get(target).status, 501) << target;
    }
}

}  // namespace
}  // namespace http
