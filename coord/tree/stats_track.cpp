#include "coord/tree/stats_track.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace coord {
namespace {

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t value = -1;
    if (text.empty()) return value;
    const auto* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    return value;
}

}  // namespace

StatsTrack StatsTrack::parse(std::string_view text) {
    StatsTrack track;
    while (!text.empty()) {
        const auto end = std::min(text.find_first_of(",;"), text.size());
        const auto pair = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const auto equals = pair.find('=');
        if (equals == std::string_view::npos) continue;
        const auto behind = pair.substr(equals + 1);
        const auto value = number(behind.substr(0, std::min(behind.find('='), behind.size())));
        if (value) track.values_.insert_or_assign(std::string(pair.substr(0, equals)), *value);
    }
    return track;
}

std::string StatsTrack::format() const {
    auto text = "count=" + std::to_string(count()) + ",bytes=" + std::to_string(bytes());
    bool is_first = true;
    for (const auto& [key, value] : values_) {
        if (key == "count" || key == "bytes") continue;
        text.append(is_first ? "=;" : ";").append(key).append("=").append(std::to_string(value));
        is_first = false;
    }
    return text;
}

void StatsTrack::set_usage(std::int64_t count, std::int64_t bytes) {
    values_.insert_or_assign("count", count);
    values_.insert_or_assign("bytes", bytes);
}

std::int64_t StatsTrack::value(std::string_view key) const {
    const auto at = values_.find(key);
    return at == values_.end() ? -1 : at->second;
}

}  // namespace coord
