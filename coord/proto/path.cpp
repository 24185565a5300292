#include "coord/proto/path.hpp"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>

namespace coord {
namespace {

// The control characters, surrogates, private use and specials that PathUtils.validatePath refuses;
// what is beyond the basic plane is a pair of surrogates to Java.
bool is_forbidden(std::uint32_t point) {
    return point <= 0x1F || (point >= 0x7F && point <= 0x9F) ||
           (point >= 0xD800 && point <= 0xF8FF) || point >= 0xFFF0;
}

// What Java's decoder makes of bytes that are no UTF-8.
constexpr std::uint32_t replacement = 0xFFFD;

std::uint32_t shortest_form_from(std::size_t size) {
    return size == 2 ? 0x80U : size == 3 ? 0x800U : 0x10000U;
}

// The code point at the front of `text`, which it takes off.
std::uint32_t next_point(std::string_view& text) {
    const auto first = static_cast<unsigned char>(text.front());
    text.remove_prefix(1);
    if (first < 0x80) return first;
    const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4 || text.size() < size - 1) return replacement;
    std::uint32_t point = first & (0xFFU >> (size + 1));
    for (std::size_t i = 0; i + 1 < size; ++i) {
        const auto next = static_cast<unsigned char>(text[i]);
        if ((next & 0xC0U) != 0x80U) return replacement;
        point = (point << 6U) | (next & 0x3FU);
    }
    text.remove_prefix(size - 1);
    return point < shortest_form_from(size) ? replacement : point;
}

bool is_valid_name(std::string_view name) { return !name.empty() && name != "." && name != ".."; }

}  // namespace

bool is_valid_path(std::string_view path) {
    if (path.empty() || path.front() != '/') return false;
    if (path.size() == 1) return true;
    for (auto rest = path; !rest.empty();) {
        if (is_forbidden(next_point(rest))) return false;
    }
    for (std::size_t begin = 1; begin <= path.size();) {
        const auto end = std::min(path.find('/', begin), path.size());
        if (!is_valid_name(path.substr(begin, end - begin))) return false;
        begin = end + 1;
    }
    return true;
}

std::string_view parent_path(std::string_view path) {
    const auto slash = path.rfind('/');
    assert(slash != std::string_view::npos);
    return slash == 0 ? path.substr(0, 1) : path.substr(0, slash);
}

std::string_view node_name(std::string_view path) {
    const auto slash = path.rfind('/');
    assert(slash != std::string_view::npos);
    return path.substr(slash + 1);
}

}  // namespace coord
