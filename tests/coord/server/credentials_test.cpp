#include "coord/server/credentials.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

// The vectors are ZooKeeper's own.
TEST(Credentials, a_digest_is_the_users_name_and_the_hash_of_both) {
    EXPECT_EQ(digest_id("super:test"), "super:D/InIHSb7yEEbrWz8b9l71RjZJU=");
    EXPECT_EQ(digest_id("pat:passwd"), "pat:SYIOH1LKU7GTQz5fhafPZCTNyNQ=");
    EXPECT_EQ(digest_id("user:pass"), "user:smGaoVKd/cQkjm7b88GyorAUz20=");
}

TEST(Credentials, any_proof_of_a_digest_makes_an_id) {
    EXPECT_EQ(digest_id(""), ":2jmj7l5rSw0yVb/vlWAYkK/YBwk=");
    const auto ids = authenticate("digest", "nobody", "");
    ASSERT_TRUE(ids);
    ASSERT_EQ(ids->size(), 1U);
    EXPECT_EQ(ids->front().scheme, "digest");
    EXPECT_TRUE(ids->front().id.starts_with("nobody:"));
}

TEST(Credentials, the_super_digest_makes_super) {
    const auto ids = authenticate("digest", "super:test", "super:D/InIHSb7yEEbrWz8b9l71RjZJU=");
    ASSERT_TRUE(ids);
    EXPECT_EQ(ids->front(), (Id{"super", ""}));
    EXPECT_EQ(ids->size(), 2U);

    EXPECT_EQ(authenticate("digest", "super:test", "")->size(), 1U);
}

TEST(Credentials, ip_is_proven_by_the_connection_and_other_schemes_by_nothing) {
    EXPECT_EQ(authenticate("ip", "10.0.0.1", ""), std::vector<Id>{});
    EXPECT_FALSE(authenticate("world", "anyone", ""));
    EXPECT_FALSE(authenticate("sasl", "x", ""));
    EXPECT_FALSE(authenticate("", "", ""));
}

TEST(Credentials, x509_is_proven_by_the_handshake_alone) {
    EXPECT_EQ(authenticate("x509", "CN=a", "", {{"ip", "10.0.0.1"}, {"x509", "CN=a"}}),
              std::vector<Id>{});
    EXPECT_FALSE(authenticate("x509", "CN=a", "", {{"ip", "10.0.0.1"}}));
}

TEST(Credentials, a_certificate_is_its_subject_and_may_be_super) {
    EXPECT_EQ(ids_of_certificate("CN=a", ""), (std::vector<Id>{{"x509", "CN=a"}}));
    EXPECT_EQ(ids_of_certificate("CN=a", "CN=a"),
              (std::vector<Id>{{"super", ""}, {"x509", "CN=a"}}));
    EXPECT_EQ(ids_of_certificate("", ""), std::vector<Id>{});
}

TEST(Credentials, who_am_i_names_users_without_their_secrets) {
    std::string body;
    Encoder out(body);
    encode_who_am_i(out, {{"ip", "127.0.0.1"}, {"digest", "pat:SYIOH"}, {"super", ""}});

    Decoder in(body);
    EXPECT_EQ(in.int32(), 3);
    EXPECT_EQ(in.ustring(), "ip");
    EXPECT_EQ(in.ustring(), "127.0.0.1");
    EXPECT_EQ(in.ustring(), "digest");
    EXPECT_EQ(in.ustring(), "pat");
    EXPECT_EQ(in.ustring(), "super");
    EXPECT_EQ(in.ustring(), "");
    EXPECT_TRUE(in.rest().empty());
}

}  // namespace
}  // namespace coord
