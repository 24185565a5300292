#pragma once
// What we ask an upstream, and what of its reply is believed.
//
// Fed by:  InquiryTable: a question; the octets that came back, every one of them hostile.
// Read by: InquiryTable.
// Thread:  any; pure.
// Holds:   only what was asked is answered: the ID, the question to its last bit (RFC 5452 §9; the
//          case of its letters is part of the secret). Of its records only those are kept to which
//          the question leads, and what denies or completes them (RFC 2181 §5.4.1); none of a name
//          that is ours. What is hop-by-hop (OPT, TSIG) stays here.
// Fails:   an UpstreamFault, which says what to try next.

#include "dns/address.hpp"
#include "dns/forward_answer.hpp"
#include "dns/grammar.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace dns {

struct UpstreamQuestion {
    std::uint16_t id = 0;
    Labels name;  // in the case in which it is sent
    std::uint16_t type = 0;
    bool dnssec_ok = false;
    bool checking_disabled = false;
    bool exact_case = true;  // the reply must have the same
    bool edns = true;        // with OPT
};

std::vector<std::uint8_t> make_upstream_query(const UpstreamQuestion& question);

// FORMERR or NOTIMP without a question: many a server says so that does not know OPT (RFC 6891 §7,
// and RFC 2671 §5.3 before it).
bool is_bare_error(Octets message, std::uint16_t id);

// Whether it has the ID and the question, in any case of letters, of a query of ours.
bool is_reply_to(Octets query, Octets reply);

enum class UpstreamFault {
    none,        // NOERROR or NXDOMAIN
    malformed,   // no message, or none that answers
    mismatched,  // not what we asked: perhaps somebody else's
    truncated,
    no_edns,  // the server knows none
    failed,   // another rcode: the next server may know better
};

struct ReplyRules {
    std::chrono::seconds ttl_max{86'400};
    std::chrono::seconds negative_ttl_max{900};
    bool believed = false;                          // what its AD says
    const std::vector<IpPrefix>* hidden = nullptr;  // addresses that it may not answer
    const Grammar* ours = nullptr;  // of names of which no server has anything to say
};

struct UpstreamReply {
    UpstreamFault fault = UpstreamFault::none;
    ForwardAnswer answer = {};  // of `failed` the rcode and the reason alone
    std::size_t hidden = 0;     // records left out
    bool kept_case = true;
};

UpstreamReply
read_upstream_reply(Octets message, const UpstreamQuestion& asked, const ReplyRules& rules);

}  // namespace dns
