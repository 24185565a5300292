#pragma once
// Domain names as octets: read from a message, folded, compared, hashed, and in text form.
//
// Fed by:  Query (names off the wire), AnswerCompiler and Grammar (names we make).
// Thread:  any; pure functions.
// Holds:   a QueryName is complete: root octet at the end, at most 255 octets, labels at most 63.
//          Folding touches A–Z only: labels are arbitrary octets (RFC 4343).
// Fails:   an empty optional, or false, for what is no name.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace dns {

using Octets = std::span<const std::uint8_t>;

inline constexpr std::size_t name_bytes_max = 255;
inline constexpr std::size_t label_bytes_max = 63;

// Labels in wire form, length octets included. A whole name ends with the root's 0; a relative one
// (the part of a name left of its zone) does not. A string, because it is a key of maps.
using Labels = std::string;

inline Octets octets(std::string_view labels) {
    return {reinterpret_cast<const std::uint8_t*>(labels.data()), labels.size()};
}
inline std::string_view text(Octets octets) {
    return {reinterpret_cast<const char*>(octets.data()), octets.size()};
}

// A name as it was found in a message, lower-cased, with the offset of each label.
struct QueryName {
    // Room for whole words, so that folding needs no tail.
    alignas(8) std::array<std::uint8_t, 256> folded;
    std::array<std::uint8_t, 128> label_at;
    std::uint8_t labels = 0;  // without the root
    std::uint8_t bytes = 0;   // with the root's octet

    [[nodiscard]] Octets label(std::size_t i) const {
        return Octets(folded).subspan(label_at[i] + 1U, folded[label_at[i]]);
    }
    [[nodiscard]] Octets whole() const { return Octets(folded).first(bytes); }
};

// Reads the uncompressed name at `at`. A pointer, a reserved length octet, an overrun and more than
// 255 octets are all refused (RFC 1035 §3.1).
bool read_name(Octets message, std::size_t at, QueryName& name);

// The offset just behind the name at `at`, which may end in a pointer. The pointer must point
// backwards and is not followed, so that no message costs more than its length.
std::optional<std::size_t> skip_name(Octets message, std::size_t at);

// A–Z to a–z, in place, eight octets at a time; `words` is aligned and a multiple of 8 long.
void fold_words(std::span<std::uint8_t> words);
std::string fold(std::string_view labels);

// Text to wire form: "web\.1.example" is two labels, \DDD is an octet; a dot at the end is allowed.
std::optional<Labels> parse_name(std::string_view text);
// Wire form to text, with a dot at the end; dots and unprintable octets are escaped.
std::string format_name(Octets name);

// Appends one label of arbitrary octets. False if it is empty or too long.
bool append_label(Labels& labels, std::string_view label);

// A keyed hash: clients choose names, so they must not be able to choose buckets.
std::uint64_t hash_octets(Octets octets, std::uint64_t seed);

}  // namespace dns
