#include "coord/server/watch_table.hpp"

#include "coord/proto/path.hpp"

#include <algorithm>
#include <bit>
#include <cassert>

namespace coord {
namespace {

// ZooKeeper keeps two tables, DATA and CHILD, with modes in each; the four bits say the same.
constexpr std::uint8_t data_once = 1;
constexpr std::uint8_t child_once = 2;
constexpr std::uint8_t persistent = 4;  // In both tables.
constexpr std::uint8_t recursive = 8;   // In DATA, and for every descendant.
constexpr std::uint8_t in_data = data_once | persistent | recursive;
constexpr std::uint8_t in_child = child_once | persistent;

std::uint8_t modes_of(WatcherType type) {
    switch (type) {
        case WatcherType::children: return child_once;
        case WatcherType::data: return data_once;
        case WatcherType::any: return in_data | in_child;
        case WatcherType::persistent: return persistent;
        case WatcherType::persistent_recursive: return recursive;
    }
    return 0;
}

}  // namespace

void WatchTable::watch(Watcher watcher, std::string_view path, WatchTableKind table) {
    add(watcher, path, table == WatchTableKind::data ? data_once : child_once);
}

void WatchTable::watch(Watcher watcher, std::string_view path, WatchMode mode) {
    add(watcher, path, mode == WatchMode::persistent ? persistent : recursive);
}

void WatchTable::add(Watcher watcher, std::string_view path, Modes modes) {
    auto at = by_path_.find(path);
    if (at == by_path_.end()) at = by_path_.emplace(std::string(path), Watchers{}).first;
    const auto [entry, is_new] = at->second.try_emplace(watcher, Modes{0});
    if (is_new) {
        auto& watched = by_watcher_[watcher];
        watched.paths.insert(&at->first);
        watched.bytes += path.size();
    }
    const auto after = static_cast<Modes>(entry->second | modes);
    count(entry->second, after);
    entry->second = after;
}

void WatchTable::count(Modes before, Modes after) {
    const auto adjust = [&](std::size_t& total, Modes mask) {
        total += static_cast<std::size_t>(std::popcount(static_cast<Modes>(after & mask)));
        total -= static_cast<std::size_t>(std::popcount(static_cast<Modes>(before & mask)));
    };
    adjust(watches_, in_data | in_child);
    adjust(recursive_, recursive);
}

const std::vector<WatchTable::Watcher>& WatchTable::fire(const Event& event) {
    told_.clear();
    Modes heard = 0;
    Modes consumed = 0;
    if (event.to_data_watches) {
        heard |= in_data;
        consumed |= data_once;
    }
    if (event.to_child_watches) {
        heard |= in_child;
        consumed |= child_once;
    }
    // A recursive watch hears of the children themselves, never that they changed.
    const bool climbs = event.to_data_watches && event.type != EventType::node_children_changed;
    if (!climbs) heard &= static_cast<Modes>(~recursive);

    const auto at = by_path_.find(std::string_view(event.path));
    if (at != by_path_.end()) fire_at(at, heard, consumed);
    if (!climbs || recursive_ == 0) return told_;

    const auto exact = told_.size();
    for (std::string_view path = event.path; path.size() > 1;) {
        path = parent_path(path);
        const auto above = by_path_.find(path);
        if (above != by_path_.end()) fire_at(above, recursive, 0);
    }
    if (told_.size() > exact) {  // One event per connection, however many of its watches match.
        std::sort(told_.begin(), told_.end(), std::less<>{});
        told_.erase(std::unique(told_.begin(), told_.end()), told_.end());
    }
    return told_;
}

void WatchTable::fire_at(Paths::iterator path, Modes heard, Modes consumed) {
    auto& watchers = path->second;
    for (auto at = watchers.begin(); at != watchers.end();) {
        const auto [watcher, modes] = *at;
        if ((modes & heard) != 0) told_.push_back(watcher);
        const auto left = static_cast<Modes>(modes & ~consumed);
        count(modes, left);
        if (left != 0) {
            at->second = left;
            ++at;
            continue;
        }
        unlink(watcher, path->first);
        at = watchers.erase(at);
    }
    if (watchers.empty()) by_path_.erase(path);
}

bool WatchTable::has(Watcher watcher, std::string_view path, WatcherType type) const {
    const auto at = by_path_.find(path);
    if (at == by_path_.end()) return false;
    const auto entry = at->second.find(watcher);
    return entry != at->second.end() && (entry->second & modes_of(type)) != 0;
}

bool WatchTable::remove(Watcher watcher, std::string_view path, WatcherType type) {
    if (!has(watcher, path, type)) return false;
    const auto at = by_path_.find(path);
    const auto entry = at->second.find(watcher);
    const auto left = static_cast<Modes>(entry->second & ~modes_of(type));
    count(entry->second, left);
    entry->second = left;
    if (left == 0) {
        unlink(watcher, at->first);
        at->second.erase(entry);
        if (at->second.empty()) by_path_.erase(at);
    }
    return true;
}

void WatchTable::unlink(Watcher watcher, const std::string& path) {
    const auto at = by_watcher_.find(watcher);
    assert(at != by_watcher_.end());
    at->second.paths.erase(&path);
    at->second.bytes -= path.size();
    if (at->second.paths.empty()) by_watcher_.erase(at);
}

void WatchTable::forget(Watcher watcher) {
    const auto of_watcher = by_watcher_.find(watcher);
    if (of_watcher == by_watcher_.end()) return;
    for (const auto* key : of_watcher->second.paths) {
        const auto at = by_path_.find(std::string_view(*key));
        assert(at != by_path_.end());
        const auto entry = at->second.find(watcher);
        count(entry->second, 0);
        at->second.erase(entry);
        if (at->second.empty()) by_path_.erase(at);
    }
    by_watcher_.erase(of_watcher);
}

WatchTable::Load WatchTable::load_of(Watcher watcher) const {
    const auto of_watcher = by_watcher_.find(watcher);
    if (of_watcher == by_watcher_.end()) return {};
    return {of_watcher->second.paths.size(), of_watcher->second.bytes};
}

std::vector<std::pair<WatchTable::Watcher, std::vector<std::string>>>
WatchTable::data_watches() const {
    std::vector<std::pair<Watcher, std::vector<std::string>>> all;
    for (const auto& [watcher, watched] : by_watcher_) {
        std::vector<std::string> of_data;
        for (const auto* path : watched.paths) {
            if ((by_path_.find(*path)->second.at(watcher) & in_data) != 0) of_data.push_back(*path);
        }
        if (of_data.empty()) continue;
        std::sort(of_data.begin(), of_data.end());
        all.emplace_back(watcher, std::move(of_data));
    }
    return all;
}

}  // namespace coord
