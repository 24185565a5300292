#include "dns/reply_draft.hpp"

#include "tests/support/dns_messages.hpp"
#include "tests/support/dns_reply.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace dns {
namespace {

using std::string_literals::operator""s;
using support::question;

// A query in a buffer, and a reply to be written over it.
struct Drafting {
    explicit Drafting(const support::Message& message, std::size_t room = 512) : buffer(room) {
        std::copy(message.bytes.begin(), message.bytes.end(), buffer.begin());
        EXPECT_EQ(parse_query(message.bytes, query), QueryFault::none);
    }
    support::DnsReply reply(const Reply& finished) {
        return support::DnsReply(std::span(buffer).first(finished.bytes));
    }

    std::vector<std::uint8_t> buffer;
    Query query;
};

constexpr std::array<std::uint8_t, 4> address{192, 0, 2, 1};

TEST(ReplyDraft, with_every_option_has_them_all) {
    Drafting drafting(question("web.example", rr::a).with_opt(1232));
    const Cookie cookie{1, 2, 3};
    const OptContent opt{.payload = 1400, .identity = "host1", .cookie = &cookie, .keepalive = 300};
    ReplyDraft draft(drafting.buffer, 512, drafting.query, opt);

    draft.explain(ExtendedError::stale_answer);
    const auto reply = drafting.reply(draft.finish());

    EXPECT_EQ(reply.opt_payload, 1400U);
    EXPECT_EQ(reply.opt_data,
              "\0\3\0\5host1"s + "\0\12\0\30\1\2\3"s + std::string(21, '\0') + "\0\13\0\2\1\54"s +
                  "\0\17\0\2\0\3"s);
}

TEST(ReplyDraft, keeps_room_for_opt_and_leaves_out_what_does_not_fit_beside_it) {
    const auto message = question("web.example", rr::a).with_opt(1232);
    const std::size_t question_end = message.bytes.size() - 11;
    const OptContent opt{.payload = 1232, .identity = "host1"};
    const auto answers = [&](std::size_t limit) {
        Drafting drafting(message);
        ReplyDraft draft(drafting.buffer, limit, drafting.query, opt);
        draft.add(Section::answer, 12, rr::a, class_in, 1, address);
        return drafting.reply(draft.finish());
    };
    const std::size_t exact = question_end + 16 + 11 + 4 + 5;

    EXPECT_EQ(answers(exact).answers.size(), 1U);
    EXPECT_FALSE(answers(exact).tc());
    EXPECT_EQ(answers(exact - 1).answers.size(), 0U);
    EXPECT_TRUE(answers(exact - 1).tc());
    EXPECT_EQ(answers(exact - 1).opt_data, "\0\3\0\5host1"s);
}

TEST(ReplyDraft, leaves_an_additional_record_out_without_tc) {
    Drafting drafting(question("web.example", rr::a));
    ReplyDraft draft(drafting.buffer, drafting.query.question_end + 15, drafting.query, {});

    draft.add(Section::additional, 12, rr::a, class_in, 1, address);

    EXPECT_FALSE(drafting.reply(draft.finish()).tc());
}

TEST(ReplyDraft, padded_fills_whole_blocks_and_never_passes_the_limit) {
    const auto padded = [](std::size_t limit) {
        Drafting drafting(question("web.example", rr::a).with_opt(1232), 1000);
        const OptContent opt{.payload = 1232, .padded = true};
        ReplyDraft draft(drafting.buffer, limit, drafting.query, opt);
        return draft.finish().bytes;
    };

    EXPECT_EQ(padded(1000), 468U);
    EXPECT_EQ(padded(300), 300U);
}

TEST(CutShort, leaves_question_and_opt_and_says_tc) {
    Drafting drafting(question("web.example", rr::a).with_opt(1232));
    ReplyDraft draft(drafting.buffer, 512, drafting.query, {.payload = 1232});
    draft.set_authoritative(true);
    draft.add(Section::answer, 12, rr::a, class_in, 1, address);
    auto finished = draft.finish();

    cut_short(drafting.buffer, finished);
    const auto reply = drafting.reply(finished);

    EXPECT_TRUE(reply.tc());
    EXPECT_TRUE(reply.has_opt);
    EXPECT_TRUE(reply.answers.empty());
    EXPECT_EQ(reply.question, "web.example. 1");
    EXPECT_TRUE(finished.truncated);
}

TEST(CutShort, leaves_the_signature_out_too) {
    Drafting drafting(question("web.example", rr::a).with_opt(1232));
    ReplyDraft draft(drafting.buffer, 512, drafting.query, {.payload = 1232});
    auto finished = draft.finish();
    const auto bytes = finished.bytes;
    finished.bytes += 20;  // TSIG, as SignedQuery appends it
    drafting.buffer[11] = 2;

    cut_short(drafting.buffer, finished);

    EXPECT_EQ(finished.bytes, bytes);
    EXPECT_EQ(drafting.buffer[11], 1);
}

TEST(CutShort, of_a_client_with_cookies_is_badcookie_with_a_new_one) {
    Drafting drafting(question("web.example", rr::a).with_opt(1232, 0, "\0\12\0\10abcdefgh"s));
    const Cookie cookie{9};
    const OptContent opt{.payload = 1232, .cookie = &cookie};
    ReplyDraft draft(drafting.buffer, 512, drafting.query, opt);
    draft.add(Section::answer, 12, rr::a, class_in, 1, address);
    auto finished = draft.finish();

    cut_short(drafting.buffer, finished);
    const auto reply = drafting.reply(finished);

    EXPECT_EQ(reply.rcode, 23U);
    EXPECT_FALSE(reply.tc());
    EXPECT_TRUE(reply.answers.empty());
    EXPECT_EQ(reply.opt_data, "\0\12\0\30\11"s + std::string(23, '\0'));
    EXPECT_EQ(finished.rcode, Rcode::bad_cookie);
}

TEST(CutShort, of_a_reply_without_question_changes_nothing) {
    std::vector<std::uint8_t> buffer(12);
    auto reply = reply_with_header(buffer, Rcode::format_error);
    const auto before = buffer;

    cut_short(buffer, reply);

    EXPECT_EQ(buffer, before);
    EXPECT_EQ(reply.bytes, header_bytes);
}

}  // namespace
}  // namespace dns
