#include "coord/tree/acl.hpp"

#include "coord/proto/error.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace coord {
namespace {

const std::vector<Id> somebody{{"ip", "127.0.0.1"}, {"digest", "u:h"}};

bool may_set(const char* scheme, const char* id) {
    return normalise_acl(AclList{{31, {scheme, id}}}, somebody).has_value();
}

bool lets(const char* scheme, const char* id, const std::vector<Id>& ids) {
    return permits({{perm::read, {scheme, id}}}, perm::read, ids);
}

TEST(Acl, must_name_somebody) {
    EXPECT_EQ(normalise_acl(std::nullopt, somebody).error(), Errc::invalid_acl);
    EXPECT_EQ(normalise_acl(AclList{}, somebody).error(), Errc::invalid_acl);
}

TEST(Acl, is_kept_without_duplicates_in_the_order_given) {
    const Acl world{31, {"world", "anyone"}};
    const Acl address{1, {"ip", "10.0.0.1"}};

    const auto normal = normalise_acl(AclList{address, world, address, world}, {});

    EXPECT_EQ(normal.value(), (AclList{address, world}));
}

TEST(Acl, auth_stands_for_who_the_client_has_proved_to_be) {
    const AclList auth{{perm::read, {"auth", ""}}};

    EXPECT_EQ(normalise_acl(auth, somebody).value(), (AclList{{perm::read, {"digest", "u:h"}}}));
    EXPECT_EQ(normalise_acl(auth, {{"ip", "127.0.0.1"}}).error(), Errc::invalid_acl);
}

TEST(Acl, takes_only_ids_that_their_scheme_knows) {
    EXPECT_TRUE(may_set("world", "anyone"));
    EXPECT_FALSE(may_set("world", "nobody"));
    EXPECT_TRUE(may_set("digest", "user:hash"));
    EXPECT_FALSE(may_set("digest", "user"));
    EXPECT_FALSE(may_set("digest", "a:b:c"));
    EXPECT_TRUE(may_set("ip", "10.0.0.0/8"));
    EXPECT_FALSE(may_set("ip", "10.0.0.0/33"));
    EXPECT_FALSE(may_set("ip", "10.0.0"));
    EXPECT_FALSE(may_set("ip", "10.0.0.256"));
    EXPECT_TRUE(may_set("ip", "fe80::1/64"));
    EXPECT_FALSE(may_set("ip", "fe80::1/129"));
    EXPECT_FALSE(may_set("ip", "fe80:::1"));
    EXPECT_TRUE(may_set("x509", "CN=agent,O=roster"));
    EXPECT_FALSE(may_set("super", "super"));
    EXPECT_FALSE(may_set("sasl", "user"));
    EXPECT_FALSE(may_set("", ""));
}

TEST(Acl, lets_in_whom_it_names_with_the_permission_it_gives) {
    const AclList acl{{perm::read | perm::write, {"digest", "u:h"}}};

    EXPECT_TRUE(permits(acl, perm::write, somebody));
    EXPECT_TRUE(permits(acl, perm::admin | perm::read, somebody));
    EXPECT_FALSE(permits(acl, perm::admin, somebody));
    EXPECT_FALSE(permits(acl, perm::read, {{"digest", "u:other"}}));
    EXPECT_FALSE(permits(acl, perm::read, {}));
}

TEST(Acl, world_is_everybody_and_super_may_everything) {
    EXPECT_TRUE(lets("world", "anyone", {}));
    EXPECT_TRUE(lets("digest", "x:y", {{"super", "root"}}));
    EXPECT_TRUE(permits({}, perm::admin, {}));
}

TEST(Acl, an_address_range_holds_the_addresses_that_share_its_bits) {
    EXPECT_TRUE(lets("ip", "10.1.2.3", {{"ip", "10.1.2.3"}}));
    EXPECT_FALSE(lets("ip", "10.1.2.3", {{"ip", "10.1.2.4"}}));
    EXPECT_TRUE(lets("ip", "10.1.0.0/15", {{"ip", "10.0.255.255"}}));
    EXPECT_FALSE(lets("ip", "10.2.0.0/15", {{"ip", "10.1.0.0"}}));
    EXPECT_TRUE(lets("ip", "0.0.0.0/0", {{"ip", "192.168.1.1"}}));
    EXPECT_FALSE(lets("ip", "0.0.0.0/0", {{"ip", "::1"}}));
    EXPECT_TRUE(lets("ip", "fe80::/10", {{"ip", "febf::1"}}));
    EXPECT_FALSE(lets("ip", "fe80::/10", {{"ip", "fec0::1"}}));
}

TEST(Acl, is_shown_without_the_hashes_of_digests) {
    const AclList acl{{1, {"digest", "user:hash"}}, {2, {"ip", "::1"}}};

    EXPECT_EQ(masked_acl(acl), (AclList{{1, {"digest", "user:x"}}, {2, {"ip", "::1"}}}));
}

TEST(Acl, does_not_grow_beyond_what_a_snapshot_holds_by_what_auth_stands_for) {
    std::vector<Id> many;
    for (int i = 0; i < 400; ++i) many.push_back({"digest", "u" + std::to_string(i) + ":hash"});
    AclList asked;
    for (std::int32_t perms = 0; perms < 50; ++perms) asked.push_back({perms, {"auth", ""}});
    EXPECT_EQ(normalise_acl(asked, many).value().size(), 50U * 400);

    for (std::int32_t perms = 50; perms < 60'000; ++perms) asked.push_back({perms, {"auth", ""}});
    EXPECT_EQ(normalise_acl(asked, many).error(), Errc::invalid_acl);
}

}  // namespace
}  // namespace coord
