#pragma once
// DNS cookies: who sent back what we gave to its address does not forge that address.
//
// Fed by:  the configuration, or chance; Responder, with each cookie that a query has.
// Read by: Responder.
// Thread:  any; immutable. Which secret counts is a function of the time alone.
// Holds:   RFC 9018: a server cookie is version 1, three zeros, the time, and SipHash-2-4 over them,
//          the client's cookie and its address. Secrets that nobody configured last a day each; a
//          cookie lasts an hour, under the secret of the time at which it was made.
// Fails:   false for a cookie that is not ours, too old, or from the future.

#include "dns/address.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace dns {

inline constexpr std::size_t client_cookie_bytes = 8;
inline constexpr std::size_t server_cookie_bytes = 16;
inline constexpr std::size_t cookie_bytes = client_cookie_bytes + server_cookie_bytes;

using CookieSecret = std::array<std::uint8_t, 16>;
using Cookie = std::array<std::uint8_t, cookie_bytes>;  // the client's, then ours

std::optional<CookieSecret> parse_cookie_secret(std::string_view hex);  // 32 digits

std::uint64_t siphash(const CookieSecret& secret, Octets octets);

class Cookies {
public:
    // The first of the configured secrets makes cookies, all are accepted. With none, secrets of
    // one day each are drawn from `seed`.
    Cookies(std::vector<CookieSecret> configured, CookieSecret seed);

    // `now` is Unix time, in seconds, modulo 2^32 (RFC 9018 §4.3).
    void make(Cookie& cookie, const IpAddress& client, std::uint32_t now) const;
    [[nodiscard]] bool
    verify(const Cookie& cookie, const IpAddress& client, std::uint32_t now) const;
    // RFC 9018 §4.3: after half an hour the client is to have a new one.
    [[nodiscard]] static bool is_fresh(const Cookie& cookie, std::uint32_t now);

private:
    [[nodiscard]] CookieSecret drawn(std::uint32_t time) const;

    std::vector<CookieSecret> configured_;
    CookieSecret seed_;
};

}  // namespace dns
