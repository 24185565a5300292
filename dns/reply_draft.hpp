#pragma once
// A reply as far as it is written: the question stands where the query had it, records follow.
//
// Fed by:  Responder, section after section.
// Read by: UdpWorker and TcpListener (the finished Reply).
// Thread:  its owner's.
// Holds:   there is always room left for OPT. TC is set exactly when a record of the answer or the
//          authority section found no room; additional ones are left out without it (RFC 2181 §9).

#include "dns/answer.hpp"
#include "dns/forward_answer.hpp"
#include "dns/query.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace dns {

inline constexpr std::size_t identity_bytes_max = 128;
// The fixed part of OPT, then NSID, a cookie, a keepalive and an extended error.
inline constexpr std::size_t opt_bytes_max =
    11 + (4 + identity_bytes_max) + (4 + cookie_bytes) + 6 + 6;

enum class Drop : std::uint8_t { none, too_short, response };

struct Reply {
    std::size_t bytes = 0;  // 0: nothing may be answered, `drop` says why
    Rcode rcode = Rcode::no_error;
    std::uint16_t type = 0;  // asked for; 0 if the question could not be read
    bool truncated = false;
    bool is_negative = false;  // NXDOMAIN or NODATA
    bool stale = false;        // the core is gone
    bool prohibited = false;   // refused, because of where it came from
    bool has_cookie = false;   // the client sent one
    bool verified = true;      // the client's address is not forged, or one we trust
    bool forward = false;      // not answered here: to be handed over to the forwarder
    Drop drop = Drop::none;
    std::size_t question_end = 0;
    std::size_t opt_at = 0;     // 0: none
    std::uint64_t subject = 0;  // unless verified: which name, or zone, or 0 for an error
};

enum class Section { answer, authority, additional };

// What OPT says, if the query had one.
struct OptContent {
    std::uint16_t payload = 0;
    std::string_view identity = {};  // NSID; empty: none
    const Cookie* cookie = nullptr;
    std::uint16_t keepalive = 0;  // in units of 100 ms; 0: none
    bool padded = false;
};

class ReplyDraft {
public:
    // The message at `buffer` is the query; the reply has at most `limit` octets.
    ReplyDraft(std::span<std::uint8_t> buffer,
               std::size_t limit,
               const Query& query,
               const OptContent& opt);

    void fail(Rcode rcode) { rcode_ = rcode; }
    void explain(ExtendedError why) { why_ = why; }
    void set_authoritative(bool on) { authoritative_ = on; }
    void set_recursive() { flags_ |= 0x80U; }  // RA
    void set_authentic() { flags_ |= 0x20U; }
    void set_checking_disabled() { flags_ |= 0x10U; }
    void set_truncated() { truncated_ = true; }

    // The name that is being answered, and the apex of its zone.
    Anchors anchors;

    [[nodiscard]] std::size_t at() const { return at_; }
    [[nodiscard]] Octets written() const { return buffer_.first(at_); }
    [[nodiscard]] bool truncated() const { return truncated_; }
    [[nodiscard]] Rcode rcode() const { return rcode_; }
    [[nodiscard]] std::uint16_t answers() const { return answers_; }

    void add(Section section,
             std::size_t owner,
             std::uint16_t type,
             std::uint16_t klass,
             std::uint32_t ttl,
             Octets rdata);
    void add(Section section, const Answer& answer, Anchors where, Random& random);
    // Records of the answer section that once stood behind the question already.
    void add_aliases(std::size_t count, Octets records);
    // What an upstream said so long ago, and nothing after that; `ttl` if it is stale.
    void add(const ForwardAnswer& answer,
             std::chrono::seconds age,
             std::optional<std::chrono::seconds> ttl);

    Reply finish();

private:
    std::uint16_t& count(Section section);
    void add_opt();
    void add_option(std::uint16_t code, Octets value);
    void pad();

    std::span<std::uint8_t> buffer_;
    const Query& query_;
    const OptContent opt_;
    std::size_t at_;
    std::size_t end_;  // of the records; behind it is room for OPT
    std::size_t opt_at_ = 0;
    std::optional<ExtendedError> why_;
    Rcode rcode_ = Rcode::no_error;
    bool authoritative_ = false;
    bool truncated_ = false;
    std::uint8_t flags_ = 0;  // RA, AD and CD
    std::uint16_t answers_ = 0;
    std::uint16_t authorities_ = 0;
    std::uint16_t extras_ = 0;
};

// 12 octets: ID and opcode of the query, QR=1, every other flag and every count 0. The only reply
// to what could not be read.
Reply reply_with_header(std::span<std::uint8_t> buffer, Rcode rcode);

// Takes every record but OPT out of a finished reply, and its signature. The client is told to come
// again: with TC over TCP, or, if it speaks of cookies, with the one that is in this reply (RFC 7873
// §5.2.3).
void cut_short(std::span<std::uint8_t> buffer, Reply& reply);

void write_u16(std::uint8_t* to, std::size_t value);
void write_u32(std::uint8_t* to, std::uint32_t value);
std::uint32_t read_u32(const std::uint8_t* from);

}  // namespace dns
