#pragma once
// Signatures of messages with shared secrets (RFC 8945): checked, and made.
//
// Fed by:  Update, Notify and Transfer: a message and the time.
// Read by: the same.
// Thread:  any; a TsigKeyring is immutable, a TsigSigner is its owner's.
// Holds:   pure: the time is an argument, in seconds since 1970. A key is known by its name and its
//          algorithm together, whatever their case. MACs are compared in constant time. There is no
//          key but those of the configuration.
// Fails:   a TsigVerdict with the rcode and the error that its reply is to have.

#include "agent/config.hpp"
#include "dns/message.hpp"
#include "dns/name.hpp"
#include "dns/query.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dns {

enum class TsigError : std::uint16_t {
    none = 0,
    bad_signature = 16,
    bad_key = 17,
    bad_time = 18,
    bad_truncation = 22,
};

struct TsigKey {
    Labels name;       // complete, lower-case
    Labels algorithm;  // likewise: "\13hmac-sha256\0"
    agent::Secret secret;
    std::size_t mac_bytes_min = 0;  // of what it signs; 0: nothing may be left out
};

// Throws std::runtime_error with one line, for what is no name or no algorithm of ours.
TsigKey make_key(const agent::DnsKeyConfig& config);

class TsigKeyring {
public:
    explicit TsigKeyring(std::vector<TsigKey> keys) : keys_(std::move(keys)) {}

    // Null: there is none of this name with this algorithm. Both lower-case and complete.
    [[nodiscard]] const TsigKey* find(std::string_view name, std::string_view algorithm) const;
    [[nodiscard]] bool contains(std::string_view name) const;  // with whatever algorithm
    [[nodiscard]] bool empty() const { return keys_.empty(); }

private:
    std::vector<TsigKey> keys_;
};

// The rdata of TSIG, and its owner.
struct TsigRecord {
    Labels key;        // lower-case
    Labels algorithm;  // lower-case
    std::uint64_t signed_at = 0;
    std::uint16_t fudge = 0;
    std::string mac;
    std::uint16_t original_id = 0;
    std::uint16_t error = 0;
    std::string other;
};

// RFC 8945 §4.2; nothing for what is not made so. The record is one that parse_message let pass.
std::optional<TsigRecord> read_tsig(const Record& record);

// What came of checking a message, and all that its reply's signature needs.
struct TsigVerdict {
    // no_error; format_error: answered without a signature; not_auth: `error` says why.
    Rcode rcode = Rcode::no_error;
    TsigError error = TsigError::none;
    const TsigKey* key = nullptr;  // null: unknown
    TsigRecord record;
};

// RFC 8945 §5.2: the key, the MAC, the time, the length of the MAC, in this order. `octets` are those
// from which `message` was read, and it has a TSIG.
TsigVerdict
verify(Octets octets, const Message& message, const TsigKeyring& keys, std::uint64_t now);

// Signs what one side says in an exchange: a request, or the reply to one, in one message or many.
class TsigSigner {
public:
    // Of a request of our own.
    explicit TsigSigner(const TsigKey& key) : key_(&key) {}
    explicit TsigSigner(TsigKey&& key) = delete;  // The key outlives the signer.
    // Of the reply to a request. It copies what it needs but for the key.
    explicit TsigSigner(const TsigVerdict& request);

    // Appends the signature, and counts it in the header. The second message of a reply and those
    // after it are chained to the one before (RFC 8945 §5.3.1): call it for every message, in order.
    // An error of the key or the MAC leaves the MAC empty, one of the time tells ours (§5.3.2).
    void sign(std::vector<std::uint8_t>& message, std::uint64_t now);

    // What sign() appends at most.
    [[nodiscard]] std::size_t bytes_max() const;
    // Of the message signed last: what its reply is verified with.
    [[nodiscard]] const std::string& mac() const { return prior_mac_; }

private:
    const TsigKey* key_;
    TsigError error_ = TsigError::none;
    TsigRecord request_;     // empty for a request of our own
    std::string prior_mac_;  // the request's, then that of the message before
    bool is_first_ = true;
};

// Checks the replies to a request of our own, message by message.
class TsigVerifier {
public:
    TsigVerifier(const TsigKey& key, std::string request_mac)
        : key_(&key), prior_mac_(std::move(request_mac)) {}
    TsigVerifier(TsigKey&& key, std::string request_mac) = delete;

    // Whether the message is signed as it should be, now. One without a signature is not.
    bool verify(Octets octets, const Message& message, std::uint64_t now);

private:
    const TsigKey* key_;
    std::string prior_mac_;
    bool is_first_ = true;
};

}  // namespace dns
