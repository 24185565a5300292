#include "dns/query.hpp"

#include "tests/support/dns_messages.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace dns {
namespace {

using std::string_literals::operator""s;
using support::Message;

QueryFault fault_of(const Message& message) {
    Query query;
    return parse_query(message.bytes, query);
}

TEST(Query, is_read_with_its_question_and_edns) {
    const auto message =
        support::question("Web.service.roster.internal", rr::srv).with_opt(1232, 0x8000);
    Query query;

    ASSERT_EQ(parse_query(message.bytes, query), QueryFault::none);

    EXPECT_EQ(format_name(query.name.whole()), "web.service.roster.internal.");
    EXPECT_EQ(query.type, rr::srv);
    EXPECT_EQ(query.klass, class_in);
    EXPECT_EQ(query.question_end, message.bytes.size() - 11);
    EXPECT_TRUE(query.edns.present);
    EXPECT_TRUE(query.edns.dnssec_ok);
    EXPECT_EQ(query.edns.payload, 1232);
}

TEST(Query, forgets_the_edns_of_the_one_before) {
    Query query;
    ASSERT_EQ(parse_query(support::question("a", 1).with_opt(4096).bytes, query), QueryFault::none);

    ASSERT_EQ(parse_query(support::question("a", 1).bytes, query), QueryFault::none);

    EXPECT_FALSE(query.edns.present);
}

TEST(Query, below_12_octets_and_responses_are_told_apart_from_all_else) {
    auto response = support::question("a", 1);
    response.bytes[2] |= 0x80;
    auto garbled_response = Message{{0, 0, 0xFF, 0xFF, 9, 9, 9, 9, 9, 9, 9, 9}};

    EXPECT_EQ(fault_of(Message{std::vector<std::uint8_t>(11)}), QueryFault::too_short);
    EXPECT_EQ(fault_of(Message{}), QueryFault::too_short);
    EXPECT_EQ(fault_of(response), QueryFault::response);
    EXPECT_EQ(fault_of(garbled_response), QueryFault::response);
}

TEST(Query, of_every_other_opcode_is_not_implemented_whatever_follows) {
    for (unsigned opcode = 1; opcode < 16; ++opcode) {
        auto message = Message{std::vector<std::uint8_t>(12)};
        message.bytes[2] = static_cast<std::uint8_t>(opcode << 3U | 7U);
        EXPECT_EQ(fault_of(message), QueryFault::not_implemented) << opcode;
    }
}

TEST(Query, flags_that_mean_nothing_in_a_query_are_ignored) {
    auto message = support::question("a", 1);
    message.bytes[2] |= 0x07;  // AA TC RD
    message.bytes[3] = 0xFF;   // RA Z AD CD RCODE

    EXPECT_EQ(fault_of(message), QueryFault::none);
}

TEST(Query, without_exactly_one_question_is_a_format_error) {
    for (const int count : {0, 2, 255}) {
        auto message = support::question("a", 1);
        message.bytes[5] = static_cast<std::uint8_t>(count);
        EXPECT_EQ(fault_of(message), QueryFault::format_error) << count;
    }
}

TEST(Query, cut_anywhere_in_question_or_opt_is_a_format_error) {
    const auto whole = support::question("web.service", 1).with_opt(4096, 0, "\0\12\0\10abcdefgh"s);
    for (std::size_t size = 12; size < whole.bytes.size(); ++size) {
        EXPECT_EQ(fault_of({{whole.bytes.begin(), whole.bytes.begin() + static_cast<int>(size)}}),
                  QueryFault::format_error)
            << size;
    }
}

TEST(Query, for_ixfr_says_whether_it_has_the_serial_of_the_client) {
    const auto has_serial = [](std::uint16_t type, std::size_t bytes, int count = 1) {
        auto ixfr = support::question("a", rr::ixfr);
        for (int i = 0; i < count; ++i) {
            ixfr.add_record(8, "\300\14", type, 1, 0, std::string(bytes, '\0'));
        }
        Query query;
        EXPECT_EQ(parse_query(ixfr.bytes, query), QueryFault::none);
        return query.has_serial;
    };

    EXPECT_TRUE(has_serial(rr::soa, 22));
    EXPECT_FALSE(has_serial(rr::soa, 22, 0));
    EXPECT_FALSE(has_serial(rr::soa, 22, 2)) << "which?";
    EXPECT_FALSE(has_serial(rr::soa, 21));
    EXPECT_FALSE(has_serial(rr::ns, 22));
}

TEST(Query, with_answers_or_authorities_is_a_format_error_but_for_ixfr) {
    auto answered = support::question("a", 1);
    answered.add_record(6, "\0"s, rr::a, 1, 0, "\1\2\3\4");
    auto authority = support::question("a", 1);
    authority.add_record(8, "\0"s, rr::soa, 1, 0, "");
    auto ixfr = support::question("a", rr::ixfr);
    ixfr.add_record(8, "\300\14", rr::soa, 1, 0, "");

    EXPECT_EQ(fault_of(answered), QueryFault::format_error);
    EXPECT_EQ(fault_of(authority), QueryFault::format_error);
    EXPECT_EQ(fault_of(ixfr), QueryFault::none);
}

TEST(Query, with_opt_twice_elsewhere_or_not_of_the_root_is_a_format_error) {
    auto elsewhere = support::question("a", rr::ixfr);
    elsewhere.add_record(8, "\0"s, rr::opt, 512, 0, "");
    auto owned = support::question("a", 1);
    owned.add_record(10, "\1a\0"s, rr::opt, 512, 0, "");
    auto pointed = support::question("a", 1);
    pointed.add_record(10, "\300\16"s, rr::opt, 512, 0, "");  // To the root, but not the root.

    EXPECT_EQ(fault_of(support::question("a", 1).with_opt(512).with_opt(512)),
              QueryFault::format_error);
    EXPECT_EQ(fault_of(elsewhere), QueryFault::format_error);
    EXPECT_EQ(fault_of(owned), QueryFault::format_error);
    EXPECT_EQ(fault_of(pointed), QueryFault::format_error);
}

TEST(Query, with_options_that_overrun_is_a_format_error) {
    for (const auto& options : {"\0\12\0\1"s, "\0\12\0"s, "\0"s, "\0\12\377\377abc"s}) {
        EXPECT_EQ(fault_of(support::question("a", 1).with_opt(512, 0, options)),
                  QueryFault::format_error);
    }
}

TEST(Query, with_options_nobody_knows_is_fine) {
    EXPECT_EQ(fault_of(support::question("a", 1).with_opt(512, 0, "\0\144\0\3abc\377\377\0\0"s)),
              QueryFault::none);
}

TEST(Query, of_a_later_edns_version_is_told_even_if_its_options_make_no_sense) {
    constexpr std::uint32_t version1 = 1U << 16U;

    EXPECT_EQ(fault_of(support::question("a", 1).with_opt(512, version1)), QueryFault::bad_version);
    EXPECT_EQ(fault_of(support::question("a", 1).with_opt(512, version1, "\0"s)),
              QueryFault::bad_version);
}

TEST(Query, other_additional_records_and_trailing_octets_are_passed_over) {
    auto message = support::question("a", 1);
    message.add_record(10, "\1k\300\14"s, 250, 255, 0, "abc");
    message.bytes.insert(message.bytes.end(), {1, 2, 3});

    EXPECT_EQ(fault_of(message), QueryFault::none);
}

TEST(Query, with_a_cookie_of_a_length_no_cookie_has_is_a_bad_option) {
    const auto fault_with = [](std::size_t size) {
        const auto option = "\0\12\0"s + static_cast<char>(size) + std::string(size, 'c');
        return fault_of(support::question("a", 1).with_opt(512, 0, option));
    };
    for (const std::size_t good : {8U, 16U, 17U, 24U, 40U}) {
        EXPECT_EQ(fault_with(good), QueryFault::none) << good;
    }
    for (const std::size_t bad : {0U, 1U, 7U, 9U, 15U, 41U}) {
        EXPECT_EQ(fault_with(bad), QueryFault::bad_option) << bad;
    }
}

TEST(Query, keeps_the_first_cookie_and_says_what_else_is_wanted) {
    Query query;
    const auto options = "\0\12\0\30abcdefghABCDEFGHIJKLMNOP"s + "\0\12\0\10xxxxxxxx"s +
                         "\0\3\0\0"s + "\0\13\0\0"s + "\0\14\0\2\0\0"s;

    ASSERT_EQ(parse_query(support::question("a", 1).with_opt(512, 0, options).bytes, query),
              QueryFault::none);

    EXPECT_TRUE(query.edns.has_cookie);
    EXPECT_TRUE(query.edns.has_server_cookie);
    EXPECT_EQ(text(query.edns.cookie), "abcdefghABCDEFGHIJKLMNOP");
    EXPECT_TRUE(query.edns.wants_identity);
    EXPECT_TRUE(query.edns.wants_keepalive);
    EXPECT_TRUE(query.edns.wants_padding);
}

TEST(Query, for_nothing_but_a_cookie_needs_no_question) {
    Message message{{0x12, 0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
    message.with_opt(512, 0, "\0\12\0\10abcdefgh"s);
    Query query;

    ASSERT_EQ(parse_query(message.bytes, query), QueryFault::none);

    EXPECT_FALSE(query.has_question);
    EXPECT_EQ(query.question_end, header_bytes);
}

TEST(Query, with_a_signature_that_is_not_last_of_another_class_or_with_a_ttl_is_a_format_error) {
    const auto signed_with = [](unsigned klass, std::uint32_t ttl) {
        return support::question("a", 1).add_record(10, "\1k\0"s, rr::tsig, klass, ttl, "abc");
    };
    auto twice = signed_with(class_any, 0);
    twice.add_record(10, "\1k\0"s, rr::tsig, class_any, 0, "abc");

    EXPECT_EQ(fault_of(signed_with(class_any, 0)), QueryFault::none);
    EXPECT_EQ(fault_of(signed_with(class_in, 0)), QueryFault::format_error);
    EXPECT_EQ(fault_of(signed_with(class_any, 1)), QueryFault::format_error);
    EXPECT_EQ(fault_of(signed_with(class_any, 0).with_opt(512)), QueryFault::format_error);
    EXPECT_EQ(fault_of(twice), QueryFault::format_error);
}

// The message that costs others 80 to 150 ms: 4,094 records whose owner is a chain of 8,000
// pointers. What is behind its first page cannot be read at all, so it is not.
TEST(Query, that_is_a_compression_bomb_is_refused_for_its_header) {
    constexpr std::size_t size = 65'535;
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t mapped = 64 * 1024 / page * page;
    auto* memory = static_cast<std::uint8_t*>(
        ::mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ASSERT_NE(memory, MAP_FAILED);
    const auto head = support::question("a", 1).bytes;
    std::copy(head.begin(), head.end(), memory);
    std::size_t at = head.size();
    for (; at + 2 <= 16'000; at += 2) {  // Each leads to the one before.
        const std::size_t to = at == head.size() ? 12 : at - 2;
        memory[at] = static_cast<std::uint8_t>(0xC0U | to >> 8U);
        memory[at + 1] = static_cast<std::uint8_t>(to);
    }
    memory[10] = 4094 >> 8U;
    memory[11] = 4094 & 0xFFU;
    ASSERT_EQ(::mprotect(memory + page, mapped - page, PROT_NONE), 0);
    Query query;

    EXPECT_EQ(parse_query({memory, size}, query), QueryFault::format_error);

    ::munmap(memory, mapped);
}

// A name in a record is passed over in one step for each of its labels; a pointer ends it.
TEST(Query, follows_no_pointer) {
    auto message = support::question("a", 1);
    for (std::size_t i = 0; i < records_max; ++i) {
        const std::size_t to = message.bytes.size() - (i == 0 ? 5 : 12);
        const std::string pointer{static_cast<char>(0xC0U | to >> 8U), static_cast<char>(to)};
        message.add_record(10, pointer, 666, 1, 0, "");
    }
    EXPECT_EQ(fault_of(message), QueryFault::none);

    message.add_record(10, "\0"s, 666, 1, 0, "");
    EXPECT_EQ(fault_of(message), QueryFault::format_error) << "more records than any query has";
}

TEST(Query, of_random_octets_never_reads_beyond_them) {
    const auto seed = support::seed();
    std::mt19937 random(seed);
    for (int round = 0; round < 20'000; ++round) {
        auto message = support::question("web.service", 1).with_opt(512, 0, "\0\12\0\2ab"s);
        for (int flips = 0; flips < 3; ++flips) {
            message.bytes[random() % message.bytes.size()] = static_cast<std::uint8_t>(random());
        }
        message.bytes.resize(random() % (message.bytes.size() + 1));
        // A copy of its exact size, so that AddressSanitizer sees each octet beyond.
        const std::vector<std::uint8_t> exact(message.bytes.begin(), message.bytes.end());
        Query query;
        const auto fault = parse_query(exact, query);
        if (fault == QueryFault::none) {
            EXPECT_LE(query.question_end, exact.size());
        }
    }
}

}  // namespace
}  // namespace dns
