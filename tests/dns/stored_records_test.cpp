#include "dns/stored_records.hpp"

#include "tests/support/stored_records.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dns {
namespace {

using support::addresses;
using support::addresses_in;
using Lines = std::vector<std::string>;

Answer::Pointer answer(std::uint16_t type, const std::vector<std::string>& rdatas) {
    AnswerBuilder builder;
    for (const auto& rdata : rdatas) builder.add(type, 5, octets(rdata));
    return builder.build();
}

TEST(StoredRecords, are_the_same_octets_in_whatever_order_they_came) {
    const auto one = addresses({"10.0.0.2", "fd00::1", "10.0.0.1", "10.0.0.2"});
    const auto other = addresses({"10.0.0.1", "10.0.0.2", "fd00::1"});

    EXPECT_EQ(*one, *other);
    EXPECT_EQ(text(one->octets()), text(other->octets()));
    EXPECT_EQ(addresses_in(addresses({"10.0.0.2", "10.0.0.1"})), (Lines{"10.0.0.1", "10.0.0.2"}));
}

TEST(StoredRecords, none_are_no_set) { EXPECT_EQ(addresses({}), nullptr); }

TEST(StoredRecords, differ_by_what_the_one_has_and_the_other_has_not) {
    const auto before = addresses({"10.0.0.1", "10.0.0.2", "10.0.0.3"});
    const auto after = addresses({"10.0.0.2", "10.0.0.4"});

    EXPECT_EQ(addresses_in(difference(before, after)), (Lines{"10.0.0.1", "10.0.0.3"}));
    EXPECT_EQ(addresses_in(difference(after, before)), (Lines{"10.0.0.4"}));
    EXPECT_EQ(difference(after, after), nullptr);
    EXPECT_EQ(addresses_in(difference(after, nullptr)), (Lines{"10.0.0.2", "10.0.0.4"}));
    EXPECT_EQ(difference(nullptr, after), nullptr);
}

TEST(StoredRecords, of_answers_are_the_first_up_to_the_limit_of_a_set) {
    AnswerSet answers;
    answers[Slot::a] = answer(rr::a, {"bbbb", "aaaa", "cccc"});
    answers[Slot::txt] = answer(rr::txt, {"\1x"});
    std::size_t left_out = 0;

    const auto records = stored_records(answers, 2, left_out);

    std::vector<std::string> found;
    records->each([&](const auto& record) { found.emplace_back(text(record.rdata())); });
    EXPECT_EQ(found, (Lines{"aaaa", "bbbb", "\1x"}));
    EXPECT_EQ(left_out, 1U);
}

// RFC 1034 §3.6.2; a secondary refuses a zone that has it otherwise.
TEST(StoredRecords, of_answers_have_one_alias_at_most_and_nothing_beside_it) {
    std::size_t left_out = 0;
    AnswerSet alone;
    alone[Slot::cname] = answer(rr::cname, {std::string("\1a\0", 3), std::string("\1b\0", 3)});
    AnswerSet beside;
    beside[Slot::cname] = answer(rr::cname, {std::string("\1a\0", 3)});
    beside[Slot::srv] = answer(rr::srv, {std::string("\0\1\0\1\0\1\1a\0", 9)});

    const auto alias = stored_records(alone, 100, left_out);
    const auto no_alias = stored_records(beside, 100, left_out);

    EXPECT_EQ(alias->at(0).type(), rr::cname);
    EXPECT_EQ(alias->at(0).octets.size(), alias->bytes());
    EXPECT_EQ(no_alias->at(0).type(), rr::srv);
    EXPECT_EQ(no_alias->at(0).octets.size(), no_alias->bytes());
    EXPECT_EQ(left_out, 2U);
}

}  // namespace
}  // namespace dns
