#include "coord/tree/quota.hpp"

#include "coord/proto/path.hpp"

#include <algorithm>

namespace coord {
namespace {

constexpr std::string_view quota_root = "/zookeeper/quota";
constexpr std::string_view limits_name = "/zookeeper_limits";
constexpr std::string_view stats_name = "/zookeeper_stats";

std::string place_of(std::string_view path, std::string_view name) {
    return std::string(quota_root).append(path).append(name);
}

std::int64_t size_of(std::optional<std::string_view> data) {
    return data ? static_cast<std::int64_t>(data->size()) : 0;
}

std::optional<StatsTrack> track_at(const ZnodeStore& znodes, const std::string& path) {
    const auto id = znodes.find(path);
    if (id == NodeId::none) return std::nullopt;
    return StatsTrack::parse(znodes[id].data().value_or(std::string_view()));
}

// "/app" of "/zookeeper/quota/app/zookeeper_stats"; empty of what is none.
std::string_view quota_of(std::string_view path, std::string_view name) {
    if (!path.starts_with(quota_root) || !path.ends_with(name)) return {};
    path.remove_prefix(quota_root.size());
    if (path.size() <= name.size() || path.front() != '/') return {};
    path.remove_suffix(name.size());
    return path;
}

}  // namespace

std::string_view Quota::find(std::string_view path) const {
    const auto& znodes = tree_.znodes();
    const auto root = znodes.find(quota_root);
    if (root == NodeId::none || znodes.branch(root).num_children == 0) return {};
    std::string_view found;
    std::string place(quota_root);
    for (std::size_t begin = 0; begin < path.size() && path.size() > 1;) {
        const auto end = std::min(path.find('/', begin + 1), path.size());
        place.append(path.substr(begin, end - begin));
        if (znodes.find(place) == NodeId::none) break;
        const auto size = place.size();
        if (znodes.find(place.append(limits_name)) != NodeId::none) found = path.substr(0, end);
        place.resize(size);
        begin = end;
    }
    return found;
}

std::vector<QuotaExcess> Quota::excesses(std::string_view path, Usage change) const {
    const auto prefix = find(path);
    if (prefix.empty()) return {};
    const auto limits = track_at(tree_.znodes(), place_of(prefix, limits_name));
    const auto stats = track_at(tree_.znodes(), place_of(prefix, stats_name));
    if (!limits || !stats) return {};

    std::vector<QuotaExcess> found;
    // A hard limit stands for the soft one beside it.
    const auto check = [&](const char* what, std::int64_t would_be, auto soft, auto hard) {
        const bool is_hard = hard > -1;
        const auto limit = is_hard ? hard : soft;
        if (limit > -1 && would_be > limit) {
            found.push_back({std::string(prefix), what, is_hard, would_be, limit});
        }
    };
    if (change.count != 0) {
        check("znodes", stats->count() + change.count, limits->count(), limits->count_hard_limit());
    }
    if (!found.empty() && found.back().is_hard) return found;
    if (change.bytes != 0) {
        check("bytes", stats->bytes() + change.bytes, limits->bytes(), limits->byte_hard_limit());
    }
    return found;
}

void Quota::note(std::string_view path, Usage change) {
    const auto prefix = find(path);
    if (prefix.empty()) return;
    const auto id = tree_.znodes().find(place_of(prefix, stats_name));
    if (id == NodeId::none) return;
    auto stats = StatsTrack::parse(tree_.znodes()[id].data().value_or(std::string_view()));
    stats.set_usage(stats.count() + change.count, stats.bytes() + change.bytes);
    tree_.rewrite_data(id, stats.format());
}

void Quota::note_created(std::string_view path, std::optional<std::string_view> data) {
    if (const auto counted = quota_of(path, stats_name); !counted.empty()) {
        const auto usage = count_below(counted);
        StatsTrack stats;
        stats.set_usage(usage.count, usage.bytes);
        tree_.rewrite_data(tree_.znodes().find(path), stats.format());
    }
    note(path, {1, size_of(data)});
}

Usage Quota::count_below(std::string_view path) const {
    const auto& znodes = tree_.znodes();
    const auto top = znodes.find(path);
    Usage usage;
    for (auto id = top; id != NodeId::none; id = znodes.next_below(top, id)) {
        ++usage.count;
        usage.bytes += size_of(znodes[id].data());
    }
    return usage;
}

std::vector<QuotaView> Quota::all(const DataTree& tree, std::size_t max) {
    const auto& znodes = tree.znodes();
    const auto top = znodes.find(quota_root);
    std::vector<QuotaView> views;
    // Anybody may put other znodes there: they are not to make this a long walk.
    auto left = 10 * max;
    for (auto id = top; id != NodeId::none && views.size() < max && left-- > 0;
         id = znodes.next_below(top, id)) {
        if (znodes[id].name() != limits_name.substr(1)) continue;
        const auto place = znodes.path_of(id);
        const auto path = quota_of(place, limits_name);
        if (path.empty()) continue;
        const auto limits = StatsTrack::parse(znodes[id].data().value_or(std::string_view()));
        const auto stats = track_at(znodes, place_of(path, stats_name)).value_or(StatsTrack());
        const auto limit = [](std::int64_t hard, std::int64_t soft) {
            return hard > -1 ? hard : soft;
        };
        views.push_back({std::string(path),
                         limit(limits.count_hard_limit(), limits.count()),
                         limit(limits.byte_hard_limit(), limits.bytes()),
                         stats.count(),
                         stats.bytes()});
    }
    return views;
}

}  // namespace coord
