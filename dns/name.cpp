#include "dns/name.hpp"

#include <bit>
#include <cassert>
#include <cstring>

namespace dns {

namespace {

constexpr std::uint64_t each_octet = 0x0101010101010101;

// The sign bit of each octet that holds 'A'..'Z'.
std::uint64_t upper_case(std::uint64_t word) {
    const std::uint64_t low = word & (each_octet * 0x7F);
    const std::uint64_t from_a = low + each_octet * (0x80 - 'A');
    const std::uint64_t above_z = low + each_octet * (0x7F - 'Z');
    return (from_a ^ above_z) & ~word & (each_octet * 0x80);
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// One octet of a label's text, escapes resolved. Moves `at` behind it.
std::optional<char> unescape(std::string_view text, std::size_t& at) {
    if (text[at] != '\\') return text[at++];
    const auto digit = [&](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
    if (at + 1 >= text.size()) return std::nullopt;
    if (!digit(at + 1)) {
        at += 2;
        return text[at - 1];
    }
    if (at + 3 >= text.size() || !digit(at + 2) || !digit(at + 3)) return std::nullopt;
    const int octet = (text[at + 1] - '0') * 100 + (text[at + 2] - '0') * 10 + (text[at + 3] - '0');
    at += 4;
    if (octet > 255) return std::nullopt;
    return static_cast<char>(octet);
}

void append_escaped(std::string& text, std::uint8_t octet) {
    if (octet == '.' || octet == '\\') {
        text += '\\';
        text += static_cast<char>(octet);
    } else if (octet > ' ' && octet < 0x7F) {
        text += static_cast<char>(octet);
    } else {
        text += '\\';
        for (const int unit : {100, 10, 1}) text += static_cast<char>('0' + octet / unit % 10);
    }
}

std::uint64_t multiply_fold(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = Wide{a} * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
}

}  // namespace

bool read_name(Octets message, std::size_t at, QueryName& name) {
    const std::size_t begin = at;
    name.labels = 0;
    for (;;) {
        if (at >= message.size()) return false;
        const std::size_t length = message[at];
        // Also refuses pointers (0xC0) and the reserved kinds (0x40, 0x80).
        if (length > label_bytes_max) return false;
        if (at + length + 1 - begin > name_bytes_max) return false;
        if (length == 0) break;
        name.label_at[name.labels++] = static_cast<std::uint8_t>(at - begin);
        at += length + 1;
    }
    name.bytes = static_cast<std::uint8_t>(at + 1 - begin);
    std::memcpy(name.folded.data(), message.data() + begin, name.bytes);
    // A length octet is at most 63, below 'A': folding the whole name leaves it alone.
    const std::size_t words = (name.bytes + 7U) / 8 * 8;
    std::memset(name.folded.data() + name.bytes, 0, words - name.bytes);
    fold_words(std::span(name.folded).first(words));
    return true;
}

std::optional<std::size_t> skip_name(Octets message, std::size_t at) {
    const std::size_t begin = at;
    for (;;) {
        if (at >= message.size() || at - begin >= name_bytes_max) return std::nullopt;
        const std::size_t length = message[at];
        if (length == 0) return at + 1;
        if (length >= 0xC0) {
            if (at + 1 >= message.size()) return std::nullopt;
            const std::size_t target = (length & 0x3FU) << 8U | message[at + 1];
            if (target >= begin) return std::nullopt;
            return at + 2;
        }
        if (length > label_bytes_max) return std::nullopt;
        at += length + 1;
    }
}

void fold_words(std::span<std::uint8_t> words) {
    assert(words.size() % 8 == 0);
    for (std::size_t i = 0; i < words.size(); i += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, words.data() + i, 8);
        word |= upper_case(word) >> 2U;  // 0x80 >> 2 is the bit between 'A' and 'a'.
        std::memcpy(words.data() + i, &word, 8);
    }
}

std::string fold(std::string_view labels) {
    std::string folded(labels);
    for (char& c : folded) c = lower(c);
    return folded;
}

std::optional<Labels> parse_name(std::string_view text) {
    Labels name;
    if (text == ".") text = {};
    for (std::size_t at = 0; at < text.size();) {
        std::string label;
        while (at < text.size() && text[at] != '.') {
            const auto octet = unescape(text, at);
            if (!octet) return std::nullopt;
            label += *octet;
        }
        if (!append_label(name, label)) return std::nullopt;
        if (at < text.size()) ++at;  // The dot.
    }
    name += '\0';
    if (name.size() > name_bytes_max) return std::nullopt;
    return name;
}

std::string format_name(Octets name) {
    std::string text;
    for (std::size_t at = 0; at < name.size() && name[at] != 0;) {
        const std::size_t end = at + 1 + name[at];
        assert(end <= name.size());
        for (++at; at < end; ++at) append_escaped(text, name[at]);
        text += '.';
    }
    return text.empty() ? "." : text;
}

bool append_label(Labels& labels, std::string_view label) {
    if (label.empty() || label.size() > label_bytes_max) return false;
    labels += static_cast<char>(label.size());
    labels += label;
    return true;
}

std::uint64_t hash_octets(Octets octets, std::uint64_t seed) {
    constexpr std::uint64_t odd = 0x9E3779B97F4A7C15;
    std::uint64_t hash = seed ^ octets.size();
    for (std::size_t i = 0; i < octets.size(); i += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, octets.data() + i, std::min<std::size_t>(8, octets.size() - i));
        hash = multiply_fold(hash ^ word ^ seed, odd) ^ std::rotl(hash, 23);
    }
    return multiply_fold(hash, seed | 1U);
}

}  // namespace dns
