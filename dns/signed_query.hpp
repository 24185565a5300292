#pragma once
// A query with a signature (TSIG, RFC 8945): checked before it is answered, its reply signed.
//
// Fed by:  Responder. Secondaries sign the query for the SOA that comes before a transfer.
// Read by: Responder.
// Thread:  any; its owner's.
// Holds:   unlike other queries it costs allocations and two digests of a message.
// Fails:   rcode() says so: NOTAUTH, which is signed as far as may be, or FORMERR, which is not.

#include "dns/reply_draft.hpp"
#include "dns/tsig.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace dns {

class SignedQuery {
public:
    // `message` is what parse_query found to be a query with a TSIG.
    SignedQuery(Octets message, const TsigKeyring& keys, std::uint64_t now);

    [[nodiscard]] Rcode rcode() const { return verdict_.rcode; }
    // That it is signed with; empty if rcode() is an error.
    [[nodiscard]] std::string_view key() const {
        return rcode() == Rcode::no_error ? std::string_view(verdict_.key->name) : "";
    }
    // What sign() appends at most.
    [[nodiscard]] std::size_t bytes_max() const { return signer_ ? signer_->bytes_max() : 0; }
    void sign(std::span<std::uint8_t> buffer, Reply& reply, std::uint64_t now);

private:
    TsigVerdict verdict_;
    std::optional<TsigSigner> signer_;
};

}  // namespace dns
