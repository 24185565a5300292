#include "coord/tree/acl.hpp"

#include "coord/proto/error.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>

namespace coord {
namespace {

// As a frame has it. "auth" stands for all ids of the client: an ACL of nothing else could grow to a
// size that no snapshot holds.
constexpr std::size_t acl_bytes_max = std::size_t{1} << 20U;
constexpr std::size_t entry_bytes_min = 12;

struct Address {
    std::array<unsigned char, 16> bytes{};
    std::size_t size = 0;
};

// As Java's Integer.parseInt reads it, which takes a sign.
std::optional<int> parse_int(std::string_view text) {
    if (text.starts_with('+')) text.remove_prefix(text.starts_with("+-") ? text.size() : 1);
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<Address> parse_ipv4(std::string_view text) {
    Address address;
    for (;;) {
        const auto dot = std::min(text.find('.'), text.size());
        const auto part = parse_int(text.substr(0, dot));
        if (!part || *part < 0 || *part > 255 || address.size == 4) return std::nullopt;
        address.bytes[address.size++] = static_cast<unsigned char>(*part);
        if (dot == text.size()) break;
        text.remove_prefix(dot + 1);
    }
    if (address.size != 4) return std::nullopt;
    return address;
}

std::optional<Address> parse_address(std::string_view text) {
    if (text.find(':') == std::string_view::npos) return parse_ipv4(text);
    Address address;
    address.size = address.bytes.size();
    if (inet_pton(AF_INET6, std::string(text).c_str(), address.bytes.data()) != 1) {
        return std::nullopt;
    }
    return address;
}

struct AddressRange {
    Address address;
    std::size_t bits = 0;
};

// "10.0.0.1" or "10.0.0.0/8".
std::optional<AddressRange> parse_range(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = parse_address(text.substr(0, slash));
    if (!address) return std::nullopt;
    const auto bits_max = address->size * 8;
    if (slash == std::string_view::npos) return AddressRange{*address, bits_max};
    const auto bits = parse_int(text.substr(slash + 1));
    if (!bits || *bits < 0 || static_cast<std::size_t>(*bits) > bits_max) return std::nullopt;
    return AddressRange{*address, static_cast<std::size_t>(*bits)};
}

bool is_within(std::string_view text, std::string_view range_text) {
    const auto range = parse_range(range_text);
    const auto address = parse_address(text);
    if (!range || !address || address->size != range->address.size) return false;
    for (std::size_t bit = 0; bit < range->bits; ++bit) {
        const auto mask = 0x80U >> (bit % 8);
        if (((address->bytes[bit / 8] ^ range->address.bytes[bit / 8]) & mask) != 0) return false;
    }
    return true;
}

// "user:hash". Java's split drops empty parts at the end, so "user:" is one part, "a:b:" two.
bool is_digest(std::string_view id) {
    const auto last = id.find_last_not_of(':');
    if (last == std::string_view::npos) return false;
    id = id.substr(0, last + 1);
    return std::count(id.begin(), id.end(), ':') == 1;
}

bool is_valid_id(const Id& id) {
    if (id.scheme == "world") return id.id == "anyone";
    if (id.scheme == "digest") return is_digest(id.id);
    if (id.scheme == "ip") return parse_range(id.id).has_value();
    if (id.scheme == "x509") return id.id.find('=') != std::string::npos;
    return false;
}

// The schemes by which a client proves who it is; an address proves nothing.
bool is_authenticated(const Id& id) {
    return id.scheme == "digest" || id.scheme == "x509" || id.scheme == "sasl";
}

std::size_t bytes_of(const Id& id) { return entry_bytes_min + id.scheme.size() + id.id.size(); }

bool matches(const Id& who, const Id& entry) {
    if (who.scheme != entry.scheme) return false;
    return who.scheme == "ip" ? is_within(who.id, entry.id) : who.id == entry.id;
}

bool permits(const Acl& entry, const std::vector<Id>& ids) {
    if (entry.id.scheme == "world") return entry.id.id == "anyone";
    return std::any_of(
        ids.begin(), ids.end(), [&](const Id& who) { return matches(who, entry.id); });
}

}  // namespace

Result<AclList> normalise_acl(const std::optional<AclList>& asked, const std::vector<Id>& ids) {
    if (!asked || asked->empty()) return Errc::invalid_acl;
    std::set<Acl> known;
    AclList normal;
    std::size_t bytes = 0;
    for (const auto& entry : *asked) {
        if (!known.insert(entry).second) continue;
        if (entry.id.scheme != "auth") {
            if (!is_valid_id(entry.id)) return Errc::invalid_acl;
            normal.push_back(entry);
            bytes += bytes_of(entry.id);
            continue;
        }
        const auto before = normal.size();
        for (const auto& id : ids) {
            if (!is_authenticated(id)) continue;
            normal.push_back({entry.perms, id});
            bytes += bytes_of(id);
        }
        if (bytes > acl_bytes_max) return Errc::invalid_acl;
        if (normal.size() == before) return Errc::invalid_acl;
    }
    return normal;
}

bool permits(const AclList& acl, std::int32_t perms, const std::vector<Id>& ids) {
    const auto is_super = [](const Id& id) { return id.scheme == "super"; };
    if (acl.empty() || std::any_of(ids.begin(), ids.end(), is_super)) return true;
    return std::any_of(acl.begin(), acl.end(), [&](const Acl& entry) {
        return (entry.perms & perms) != 0 && permits(entry, ids);
    });
}

AclList masked_acl(AclList acl) {
    for (auto& entry : acl) {
        const auto colon = entry.id.id.find(':');
        if (entry.id.scheme == "digest" && colon != std::string::npos) {
            entry.id.id.replace(colon, std::string::npos, ":x");
        }
    }
    return acl;
}

}  // namespace coord
