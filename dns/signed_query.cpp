#include "dns/signed_query.hpp"

#include <algorithm>
#include <vector>

namespace dns {

SignedQuery::SignedQuery(Octets message, const TsigKeyring& keys, std::uint64_t now) {
    const auto parsed = parse_message(message);
    if (!parsed || !parsed->tsig) {
        verdict_.rcode = Rcode::format_error;
        return;
    }
    verdict_ = verify(message, *parsed, keys, now);
    if (verdict_.rcode != Rcode::format_error) signer_.emplace(verdict_);
}

void SignedQuery::sign(std::span<std::uint8_t> buffer, Reply& reply, std::uint64_t now) {
    if (!signer_ || reply.bytes == 0) return;
    const auto begin = buffer.begin();
    std::vector<std::uint8_t> octets(begin, begin + static_cast<std::ptrdiff_t>(reply.bytes));
    signer_->sign(octets, now);
    if (octets.size() > buffer.size()) {
        reply = reply_with_header(buffer, Rcode::server_failure);
        return;
    }
    std::copy(octets.begin(), octets.end(), begin);
    reply.bytes = octets.size();
}

}  // namespace dns
