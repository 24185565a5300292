#include "dns/tsig.hpp"

#include "dns/answer.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdexcept>
#include <utility>

namespace dns {

namespace {

constexpr std::uint16_t fudge_seconds = 300;  // RFC 8945 §10: recommended

struct Algorithm {
    std::string_view name;
    const EVP_MD* (*digest)();
};
// RFC 8945 §6, without MD5 and GSS-TSIG.
constexpr std::array algorithms{Algorithm{"hmac-sha1", EVP_sha1},
                                Algorithm{"hmac-sha224", EVP_sha224},
                                Algorithm{"hmac-sha256", EVP_sha256},
                                Algorithm{"hmac-sha384", EVP_sha384},
                                Algorithm{"hmac-sha512", EVP_sha512}};

// A key's algorithm is always one of ours: see make_key().
const EVP_MD* digest_of(const TsigKey& key) {
    for (const auto& algorithm : algorithms) {
        const auto size = algorithm.name.size();
        if (key.algorithm.size() == size + 2 && key.algorithm.substr(1, size) == algorithm.name) {
            return algorithm.digest();
        }
    }
    assert(false);
    return nullptr;
}

std::size_t mac_bytes_of(const TsigKey& key) {
    return static_cast<std::size_t>(EVP_MD_get_size(digest_of(key)));
}

using Digested = std::vector<std::uint8_t>;  // RFC 8945 §4.3: what the MAC covers

void append_u48(Digested& to, std::uint64_t value) {
    append_u16(to, static_cast<std::uint16_t>(value >> 32U));
    append_u32(to, static_cast<std::uint32_t>(value));
}

// A MAC or other data, with its length before it.
void append_counted(Digested& to, std::string_view mac) {
    append_u16(to, static_cast<std::uint16_t>(mac.size()));
    append(to, octets(mac));
}

// RFC 8945 §4.3.2: the message as it was before its signature, under its first ID.
void append_unsigned(Digested& to, Octets signed_message, std::size_t tsig_at, std::uint16_t id) {
    const std::size_t begin = to.size();
    append(to, signed_message.first(tsig_at));
    const auto records = static_cast<std::uint16_t>(read_u16(signed_message, 10) - 1U);
    to[begin] = static_cast<std::uint8_t>(id >> 8U);
    to[begin + 1] = static_cast<std::uint8_t>(id);
    to[begin + 10] = static_cast<std::uint8_t>(records >> 8U);
    to[begin + 11] = static_cast<std::uint8_t>(records);
}

// RFC 8945 §4.3.3.
void append_variables(Digested& to, const TsigRecord& tsig) {
    append(to, octets(tsig.key));
    append_u16(to, class_any);
    append_u32(to, 0);  // TTL
    append(to, octets(tsig.algorithm));
    append_u48(to, tsig.signed_at);
    append_u16(to, tsig.fudge);
    append_u16(to, tsig.error);
    append_counted(to, tsig.other);
}

// RFC 8945 §4.3.3.1: of the second message of a reply and those after it.
void append_timers(Digested& to, const TsigRecord& tsig) {
    append_u48(to, tsig.signed_at);
    append_u16(to, tsig.fudge);
}

std::string mac_of(const TsigKey& key, const Digested& digested) {
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> mac;
    unsigned size = 0;
    const auto& secret = key.secret.octets;
    const auto* made = HMAC(digest_of(key),
                            secret.data(),
                            static_cast<int>(secret.size()),
                            digested.data(),
                            digested.size(),
                            mac.data(),
                            &size);
    assert(made != nullptr);
    return std::string(text(Octets(mac).first(size)));
}

// Whether `given`, which may be cut short, begins the MAC it should be.
bool begins(const std::string& mac, const std::string& given) {
    return given.size() <= mac.size() && CRYPTO_memcmp(mac.data(), given.data(), given.size()) == 0;
}

bool is_in_time(const TsigRecord& tsig, std::uint64_t now) {
    const auto apart = now > tsig.signed_at ? now - tsig.signed_at : tsig.signed_at - now;
    return apart <= tsig.fudge;
}

// RFC 8945 §5.2.2.1: half of the output and 10 octets at least, or it is malformed.
bool is_mac_size(std::size_t size, std::size_t whole) {
    return size <= whole && size >= std::max<std::size_t>(10, whole / 2);
}

std::size_t mac_bytes_min_of(const TsigKey& key) {
    return key.mac_bytes_min == 0 ? mac_bytes_of(key) : key.mac_bytes_min;
}

TsigRecord answering(const TsigRecord& request) {
    TsigRecord tsig;
    tsig.key = request.key;
    tsig.algorithm = request.algorithm;
    tsig.fudge = request.fudge;
    return tsig;
}

void append_record(std::vector<std::uint8_t>& message, const TsigRecord& tsig) {
    append(message, octets(tsig.key));
    append_u16(message, rr::tsig);
    append_u16(message, class_any);
    append_u32(message, 0);  // TTL
    const auto fixed = tsig.algorithm.size() + 16;
    append_u16(message, static_cast<std::uint16_t>(fixed + tsig.mac.size() + tsig.other.size()));
    append(message, octets(tsig.algorithm));
    append_timers(message, tsig);
    append_counted(message, tsig.mac);
    append_u16(message, tsig.original_id);
    append_u16(message, tsig.error);
    append_counted(message, tsig.other);
    const auto records = static_cast<std::uint16_t>(read_u16(message, 10) + 1U);
    message[10] = static_cast<std::uint8_t>(records >> 8U);
    message[11] = static_cast<std::uint8_t>(records);
}

// Reads what stands in rdata, in its order.
class Fields {
public:
    explicit Fields(std::string_view rdata) : left_(octets(rdata)) {}

