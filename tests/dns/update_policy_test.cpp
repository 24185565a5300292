#include "dns/update_policy.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace dns {
namespace {

TsigKeyring keys() {
    return TsigKeyring({make_key({"dhcp", "hmac-sha256", {"secret"}, 0}),
                        make_key({"backup", "hmac-sha512", {"secret"}, 0})});
}

TEST(UpdatePolicy, gives_a_key_its_first_rule_for_a_name) {
    const auto ring = keys();
    const UpdatePolicy policy(
        {{"DHCP", {"*.Office", "web.service"}, std::chrono::seconds(60), false},
         {"dhcp", {"*"}, std::chrono::seconds(0), true}},
        ring);
    const auto& dhcp =
        *ring.find(std::string_view("\4dhcp\0", 6), std::string_view("\13hmac-sha256\0", 13));
    const auto& backup =
        *ring.find(std::string_view("\6backup\0", 8), std::string_view("\13hmac-sha512\0", 13));

    EXPECT_EQ(policy.find(dhcp, "printer.office")->lease.count(), 60);
    EXPECT_EQ(policy.find(dhcp, "a.b.office")->lease.count(), 60);
    EXPECT_EQ(policy.find(dhcp, "web.service")->lease.count(), 60);
    EXPECT_EQ(policy.find(dhcp, "office")->lease.count(), 0);
    EXPECT_EQ(policy.find(dhcp, "backoffice")->lease.count(), 0);
    EXPECT_TRUE(policy.find(dhcp, "db.service")->may_remove_registered);
    EXPECT_EQ(policy.find(backup, "printer.office"), nullptr);
}

TEST(UpdatePolicy, without_rules_lets_nobody_do_anything) {
    const auto ring = keys();
    const UpdatePolicy policy({}, ring);

    EXPECT_TRUE(policy.empty());
}

TEST(UpdatePolicy, wants_each_key_to_be_there) {
    EXPECT_THROW(UpdatePolicy({{"nobody", {"*"}, std::chrono::seconds(0), false}}, keys()),
                 std::runtime_error);
}

}  // namespace
}  // namespace dns
