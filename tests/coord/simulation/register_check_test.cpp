#include "tests/coord/simulation/register_check.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

using enum RegisterCall::Kind;
using Calls = std::vector<RegisterCall>;

SimulatedTime at(int when) { return SimulatedTime(when); }

RegisterCall created(int from, int to, std::uint64_t value) {
    return {create, value, -1, 0, Errc::ok, at(from), at(to)};
}
RegisterCall written(int from, int to, std::uint64_t value, int version) {
    return {set, value, -1, version, Errc::ok, at(from), at(to)};
}
RegisterCall seen(int from, int to, std::uint64_t value, int version) {
    return {read, value, -1, version, Errc::ok, at(from), at(to)};
}
RegisterCall with(RegisterCall call, Errc outcome) {
    call.outcome = outcome;
    return call;
}
RegisterCall expecting(RegisterCall call, int version) {
    call.expected = version;
    return call;
}
RegisterCall lost(RegisterCall call) {
    call.returned.reset();
    return call;
}
RegisterCall removed(int from, int to) { return {remove, 0, -1, 0, Errc::ok, at(from), at(to)}; }

TEST(RegisterCheck, calls_one_after_the_other_hold_if_each_sees_the_one_before) {
    const Calls calls{created(0, 1, 7), written(2, 3, 8, 1), seen(4, 5, 8, 1), removed(6, 7)};

    EXPECT_EQ(judge_register(calls), Linearizability::holds);
}

TEST(RegisterCheck, concurrent_calls_may_have_happened_in_any_order) {
    const Calls calls{created(0, 1, 7),
                      written(2, 9, 8, 2),
                      written(3, 8, 9, 1),
                      seen(4, 5, 9, 1),
                      seen(6, 10, 8, 2)};

    EXPECT_EQ(judge_register(calls), Linearizability::holds);
}

TEST(RegisterCheck, a_read_of_what_was_overwritten_before_it_began_is_refused) {
    const Calls calls{created(0, 1, 7), written(2, 3, 8, 1), seen(4, 5, 7, 0)};

    EXPECT_EQ(judge_register(calls), Linearizability::broken);
}

TEST(RegisterCheck, a_lost_write_that_was_acknowledged_is_refused) {
    const Calls calls{created(0, 1, 7), written(2, 3, 8, 1), written(4, 5, 9, 1)};

    EXPECT_EQ(judge_register(calls), Linearizability::broken);
}

TEST(RegisterCheck, a_write_that_was_applied_twice_is_refused) {
    const Calls calls{created(0, 1, 7), written(2, 3, 8, 1), seen(4, 5, 8, 2)};

    EXPECT_EQ(judge_register(calls), Linearizability::broken);
}

TEST(RegisterCheck, two_that_both_won_the_same_version_are_refused) {
    const Calls calls{
        created(0, 1, 7), expecting(written(2, 6, 8, 1), 0), expecting(written(3, 5, 9, 1), 0)};

    EXPECT_EQ(judge_register(calls), Linearizability::broken);
}

TEST(RegisterCheck, reads_that_go_back_in_time_are_refused) {
    const Calls calls{created(0, 1, 7), written(2, 20, 8, 1), seen(3, 4, 8, 1), seen(5, 6, 7, 0)};

    EXPECT_EQ(judge_register(calls), Linearizability::broken);
}

TEST(RegisterCheck, a_read_of_what_nobody_wrote_is_refused) {
    const Calls calls{created(0, 1, 7), seen(2, 3, 9, 0)};

    EXPECT_EQ(judge_register(calls), Linearizability::broken);
}

TEST(RegisterCheck, an_error_that_the_state_does_not_give_is_refused) {
    const Calls exists{created(0, 1, 7), with(removed(2, 3), Errc::no_node)};
    const Calls fits{created(0, 1, 7), with(expecting(written(2, 3, 8, 1), 0), Errc::bad_version)};

    EXPECT_EQ(judge_register(exists), Linearizability::broken);
    EXPECT_EQ(judge_register(fits), Linearizability::broken);
}

TEST(RegisterCheck, a_call_of_unknown_fate_may_have_happened_late_or_never) {
    const auto unknown = lost(written(2, 0, 8, 0));
    const Calls late{created(0, 1, 7), unknown, seen(4, 5, 7, 0), seen(6, 7, 8, 1)};
    const Calls never{created(0, 1, 7), unknown, seen(4, 5, 7, 0), written(6, 7, 9, 1)};

    EXPECT_EQ(judge_register(late), Linearizability::holds);
    EXPECT_EQ(judge_register(never), Linearizability::holds);
}

TEST(RegisterCheck, a_call_of_unknown_fate_did_not_happen_before_it_began_nor_twice) {
    const auto unknown = lost(written(6, 0, 8, 0));
    const Calls early{created(0, 1, 7), seen(4, 5, 8, 1), unknown};
    const Calls twice{
        created(0, 1, 7), unknown, seen(7, 8, 8, 1), written(9, 10, 9, 2), seen(11, 12, 8, 3)};

    EXPECT_EQ(judge_register(early), Linearizability::broken);
    EXPECT_EQ(judge_register(twice), Linearizability::broken);
}

TEST(RegisterCheck, a_search_that_would_take_too_long_is_undecided) {
    Calls calls{created(0, 1, 7)};
    for (int i = 0; i < 30; ++i)
        calls.push_back(lost(written(2, 0, 100 + static_cast<unsigned>(i), 0)));
    calls.push_back(seen(3, 4, 99, 30));

    EXPECT_EQ(judge_register(calls, 1000), Linearizability::undecided);
}

}  // namespace
}  // namespace coord