    std::optional<Octets> take(std::size_t count) {
        if (left_.size() < count) return std::nullopt;
        const auto taken = left_.first(count);
        left_ = left_.subspan(count);
        return taken;
    }
    std::optional<std::uint16_t> u16() {
        const auto taken = take(2);
        if (!taken) return std::nullopt;
        return read_u16(*taken, 0);
    }
    // Of as many octets as the number before it says.
    std::optional<std::string> counted() {
        const auto size = u16();
        const auto taken = size ? take(*size) : std::nullopt;
        if (!taken) return std::nullopt;
        return std::string(text(*taken));
    }
    std::optional<Labels> name() {
        QueryName name;
        if (!read_name(left_, 0, name)) return std::nullopt;
        left_ = left_.subspan(name.bytes);
        return Labels(text(name.whole()));
    }
    [[nodiscard]] bool at_end() const { return left_.empty(); }

private:
    Octets left_;
};

}  // namespace

TsigKey make_key(const agent::DnsKeyConfig& config) {
    TsigKey key;
    const auto name = parse_name(config.name);
    if (!name || name->size() == 1) {
        throw std::runtime_error("dns.key \"" + config.name + "\": is no name");
    }
    const auto known = std::find_if(algorithms.begin(), algorithms.end(), [&](const auto& one) {
        return one.name == config.algorithm;
    });
    if (known == algorithms.end()) {
        throw std::runtime_error("dns.key \"" + config.name + "\": \"" + config.algorithm +
                                 "\" is no algorithm");
    }
    key.name = fold(*name);
    append_label(key.algorithm, config.algorithm);
    key.algorithm += '\0';
    key.secret = config.secret;
    key.mac_bytes_min = (config.mac_bits_min + 7) / 8;
    const auto whole = mac_bytes_of(key);
    if (key.mac_bytes_min != 0 && !is_mac_size(key.mac_bytes_min, whole)) {
        throw std::runtime_error("dns.key \"" + config.name + "\": mac_bits_min is from " +
                                 std::to_string(std::max<std::size_t>(10, whole / 2) * 8) + " to " +
                                 std::to_string(whole * 8) + " with " + config.algorithm);
    }
    return key;
}

const TsigKey* TsigKeyring::find(std::string_view name, std::string_view algorithm) const {
    const auto found = std::find_if(keys_.begin(), keys_.end(), [&](const TsigKey& key) {
        return key.name == name && key.algorithm == algorithm;
    });
    return found == keys_.end() ? nullptr : &*found;
}

bool TsigKeyring::contains(std::string_view name) const {
    return std::any_of(
        keys_.begin(), keys_.end(), [&](const TsigKey& key) { return key.name == name; });
}

std::optional<TsigRecord> read_tsig(const Record& record) {
    Fields in(record.rdata);
    TsigRecord tsig;
    tsig.key = fold(record.owner);
    auto algorithm = in.name();
    const auto seconds = in.take(6);
    const auto fudge = in.u16();
    auto mac = in.counted();
    const auto original_id = in.u16();
    const auto error = in.u16();
    auto other = in.counted();
    if (!algorithm || !seconds || !fudge || !mac || !original_id || !error || !other) {
        return std::nullopt;
    }
    if (!in.at_end()) return std::nullopt;
    tsig.algorithm = std::move(*algorithm);
    for (const auto octet : *seconds) tsig.signed_at = tsig.signed_at << 8U | octet;
    tsig.fudge = *fudge;
    tsig.mac = std::move(*mac);
    tsig.original_id = *original_id;
    tsig.error = *error;
    tsig.other = std::move(*other);
    return tsig;
}

TsigVerdict
verify(Octets octets, const Message& message, const TsigKeyring& keys, std::uint64_t now) {
    assert(message.tsig);
    TsigVerdict verdict;
    const auto finish = [&](Rcode rcode, TsigError error = TsigError::none) {
        verdict.rcode = rcode;
        verdict.error = error;
        return verdict;
    };
    auto tsig = read_tsig(*message.tsig);
    if (!tsig) return finish(Rcode::format_error);
    verdict.record = std::move(*tsig);
    const auto& record = verdict.record;
    verdict.key = keys.find(record.key, record.algorithm);
    if (verdict.key == nullptr) return finish(Rcode::not_auth, TsigError::bad_key);
    const auto& key = *verdict.key;
    if (!is_mac_size(record.mac.size(), mac_bytes_of(key))) return finish(Rcode::format_error);
    Digested digested;
    append_unsigned(digested, octets, message.tsig->at, record.original_id);
    append_variables(digested, record);
    if (!begins(mac_of(key, digested), record.mac)) {
        return finish(Rcode::not_auth, TsigError::bad_signature);
    }
    if (!is_in_time(record, now)) return finish(Rcode::not_auth, TsigError::bad_time);
    if (record.mac.size() < mac_bytes_min_of(key)) {
        return finish(Rcode::not_auth, TsigError::bad_truncation);
    }
    return finish(Rcode::no_error);
}

TsigSigner::TsigSigner(const TsigVerdict& request)
    : key_(request.key),
      error_(request.error),
      request_(request.record),
      prior_mac_(request.record.mac) {
    assert(request.rcode != Rcode::format_error);
}

std::size_t TsigSigner::bytes_max() const {
    const std::size_t names = key_ != nullptr ? key_->name.size() + key_->algorithm.size()
                                              : request_.key.size() + request_.algorithm.size();
    // Type, class, TTL, length; time, fudge, length of MAC, ID, error, length of other; our time.
    return names + 10 + 16 + 6 + EVP_MAX_MD_SIZE;
}

void TsigSigner::sign(std::vector<std::uint8_t>& message, std::uint64_t now) {
    assert(message.size() >= header_bytes);
    const bool is_reply = !request_.key.empty();
    TsigRecord tsig = answering(request_);
    if (!is_reply) {
        tsig.key = key_->name;
        tsig.algorithm = key_->algorithm;
        tsig.fudge = fudge_seconds;
    }
    tsig.signed_at = now;
    tsig.original_id = read_u16(message, 0);
    tsig.error = static_cast<std::uint16_t>(error_);
    const bool is_unsigned = error_ == TsigError::bad_key || error_ == TsigError::bad_signature;
    // RFC 8945 §5.2.3, §5.3.2: the client's time goes back, so that it can verify.
    if (is_unsigned || error_ == TsigError::bad_time) tsig.signed_at = request_.signed_at;
    if (error_ == TsigError::bad_time) {
        Digested ours;
        append_u48(ours, now);
        tsig.other = text(ours);
    }
    if (!is_unsigned) {
        Digested digested;
        if (is_reply) append_counted(digested, prior_mac_);
        append(digested, message);
        if (is_first_) {
            append_variables(digested, tsig);
        } else {
            append_timers(digested, tsig);
        }
        tsig.mac = mac_of(*key_, digested);
    }
    prior_mac_ = tsig.mac;
    is_first_ = false;
    append_record(message, tsig);
}

bool TsigVerifier::verify(Octets octets, const Message& message, std::uint64_t now) {
    auto tsig = message.tsig ? read_tsig(*message.tsig) : std::nullopt;
    if (!tsig || tsig->key != key_->name || tsig->algorithm != key_->algorithm) return false;
    const std::size_t whole = mac_bytes_of(*key_);
    if (tsig->mac.size() > whole || tsig->mac.size() < mac_bytes_min_of(*key_)) return false;
    Digested digested;
    append_counted(digested, prior_mac_);
    append_unsigned(digested, octets, message.tsig->at, tsig->original_id);
    if (is_first_) {
        append_variables(digested, *tsig);
    } else {
        append_timers(digested, *tsig);
    }
    if (!begins(mac_of(*key_, digested), tsig->mac)) return false;
    is_first_ = false;
    prior_mac_ = std::move(tsig->mac);
    return is_in_time(*tsig, now);
}

}  // namespace dns
