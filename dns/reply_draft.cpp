#include "dns/reply_draft.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

namespace dns {

namespace {

constexpr std::size_t opt_fixed_bytes = 11;
constexpr std::size_t padding_block_bytes = 468;  // RFC 8467 §4.1

namespace option {
constexpr std::uint16_t identity = 3;
constexpr std::uint16_t cookie = 10;
constexpr std::uint16_t keepalive = 11;
constexpr std::uint16_t padding = 12;
constexpr std::uint16_t extended_error = 15;
}  // namespace option

// Of what must be in OPT. An extended error and padding come if they fit.
std::size_t bytes_of(const OptContent& opt) {
    std::size_t bytes = opt_fixed_bytes;
    if (!opt.identity.empty()) bytes += 4 + opt.identity.size();
    if (opt.cookie != nullptr) bytes += 4 + cookie_bytes;
    if (opt.keepalive != 0) bytes += 6;
    return bytes;
}

std::array<std::uint8_t, 2> big_endian(std::uint16_t value) {
    return {static_cast<std::uint8_t>(value >> 8U), static_cast<std::uint8_t>(value)};
}

}  // namespace

void write_u16(std::uint8_t* to, std::size_t value) {
    to[0] = static_cast<std::uint8_t>(value >> 8U);
    to[1] = static_cast<std::uint8_t>(value);
}

void write_u32(std::uint8_t* to, std::uint32_t value) {
    write_u16(to, value >> 16U);
    write_u16(to + 2, value);
}

std::uint32_t read_u32(const std::uint8_t* from) {
    return std::uint32_t{from[0]} << 24U | std::uint32_t{from[1]} << 16U |
           std::uint32_t{from[2]} << 8U | from[3];
}

ReplyDraft::ReplyDraft(std::span<std::uint8_t> buffer,
                       std::size_t limit,
                       const Query& query,
                       const OptContent& opt)
    : buffer_(buffer.first(limit)),
      query_(query),
      opt_(opt),
      at_(query.question_end),
      end_(limit - (query.edns.present ? bytes_of(opt) : 0)) {
    assert(at_ <= end_);
}

std::uint16_t& ReplyDraft::count(Section section) {
    if (section == Section::answer) return answers_;
    return section == Section::authority ? authorities_ : extras_;
}

void ReplyDraft::add(Section section,
                     std::size_t owner,
                     std::uint16_t type,
                     std::uint16_t klass,
                     std::uint32_t ttl,
                     Octets rdata) {
    if (end_ - at_ < 12 + rdata.size()) {
        truncated_ |= section != Section::additional;
        return;
    }
    std::uint8_t* to = &buffer_[at_];
    write_u16(to, 0xC000U | owner);
    write_u16(to + 2, type);
    write_u16(to + 4, klass);
    write_u32(to + 6, ttl);
    write_u16(to + 10, rdata.size());
    std::memcpy(to + 12, rdata.data(), rdata.size());
    at_ += 12 + rdata.size();
    ++count(section);
}

void ReplyDraft::add(Section section, const Answer& answer, Anchors where, Random& random) {
    const auto copied = answer.copy(buffer_.subspan(at_, end_ - at_), where, random);
    at_ += copied.bytes;
    count(section) = static_cast<std::uint16_t>(count(section) + copied.answers);
    extras_ = static_cast<std::uint16_t>(extras_ + copied.extras);
    if (section != Section::additional) truncated_ |= !copied.complete;
}

void ReplyDraft::add(const ForwardAnswer& answer,
                     std::chrono::seconds age,
                     std::optional<std::chrono::seconds> ttl) {
    std::size_t taken = 0;
    std::size_t bytes = 0;
    while (taken < answer.places.size() && answer.places[taken].end <= end_ - at_) {
        bytes = answer.places[taken++].end;
    }
    assert(answer.places.empty() || answer.at == at_);
    std::copy_n(answer.body.begin(), bytes, buffer_.begin() + static_cast<std::ptrdiff_t>(at_));
    for (std::size_t i = 0; i < taken; ++i) {
        std::uint8_t* const field = &buffer_[at_ + answer.places[i].ttl_at];
        const auto told = std::chrono::seconds(read_u32(field));
        write_u32(field,
                  static_cast<std::uint32_t>(ttl.value_or(told - std::min(told, age)).count()));
    }
    at_ += bytes;
    const auto [answers, authorities, extras] = answer.counts;
    const std::size_t needed = std::size_t{answers} + authorities;
    truncated_ |= taken < needed;
    const auto kept = std::min<std::size_t>(taken, answers);
    answers_ = static_cast<std::uint16_t>(answers_ + kept);
    authorities_ = static_cast<std::uint16_t>(std::min(taken, needed) - kept);
    extras_ = static_cast<std::uint16_t>(taken - std::min(taken, needed));
}

void ReplyDraft::add_aliases(std::size_t count, Octets records) {
    assert(at_ == query_.question_end && records.size() <= end_ - at_);
    std::memcpy(&buffer_[at_], records.data(), records.size());
    answers_ = static_cast<std::uint16_t>(count);
    at_ += records.size();
}

void ReplyDraft::add_option(std::uint16_t code, Octets value) {
    std::uint8_t* to = &buffer_[at_];
    write_u16(to, code);
    write_u16(to + 2, value.size());
    std::memcpy(to + 4, value.data(), value.size());
    at_ += 4 + value.size();
}

// RFC 6891 §6.1: our payload size, the upper rcode bits, version 0, DO as asked, all else 0.
void ReplyDraft::add_opt() {
    assert(buffer_.size() - at_ >= bytes_of(opt_));
    opt_at_ = at_;
    std::uint8_t* to = &buffer_[at_];
    std::memset(to, 0, opt_fixed_bytes);
    write_u16(to + 1, rr::opt);
    write_u16(to + 3, opt_.payload);
    to[5] = static_cast<std::uint8_t>(static_cast<unsigned>(rcode_) >> 4U);
    to[7] = query_.edns.dnssec_ok ? 0x80 : 0;
    at_ += opt_fixed_bytes;
    ++extras_;
    if (!opt_.identity.empty()) add_option(option::identity, octets(opt_.identity));
    if (opt_.cookie != nullptr) add_option(option::cookie, *opt_.cookie);
    if (opt_.keepalive != 0) add_option(option::keepalive, big_endian(opt_.keepalive));
    if (why_ && buffer_.size() - at_ >= 6) {
        add_option(option::extended_error, big_endian(static_cast<std::uint16_t>(*why_)));
    }
    if (opt_.padded) pad();
    write_u16(&buffer_[opt_at_ + 9], at_ - opt_at_ - opt_fixed_bytes);
}

// To a whole number of blocks, so that the size tells an eavesdropper little (RFC 8467).
void ReplyDraft::pad() {
    if (buffer_.size() - at_ < 4) return;
    const std::size_t bare = at_ + 4;
    const std::size_t whole =
        (bare + padding_block_bytes - 1) / padding_block_bytes * padding_block_bytes;
    const std::size_t zeros = std::min(whole, buffer_.size()) - bare;
    write_u16(&buffer_[at_], option::padding);
    write_u16(&buffer_[at_ + 2], zeros);
    std::memset(&buffer_[at_ + 4], 0, zeros);
    at_ += 4 + zeros;
}

Reply ReplyDraft::finish() {
    if (query_.edns.present) add_opt();
    buffer_[2] = static_cast<std::uint8_t>(0x80U | (authoritative_ ? 0x04U : 0U) |
                                           (truncated_ ? 0x02U : 0U) | (buffer_[2] & 0x01U));
    buffer_[3] = static_cast<std::uint8_t>(flags_ | (static_cast<unsigned>(rcode_) & 0x0FU));
    write_u16(&buffer_[4], query_.has_question ? 1 : 0);
    write_u16(&buffer_[6], answers_);
    write_u16(&buffer_[8], authorities_);
    write_u16(&buffer_[10], extras_);
    Reply reply;
    reply.bytes = at_;
    reply.rcode = rcode_;
    reply.type = query_.type;
    reply.truncated = truncated_;
    reply.is_negative = authorities_ > 0;
    reply.stale = why_ == ExtendedError::stale_answer || why_ == ExtendedError::stale_name_error;
    reply.prohibited = why_ == ExtendedError::prohibited;
    reply.has_cookie = query_.edns.has_cookie;
    reply.question_end = query_.question_end;
    reply.opt_at = opt_at_;
    return reply;
}

Reply reply_with_header(std::span<std::uint8_t> buffer, Rcode rcode) {
    buffer[2] = static_cast<std::uint8_t>(0x80U | (buffer[2] & 0x78U));
    buffer[3] = static_cast<std::uint8_t>(rcode);
    std::memset(&buffer[4], 0, 8);
    return {.bytes = header_bytes, .rcode = rcode};
}

void cut_short(std::span<std::uint8_t> buffer, Reply& reply) {
    if (reply.question_end == 0) return;  // It is but a header.
    // Behind OPT may be a signature, which is of no use any more.
    const std::size_t opt_bytes =
        reply.opt_at != 0 ? opt_fixed_bytes + read_u16(buffer, reply.opt_at + 9) : 0;
    std::memmove(&buffer[reply.question_end], &buffer[reply.opt_at], opt_bytes);
    reply.bytes = reply.question_end + opt_bytes;
    if (reply.opt_at != 0) reply.opt_at = reply.question_end;
    std::memset(&buffer[6], 0, 6);
    buffer[11] = opt_bytes > 0 ? 1 : 0;
    if (reply.has_cookie) {
        reply.rcode = Rcode::bad_cookie;
        reply.truncated = false;
        const auto rcode = static_cast<unsigned>(reply.rcode);
        buffer[2] &= 0xF9U;  // AA and TC
        buffer[3] = static_cast<std::uint8_t>(rcode & 0x0FU);
        buffer[reply.opt_at + 5] = static_cast<std::uint8_t>(rcode >> 4U);
    } else {
        reply.truncated = true;
        buffer[2] |= 0x02U;
    }
}

}  // namespace dns
