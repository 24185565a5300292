#include "http/message.hpp"

#include <gtest/gtest.h>

namespace http {
namespace {

TEST(Target, is_split_into_a_decoded_path_and_decoded_parameters) {
    const auto target = parse_target("/v1/kv/a%2Fb%20c?raw&flags=1&name=x%26y+z&name=2");

    ASSERT_TRUE(target);
    EXPECT_EQ(target->path, "/v1/kv/a/b c");
    EXPECT_EQ(target->query,
              (Fields{{"raw", ""}, {"flags", "1"}, {"name", "x&y z"}, {"name", "2"}}));
}

TEST(Target, may_come_in_the_absolute_form) {
    const auto target = parse_target("http://127.0.0.1:8500/v1/agent/self?pretty");

    ASSERT_TRUE(target);
    EXPECT_EQ(target->path, "/v1/agent/self");
}

TEST(Target, with_a_broken_escape_or_without_a_path_is_refused) {
    for (const auto* wrong : {"/v1/%zz", "/v1/%4", "/v1/x?a=%f", "v1/kv", "*", ""}) {
        EXPECT_FALSE(parse_target(wrong)) << wrong;
    }
}

TEST(Request, tells_a_key_without_a_value_from_one_that_is_not_there) {
    Request request;
    request.target = *parse_target("/?stale=false&raw&tag=a&tag=b");

    EXPECT_TRUE(request.has("stale"));
    EXPECT_TRUE(request.has("raw"));
    EXPECT_FALSE(request.has("keys"));
    EXPECT_EQ(request.query("raw"), "");
    EXPECT_EQ(request.all("tag"), (std::vector<std::string>{"a", "b"}));
}

TEST(Request, finds_a_header_whatever_its_case) {
    Request request;
    request.header = {{"X-Consul-Token", "secret"}};

    EXPECT_EQ(request.find_header("x-consul-token"), "secret");
    EXPECT_EQ(request.find_header("Accept"), "");
}

TEST(Response, of_an_error_is_plain_text) {
    const auto response = plain(400, "Invalid index");

    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(response.content_type, "text/plain; charset=utf-8");
    EXPECT_EQ(response.body, "Invalid index");
}

}  // namespace
}  // namespace http
