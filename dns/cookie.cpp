#include "dns/cookie.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace dns {

namespace {

constexpr std::int32_t lifetime_s = 3600;
constexpr std::int32_t ahead_s = 300;  // How far another agent's clock may be in front of ours.
constexpr std::int32_t renewal_s = 1800;
constexpr std::uint32_t secret_lifetime_s = 86'400;

// The parts of a cookie: the client's, then version, reserved and time, then the hash.
constexpr std::size_t version_at = client_cookie_bytes;
constexpr std::size_t time_at = version_at + 4;
constexpr std::size_t hash_at = time_at + 4;

std::uint64_t little_endian(const std::uint8_t* octets, std::size_t size) {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < size; ++i) word |= std::uint64_t{octets[i]} << (8 * i);
    return word;
}

struct SipState {
    std::uint64_t v0, v1, v2, v3;

    void round() {
        v0 += v1, v1 = std::rotl(v1, 13) ^ v0, v0 = std::rotl(v0, 32);
        v2 += v3, v3 = std::rotl(v3, 16) ^ v2;
        v0 += v3, v3 = std::rotl(v3, 21) ^ v0;
        v2 += v1, v1 = std::rotl(v1, 17) ^ v2, v2 = std::rotl(v2, 32);
    }
    void absorb(std::uint64_t word) {
        v3 ^= word;
        round(), round();
        v0 ^= word;
    }
};

std::uint32_t time_of(const Cookie& cookie) {
    std::uint32_t time = 0;
    for (std::size_t i = 0; i < 4; ++i) time = time << 8U | cookie[time_at + i];
    return time;
}

// Serial arithmetic: how long ago, negative for the future.
std::int32_t age(const Cookie& cookie, std::uint32_t now) {
    return static_cast<std::int32_t>(now - time_of(cookie));
}

std::array<std::uint8_t, 8>
hash_of(const CookieSecret& secret, const Cookie& cookie, const IpAddress& client) {
    std::array<std::uint8_t, hash_at + 16> input{};
    std::copy_n(cookie.begin(), hash_at, input.begin());
    std::copy_n(client.bytes.begin(), client.size, input.begin() + hash_at);
    const auto hash = siphash(secret, Octets(input).first(hash_at + client.size));
    std::array<std::uint8_t, 8> octets{};
    for (std::size_t i = 0; i < 8; ++i) octets[i] = static_cast<std::uint8_t>(hash >> (8 * i));
    return octets;
}

// Compares in a time that does not depend on where they differ.
bool equal(const Cookie& cookie, const std::array<std::uint8_t, 8>& hash) {
    std::uint8_t difference = 0;
    for (std::size_t i = 0; i < hash.size(); ++i) {
        difference = static_cast<std::uint8_t>(difference | (cookie[hash_at + i] ^ hash[i]));
    }
    return difference == 0;
}

}  // namespace

std::optional<CookieSecret> parse_cookie_secret(std::string_view hex) {
    CookieSecret secret{};
    if (hex.size() != 2 * secret.size()) return std::nullopt;
    for (std::size_t i = 0; i < hex.size(); ++i) {
        const auto digit =
            std::string_view("0123456789abcdef")
                .find(static_cast<char>(hex[i] >= 'A' && hex[i] <= 'F' ? hex[i] + 32 : hex[i]));
        if (digit == std::string_view::npos) return std::nullopt;
        secret[i / 2] = static_cast<std::uint8_t>(secret[i / 2] * 16U + digit);
    }
    return secret;
}

// Aumasson and Bernstein 2012, with 2 rounds for each word and 4 at the end.
std::uint64_t siphash(const CookieSecret& secret, Octets octets) {
    const std::uint64_t k0 = little_endian(secret.data(), 8);
    const std::uint64_t k1 = little_endian(secret.data() + 8, 8);
    SipState state{k0 ^ 0x736F6D6570736575,
                   k1 ^ 0x646F72616E646F6D,
                   k0 ^ 0x6C7967656E657261,
                   k1 ^ 0x7465646279746573};
    const std::size_t whole = octets.size() / 8 * 8;
    for (std::size_t i = 0; i < whole; i += 8) state.absorb(little_endian(&octets[i], 8));
    state.absorb(little_endian(octets.data() + whole, octets.size() - whole) |
                 std::uint64_t{octets.size()} << 56U);
    state.v2 ^= 0xFF;
    for (int i = 0; i < 4; ++i) state.round();
    return state.v0 ^ state.v1 ^ state.v2 ^ state.v3;
}

Cookies::Cookies(std::vector<CookieSecret> configured, CookieSecret seed)
    : configured_(std::move(configured)), seed_(seed) {}

CookieSecret Cookies::drawn(std::uint32_t time) const {
    const std::uint32_t day = time / secret_lifetime_s;
    CookieSecret secret{};
    for (std::uint8_t half = 0; half < 2; ++half) {
        std::array<std::uint8_t, 5> input{half};
        std::memcpy(&input[1], &day, sizeof day);
        const auto word = siphash(seed_, input);
        std::memcpy(&secret[8U * half], &word, sizeof word);
    }
    return secret;
}

void Cookies::make(Cookie& cookie, const IpAddress& client, std::uint32_t now) const {
    std::fill_n(cookie.begin() + version_at, 4, std::uint8_t{0});
    cookie[version_at] = 1;
    for (std::size_t i = 0; i < 4; ++i) {
        cookie[time_at + i] = static_cast<std::uint8_t>(now >> (24 - 8 * i));
    }
    const auto hash =
        hash_of(configured_.empty() ? drawn(now) : configured_.front(), cookie, client);
    std::copy(hash.begin(), hash.end(), cookie.begin() + hash_at);
}

bool Cookies::verify(const Cookie& cookie, const IpAddress& client, std::uint32_t now) const {
    if (cookie[version_at] != 1) return false;
    const auto old = age(cookie, now);
    if (old > lifetime_s || old < -ahead_s) return false;
    if (configured_.empty()) return equal(cookie, hash_of(drawn(time_of(cookie)), cookie, client));
    return std::any_of(configured_.begin(), configured_.end(), [&](const auto& secret) {
        return equal(cookie, hash_of(secret, cookie, client));
    });
}

bool Cookies::is_fresh(const Cookie& cookie, std::uint32_t now) {
    const auto old = age(cookie, now);
    return old >= 0 && old <= renewal_s;
}

}  // namespace dns
