#include "dns/update_transaction.hpp"

#include "tests/support/dns_updates.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace dns {
namespace {

using Hold = ZoneRecord::Hold;
using Kind = UpdateTarget::Kind;
using support::address;

class UpdateTransactionTest : public testing::Test {
protected:
    UpdateEntry entry(const UpdateTarget& target,
                      std::uint16_t type,
                      std::uint16_t klass,
                      const std::string& rdata = {}) {
        state_[target];
        return {target, support::record("x", type, klass, rdata)};
    }
    void hold(const UpdateTarget& target,
              std::uint16_t type,
              const std::string& rdata,
              Hold with = Hold::own,
              const std::string& path = {}) {
        ZoneRecord made;
        made.type = type;
        made.ttl = 30;
        made.rdata = rdata;
        made.hold = with;
        made.path = path;
        state_[target].push_back(made);
    }
    Rcode check(const std::vector<UpdateEntry>& entries) {
        return UpdateTransaction(zone_, state_, 1000).check(entries);
    }
    Rcode apply(const std::vector<UpdateEntry>& entries) {
        return UpdateTransaction(zone_, state_, 1000).apply(entries, key(), policy_);
    }
    [[nodiscard]] const TsigKey& key() const {
        return *keys_.find(std::string_view("\4dhcp\0", 6),
                           std::string_view("\13hmac-sha256\0", 13));
    }
    std::vector<std::string> rdata(const UpdateTarget& target, std::uint16_t type) {
        std::vector<std::string> found;
        for (const auto& record : state_[target]) {
            if (record.type == type) found.push_back(record.rdata);
        }
        std::sort(found.begin(), found.end());
        return found;
    }
    using Rdata = std::vector<std::string>;

