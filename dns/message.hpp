#pragma once
// A whole message: its sections, its records, every name in them decompressed.
//
// Fed by:  Update, Notify and Transfer, with octets that no query worker answers; tests and clients
//          of ours, with replies.
// Thread:  any; pure.
// Holds:   every count of the header is met, and no octet is left behind the last record. A name is
//          followed backwards only. However a message was crafted, to read it costs a bounded number
//          of steps, and OPT and TSIG stand where they may, once.
// Fails:   an empty optional: a format error. Who is answered with FORMERR is for the caller to say.

#include "dns/name.hpp"
#include "dns/query.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dns {

// Labels and pointers that are walked over in one message; six to a record is usual.
inline constexpr std::size_t name_steps_max = 65'536;

struct Question {
    Labels name;  // complete, as it was spelled
    std::uint16_t type = 0;
    std::uint16_t klass = 0;
};

struct Record {
    Labels owner;  // complete, as it was spelled
    std::uint16_t type = 0;
    std::uint16_t klass = 0;
    std::uint32_t ttl = 0;  // RFC 2181 §8: one with the top bit set is 0
    std::string rdata;      // without compression; as it was sent if the type is not known
    // Whether the rdata is what its type and class IN demand; that of an unknown type always is.
    bool sound = true;
    std::size_t at = 0;    // in the message
    std::size_t data = 0;  // of its rdata
};

enum class MessageSection : std::uint8_t { answer, authority, additional };

struct Message {
    std::uint16_t id = 0;
    std::uint8_t opcode = 0;
    bool response = false;
    bool authoritative = false;
    bool truncated = false;
    std::uint8_t rcode = 0;  // the four bits of the header
    std::vector<Question> questions;
    std::array<std::vector<Record>, 3> sections;  // the additional one without OPT and TSIG
    std::optional<Record> opt;
    std::optional<Record> tsig;
    std::size_t questions_end = 0;  // in the message

    [[nodiscard]] const std::vector<Record>& section(MessageSection which) const {
        return sections[static_cast<std::size_t>(which)];
    }
};

std::optional<Message> parse_message(Octets octets);

// Whether the octets are rdata that a record of class IN and this type may have, names in it being
// uncompressed. That of a type we do not know always is (RFC 3597).
bool is_rdata(std::uint16_t type, std::string_view rdata);

}  // namespace dns
