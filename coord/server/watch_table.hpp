#pragma once
// Who wants to hear of changes to which path, and in which way.
//
// Fed by:  RequestProcessor: reads with a watch, addWatch, setWatches, and every event applied.
// Read by: RequestProcessor, which tells those that fire() names; the four-letter words wch*.
// Thread:  coord. No I/O: it names watchers, others write to them.
// Holds:   a watcher has at most one watch of each mode on a path; a one-shot watch fires once.
//          What fire() costs grows with the watchers it names, not with the watches set.

#include "coord/proto/records.hpp"
#include "coord/tree/state_machine.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace coord {

struct Conversation;

// What checkWatches and removeWatches select by. Source: ZooKeeper 3.9 Watcher.WatcherType.
enum class WatcherType : std::int32_t {
    children = 1,
    data = 2,
    any = 3,
    persistent = 4,
    persistent_recursive = 5,
};

class WatchTable {
public:
    using Watcher = Conversation*;  // Only its identity matters here; it is never looked into.

    // One-shot: fires once, then is gone.
    void watch(Watcher watcher, std::string_view path, WatchTableKind table);
    // Stays until it is removed.
    void watch(Watcher watcher, std::string_view path, WatchMode mode);

    // Every watcher that hears of this event, each once; consumes the one-shot watches it meets.
    // The answer is valid until the next call.
    const std::vector<Watcher>& fire(const Event& event);

    [[nodiscard]] bool has(Watcher watcher, std::string_view path, WatcherType type) const;
    // False if there was none.
    bool remove(Watcher watcher, std::string_view path, WatcherType type);
    // Forgets a watcher whose connection is gone.
    void forget(Watcher watcher);

    // Of this watcher's watched paths.
    struct Load {
        std::size_t paths = 0;
        std::size_t bytes = 0;
    };
    [[nodiscard]] Load load_of(Watcher watcher) const;
    [[nodiscard]] std::size_t watch_count() const { return watches_; }
    [[nodiscard]] std::size_t watcher_count() const { return by_watcher_.size(); }
    // The paths of each watcher where it hears of the znode itself, sorted: what ZooKeeper's wch*
    // tell of.
    [[nodiscard]] std::vector<std::pair<Watcher, std::vector<std::string>>> data_watches() const;

private:
    using Modes = std::uint8_t;  // Bits; see the source.
    struct StringHash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const {
            return std::hash<std::string_view>{}(text);
        }
    };
    using Watchers = std::unordered_map<Watcher, Modes>;
    using Paths = std::unordered_map<std::string, Watchers, StringHash, std::equal_to<>>;

    void add(Watcher watcher, std::string_view path, Modes modes);
    void fire_at(Paths::iterator path, Modes heard, Modes consumed);
    void unlink(Watcher watcher, const std::string& path);
    void count(Modes before, Modes after);

    Paths by_path_;
    // Which paths a watcher has entries at; the keys' addresses in by_path_, which are stable.
    struct Watched {
        std::unordered_set<const std::string*> paths;
        std::size_t bytes = 0;  // of them
    };
    std::unordered_map<Watcher, Watched> by_watcher_;
    std::vector<Watcher> told_;
    std::size_t watches_ = 0;
    std::size_t recursive_ = 0;  // While there is none, no ancestors need to be walked.
};

}  // namespace coord