    Grammar grammar_{"roster.internal", "dc1", {}};
    UpdateZone zone_{grammar_};
    TsigKeyring keys_{{make_key({"dhcp", "hmac-sha256", {"secret"}, 0})}};
    UpdatePolicy policy_{{{"dhcp", {"*.dyn", "web.service"}, std::chrono::seconds(60), false}},
                         keys_};
    ZoneState state_;
    const UpdateTarget host_{Kind::name, "host.dyn", support::name_of("host.dyn.roster.internal")};
    const UpdateTarget web_{Kind::service, "web", support::name_of("web.service.roster.internal")};
    const std::string target_ = "0A000005.addr.roster.internal";  // One of its spellings.
};

TEST_F(UpdateTransactionTest, needs_names_and_sets_to_be_there_or_not) {
    hold(host_, rr::a, address(1));
    const UpdateTarget free{Kind::name, "free.dyn", {}};

    EXPECT_EQ(check({entry(host_, rr::any, class_any)}), Rcode::no_error);
    EXPECT_EQ(check({entry(free, rr::any, class_any)}), Rcode::name_error);
    EXPECT_EQ(check({entry(host_, rr::a, class_any)}), Rcode::no_error);
    EXPECT_EQ(check({entry(host_, rr::txt, class_any)}), Rcode::rrset_missing);
    EXPECT_EQ(check({entry(host_, rr::any, class_none)}), Rcode::name_exists);
    EXPECT_EQ(check({entry(free, rr::any, class_none)}), Rcode::no_error);
    EXPECT_EQ(check({entry(host_, rr::a, class_none)}), Rcode::rrset_exists);
    EXPECT_EQ(check({entry(host_, rr::txt, class_none)}), Rcode::no_error);
}

TEST_F(UpdateTransactionTest, needs_a_set_to_be_exactly_what_is_given) {
    hold(host_, rr::a, address(1));
    hold(host_, rr::a, address(2));
    const auto one = entry(host_, rr::a, class_in, address(1));
    const auto two = entry(host_, rr::a, class_in, address(2));
    const auto three = entry(host_, rr::a, class_in, address(3));

    EXPECT_EQ(check({two, one}), Rcode::no_error);
    EXPECT_EQ(check({two, one, one}), Rcode::no_error);
    EXPECT_EQ(check({one}), Rcode::rrset_missing);
    EXPECT_EQ(check({one, two, three}), Rcode::rrset_missing);
    EXPECT_EQ(check({entry(host_, rr::txt, class_in, "\1a")}), Rcode::rrset_missing);
}

TEST_F(UpdateTransactionTest, gives_what_is_added_the_lease_that_was_granted) {
    hold(host_, rr::txt, "\1x");
    const std::vector entries{entry(host_, rr::a, class_in, address(1)),
                              entry(web_, rr::a, class_in, address(2))};
    UpdateTransaction transaction(zone_, state_, 1000);

    EXPECT_EQ(transaction.apply(entries, key(), policy_, UpdateLease{std::chrono::seconds(40)}),
              Rcode::no_error);

    EXPECT_EQ(state_[host_].front().expires_ms, 0) << "of what was there";
    EXPECT_EQ(state_[host_].back().expires_ms, 41'000);
    EXPECT_EQ(state_[web_].back().expires_ms, 41'000);
}

TEST_F(UpdateTransactionTest, grants_a_lease_within_all_rules_of_the_update) {
    using std::chrono::seconds;
    const UpdatePolicy policy{{{"dhcp", {"*.dyn"}, seconds(600), false},
                               {"dhcp", {"web.service"}, seconds(100), false},
                               {"dhcp", {"*.free"}, seconds(0), false}},
                              keys_};
    const auto dyn = entry(host_, rr::a, class_in, address(1));
    const auto web = entry(web_, rr::a, class_in, address(2));
    const auto free = entry({Kind::name, "a.free", {}}, rr::a, class_in, address(3));
    const UpdateLease hour{seconds(3600)};

    EXPECT_EQ(grant(hour, {free, dyn}, key(), policy).all, seconds(600));
    EXPECT_EQ(grant(hour, {dyn, free, web}, key(), policy).all, seconds(100));
    EXPECT_EQ(grant(hour, {free}, key(), policy).all, seconds(3600));
    EXPECT_EQ(grant({seconds(60)}, {dyn, web}, key(), policy).all, seconds(60));
}

TEST_F(UpdateTransactionTest, adds_in_order_and_gives_a_set_one_ttl) {
    hold(host_, rr::a, address(1));

    EXPECT_EQ(apply({entry(host_, rr::a, class_in, address(2)),
                     entry(host_, rr::a, class_none, address(2)),
                     entry(host_, rr::a, class_in, address(3))}),
              Rcode::no_error);

    EXPECT_EQ(rdata(host_, rr::a), (Rdata{address(1), address(3)}));
    for (const auto& record : state_[host_]) EXPECT_EQ(record.ttl, 60U);
    EXPECT_EQ(state_[host_].back().expires_ms, 61'000);
    EXPECT_EQ(state_[host_].back().key, "dhcp.");
}

TEST_F(UpdateTransactionTest, renews_what_is_added_again) {
    hold(host_, rr::cname, support::name_of("Target.dyn"));

    EXPECT_EQ(apply({entry(host_, rr::cname, class_in, support::name_of("target.DYN"))}),
              Rcode::no_error);

    ASSERT_EQ(state_[host_].size(), 1U);
    EXPECT_EQ(state_[host_][0].expires_ms, 61'000);
}

TEST_F(UpdateTransactionTest, passes_over_an_alias_beside_data_and_data_beside_an_alias) {
    const UpdateTarget alias{Kind::name, "alias.dyn", {}};
    hold(host_, rr::a, address(1));
    hold(alias, rr::cname, support::name_of("a.dyn"));

    EXPECT_EQ(apply({entry(host_, rr::cname, class_in, support::name_of("b.dyn")),
                     entry(alias, rr::a, class_in, address(2))}),
              Rcode::no_error);
    EXPECT_EQ(rdata(host_, rr::cname), Rdata{});
    EXPECT_EQ(rdata(alias, rr::a), Rdata{});

    // An alias takes the place of an alias.
    EXPECT_EQ(apply({entry(alias, rr::cname, class_in, support::name_of("b.dyn"))}),
              Rcode::no_error);
    EXPECT_EQ(rdata(alias, rr::cname), Rdata{support::name_of("b.dyn")});
}

TEST_F(UpdateTransactionTest, removes_records_sets_and_names_and_succeeds_with_what_is_not_there) {
    for (const int i : {1, 2, 3}) hold(host_, rr::a, address(i));
    hold(host_, rr::txt, "\1a");
    hold(host_, rr::txt, "\1b");

    EXPECT_EQ(apply({entry(host_, rr::a, class_none, address(2)),
                     entry(host_, rr::a, class_none, address(9)),
                     entry(host_, rr::txt, class_any),
                     entry(host_, rr::srv, class_any)}),
              Rcode::no_error);
    EXPECT_EQ(rdata(host_, rr::a), (Rdata{address(1), address(3)}));
    EXPECT_EQ(rdata(host_, rr::txt), Rdata{});

    EXPECT_EQ(apply({entry(host_, rr::any, class_any)}), Rcode::no_error);
    EXPECT_TRUE(state_[host_].empty());
}

TEST_F(UpdateTransactionTest, gives_a_port_an_address_that_goes_with_it) {
    EXPECT_EQ(apply({entry(web_, rr::srv, class_in, support::srv(0, 1, 80, target_)),
                     entry(web_, rr::srv, class_in, support::srv(0, 1, 81, target_))}),
              Rcode::no_error);
    EXPECT_EQ(rdata(web_, rr::a), Rdata{address(5)});
    EXPECT_EQ(apply({entry(web_, rr::srv, class_none, support::srv(1, 1, 80, target_))}),
              Rcode::no_error);
    EXPECT_EQ(rdata(web_, rr::a), Rdata{address(5)});
    EXPECT_EQ(apply({entry(web_, rr::srv, class_any)}), Rcode::no_error);
    EXPECT_TRUE(state_[web_].empty());

    // One that was added itself stays, and takes its ports along.
    EXPECT_EQ(apply({entry(web_, rr::a, class_in, address(5)),
                     entry(web_, rr::srv, class_in, support::srv(0, 1, 80, target_)),
                     entry(web_, rr::srv, class_any)}),
              Rcode::no_error);
    EXPECT_EQ(rdata(web_, rr::a), Rdata{address(5)});
    EXPECT_EQ(apply({entry(web_, rr::srv, class_in, support::srv(0, 1, 80, target_)),
                     entry(web_, rr::a, class_none, address(5))}),
              Rcode::no_error);
    EXPECT_TRUE(state_[web_].empty());
}

TEST_F(UpdateTransactionTest, never_removes_what_was_registered_unless_it_may) {
    hold(web_, rr::a, address(1), Hold::fixed, "/a");
    hold(web_, rr::srv, support::srv(1, 1, 80, "0a000001.addr.roster.internal"), Hold::fixed, "/a");
    hold(web_, rr::a, address(2), Hold::registered, "/b");
    hold(web_,
         rr::srv,
         support::srv(1, 1, 80, "0a000002.addr.roster.internal"),
         Hold::registered,
         "/b");

    EXPECT_EQ(apply({entry(web_, rr::a, class_none, address(1))}), Rcode::refused);
    EXPECT_EQ(apply({entry(web_, rr::a, class_any)}), Rcode::no_error);
    EXPECT_EQ(rdata(web_, rr::a), Rdata{address(1)});
    EXPECT_EQ(rdata(web_, rr::srv).size(), 1U);
}

TEST_F(UpdateTransactionTest, is_refused_where_the_key_may_not_or_nothing_could_be_held) {
    const UpdateTarget printer{Kind::name, "printer", {}};
    const UpdateTarget node{Kind::other, "", support::name_of("host1.node.roster.internal")};

    EXPECT_EQ(apply({entry(printer, rr::a, class_in, address(1))}), Rcode::refused);
    EXPECT_EQ(apply({entry(node, rr::a, class_any)}), Rcode::refused);
    EXPECT_EQ(apply({entry(host_, 15, class_in, std::string("\0\1\0", 3))}), Rcode::refused);
    EXPECT_EQ(apply({entry(web_, rr::txt, class_in, "\1a")}), Rcode::refused);
    EXPECT_EQ(apply({entry(web_, rr::srv, class_in, support::srv(0, 1, 0, target_))}),
              Rcode::refused);
    const auto mapped = std::string(10, '\0') + "\xFF\xFF" + address(1);
    EXPECT_EQ(apply({entry(web_, rr::aaaa, class_in, mapped)}), Rcode::refused);
    const std::string mapped_target = "00000000000000000000ffff0a000001.addr.roster.internal";
    EXPECT_EQ(apply({entry(web_, rr::srv, class_in, support::srv(0, 1, 80, mapped_target))}),
              Rcode::refused);
    std::string text;
    for (int i = 0; i < 20; ++i) text += std::string("\xFA") + std::string(250, 'x');
    EXPECT_EQ(apply({entry(host_, rr::txt, class_in, text)}), Rcode::refused);
    EXPECT_EQ(apply({entry(host_, rr::a, class_in, address(1)), entry(printer, rr::a, class_any)}),
              Rcode::refused);
    EXPECT_TRUE(state_[host_].empty());  // Rules are looked at before anything is done.
}

TEST_F(UpdateTransactionTest, holds_a_hundred_records_at_a_name) {
    for (int i = 0; i < 100; ++i) {
        ASSERT_EQ(apply({entry(host_, rr::a, class_in, address(i))}), Rcode::no_error);
    }
    EXPECT_EQ(apply({entry(host_, rr::a, class_in, address(100))}), Rcode::refused);
}

}  // namespace
}  // namespace dns
