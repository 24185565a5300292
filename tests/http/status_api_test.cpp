#include "http/status_api.hpp"

#include "tests/http/face.hpp"

#include <gtest/gtest.h>

namespace http {
namespace {

TEST(StatusApi, names_the_leader_and_the_peers) {
    ServerOptions options;
    options.coord_status = [] { return CoordStatus{true, "127.0.0.1:2181", {"127.0.0.1:2181"}}; };
    const Face face(std::move(options));

    EXPECT_EQ(face.get("/v1/status/leader").body, R"("127.0.0.1:2181")");
    EXPECT_EQ(face.get("/v1/status/peers").body, R"(["127.0.0.1:2181"])");
}

TEST(StatusApi, has_an_empty_name_when_there_is_no_leader) {
    const Face face;

    const auto reply = face.get("/v1/status/leader");

    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, R"("")");
    EXPECT_EQ(face.get("/v1/status/peers").body, "[]");
}

TEST(StatusApi, says_that_there_are_no_acls) {
    const Face face;

    for (const auto* path : {"/v1/acl/tokens", "/v1/acl/token/self", "/v1/acl/bootstrap"}) {
        const auto reply = face.get(path);
        EXPECT_EQ(reply.status, 401) << path;
        EXPECT_EQ(reply.body, "ACL support disabled");
    }
}

TEST(StatusApi, names_the_product_at_the_root) {
    const Face face;

    EXPECT_TRUE(face.get("/").body.starts_with("Roster 0.1.0"));
}

}  // namespace
}  // namespace http
