#include "http/kv_api.hpp"

#include "tests/http/agent_face.hpp"

#include <gtest/gtest.h>

namespace http {
namespace {

TEST(KvApi, gives_back_what_was_put) {
    const AgentFace face;

    EXPECT_EQ(face.put("/v1/kv/app/colour?flags=42", "blue").body, "true");

    const auto reply = face.get("/v1/kv/app/colour");
    const auto entry = boost::json::parse(reply.body).at(0).as_object();
    EXPECT_EQ(entry.at("Key").as_string(), "app/colour");
    EXPECT_EQ(entry.at("Value").as_string(), "Ymx1ZQ==");
    EXPECT_EQ(entry.at("Flags").to_number<int>(), 42);
    EXPECT_EQ(entry.at("ModifyIndex").to_number<std::uint64_t>(), reply.index());
}

TEST(KvApi, gives_the_bare_bytes_on_request) {
    const AgentFace face;
    const std::string bytes("\0\xff<html>", 8);
    face.put("/v1/kv/raw", bytes);

    const auto reply = face.get("/v1/kv/raw?raw");

    EXPECT_EQ(reply.body, bytes);
    EXPECT_EQ(reply.find("content-type"), "text/plain; charset=utf-8");
    EXPECT_EQ(reply.find("x-content-type-options"), "nosniff");
    EXPECT_EQ(reply.find("content-security-policy"), "sandbox");
}

TEST(KvApi, answers_a_missing_key_with_404_no_body_and_the_headers_of_a_read) {
    const AgentFace face;

    for (const auto* target : {"/v1/kv/none", "/v1/kv/none?recurse", "/v1/kv/none?keys"}) {
        const auto reply = face.get(target);
        EXPECT_EQ(reply.status, 404);
        EXPECT_EQ(reply.body, "");
        EXPECT_GE(reply.index(), 1U);
        EXPECT_EQ(reply.find("x-consul-knownleader"), "true");
    }
    EXPECT_EQ(face.get("/v1/kv/?keys").body, "[]");
    EXPECT_EQ(face.get("/v1/kv/").body, "Missing key name");
}

TEST(KvApi, lists_by_plain_prefix_and_folds_at_the_separator) {
    const AgentFace face;
    for (const auto* key : {"a/1", "a/b/2", "a/b/3", "ab", "c"}) {
        ASSERT_EQ(face.put("/v1/kv/" + std::string(key), key).body, "true");
    }

    EXPECT_EQ(face.get("/v1/kv/a?keys").body, R"(["a/1","a/b/2","a/b/3","ab"])");
    EXPECT_EQ(face.get("/v1/kv/a/?keys&separator=/").body, R"(["a/1","a/b/"])");
    EXPECT_EQ(face.get("/v1/kv/a/?keys&seperator=/").body, R"(["a/1","a/b/"])");
    EXPECT_EQ(face.get("/v1/kv/?keys&separator=/").body, R"(["a/","ab","c"])");
    EXPECT_EQ(face.json("/v1/kv/a/?recurse").as_array().size(), 3U);
    EXPECT_EQ(face.json("/v1/kv/?recurse").as_array().size(), 5U);
}

TEST(KvApi, compares_and_sets) {
    const AgentFace face;

    EXPECT_EQ(face.put("/v1/kv/x?cas=0", "first").body, "true");
    EXPECT_EQ(face.put("/v1/kv/x?cas=0", "again").body, "false");
    const auto index = std::to_string(face.get("/v1/kv/x").index());
    EXPECT_EQ(face.put("/v1/kv/x?cas=" + index, "second").body, "true");
    EXPECT_EQ(face.put("/v1/kv/x?cas=" + index, "third").body, "false");
    EXPECT_EQ(face.get("/v1/kv/x?raw").body, "second");
    EXPECT_EQ(face.remove("/v1/kv/x?cas=" + index).body, "false");
    EXPECT_EQ(face.remove("/v1/kv/x?cas=0").body, "false");
    const auto now = std::to_string(face.get("/v1/kv/x").index());
    EXPECT_EQ(face.remove("/v1/kv/x?cas=" + now).body, "true");
    EXPECT_EQ(face.get("/v1/kv/x").status, 404);
}

TEST(KvApi, removes_a_key_or_a_whole_prefix) {
    const AgentFace face;
    for (const auto* key : {"a/1", "a/2", "b"}) face.put("/v1/kv/" + std::string(key), "v");

    EXPECT_EQ(face.remove("/v1/kv/a/?recurse").body, "true");
    EXPECT_EQ(face.get("/v1/kv/?keys").body, R"(["b"])");
    EXPECT_EQ(face.remove("/v1/kv/nothing").body, "true");
    EXPECT_EQ(face.remove("/v1/kv/b").body, "true");
    EXPECT_EQ(face.get("/v1/kv/?keys").body, "[]");
    EXPECT_EQ(face.remove("/v1/kv/").body, "Missing key name");
}

TEST(KvApi, takes_any_bytes_as_a_key) {
    const AgentFace face;

    EXPECT_EQ(face.put("/v1/kv/a%2Fb", "1").body, "true");
    EXPECT_EQ(face.get("/v1/kv/a/b?raw").body, "1");
    EXPECT_EQ(face.put("/v1/kv//lead/../%C3%A9%20%25/", "2").body, "true");
    EXPECT_EQ(face.get("/v1/kv//lead/../%C3%A9%20%25/?raw").body, "2");
}

TEST(KvApi, refuses_a_value_above_512_kib_with_413) {
    const AgentFace face;

    const auto most = std::string(std::size_t{512} << 10U, 'x');
    EXPECT_EQ(face.put("/v1/kv/large", most).body, "true");
    EXPECT_EQ(face.put("/v1/kv/large", most + "x").status, 413);
    EXPECT_EQ(face.get("/v1/kv/large?raw").body.size(), most.size());
}

TEST(KvApi, refuses_a_key_above_1024_bytes_with_400) {
    const AgentFace face;
    const std::string most = "/v1/kv/" + std::string(1024, 'k');

    EXPECT_EQ(face.put(most, "1").body, "true");
    const auto refused = face.put(most + "k", "1");

    EXPECT_EQ(refused.status, 400);
    EXPECT_EQ(refused.body, "Invalid key: the limit is 1024 bytes");
    EXPECT_EQ(face.remove(most + "k").status, 400);
}

TEST(KvApi, refuses_bad_parameters) {
    const AgentFace face;

    EXPECT_EQ(face.put("/v1/kv/x?cas=many", "v").status, 400);
    EXPECT_EQ(face.put("/v1/kv/x?flags=-1", "v").status, 400);
    EXPECT_EQ(face.put("/v1/kv/x?cas=1&acquire=s", "v").status, 400);
    EXPECT_EQ(face.put("/v1/kv/x?acquire=s", "v").status, 400);
    EXPECT_EQ(face.put("/v1/kv/", "v").status, 400);
    EXPECT_EQ(face.remove("/v1/kv/x?recurse&cas=1").status, 400);
    EXPECT_EQ(face.put("/v1/kv/x?dc=elsewhere", "v").status, 500);
}

TEST(KvApi, wakes_who_waits_for_a_key_a_missing_key_or_a_prefix) {
    const AgentFace face;
    face.put("/v1/kv/app/a", "1");
    const auto wait = [&](RawClient& client, const std::string& target) {
        const auto index = face.get(target).index();
        client.ask("GET",
                   target + (target.find('?') == std::string::npos ? "?" : "&") +
                       "index=" + std::to_string(index));
    };
    auto key = face.client();
    auto missing = face.client();
    auto prefix = face.client();
    auto elsewhere = face.client();
    wait(key, "/v1/kv/app/a");
    wait(missing, "/v1/kv/app/b");
    wait(prefix, "/v1/kv/app/?keys");
    wait(elsewhere, "/v1/kv/other/?recurse");
    ASSERT_TRUE(face.parked(4));

    face.put("/v1/kv/app/a", "2");
    EXPECT_EQ(boost::json::parse(key.receive().body).at(0).at("Value").as_string(), "Mg==");
    EXPECT_TRUE(face.parked(3));  // The names under the prefix are the same.

    face.put("/v1/kv/app/b", "3");
    EXPECT_EQ(missing.receive().status, 200);
    EXPECT_EQ(prefix.receive().body, R"(["app/a","app/b"])");
    EXPECT_TRUE(face.parked(1));
    EXPECT_TRUE(elsewhere.silent_for(std::chrono::milliseconds(0)));
}

TEST(KvApi, does_not_take_the_index_back_when_a_key_goes) {
    const AgentFace face;
    face.put("/v1/kv/app/a", "1");
    face.put("/v1/kv/app/b", "2");
    const auto before = face.get("/v1/kv/app/?recurse").index();

    face.remove("/v1/kv/app/b");

    EXPECT_GT(face.get("/v1/kv/app/?recurse").index(), before);
    EXPECT_GE(face.get("/v1/kv/app/b").index(), before);
}

}  // namespace
}  // namespace http
