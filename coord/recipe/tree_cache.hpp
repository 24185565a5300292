#pragma once
// A subtree held in step with the ensemble: every znode below a root, told as it changes.
//
// Fed by:  Client's watch events (one persistent recursive watch) and reads.
// Read by: Catalog, KvStore: whoever set the callbacks.
// Thread:  agent, as the Client's.
// Holds:   callbacks are told one at a time and in an order in which the states existed per znode;
//          between disconnect and the end of the next full read nothing is lost: what changed
//          meanwhile is told as change, what vanished as removal. `settled`'s zxid never goes back.
// Fails:   never to its user: what cannot be read now is read again after the next connect, or a
//          second later. The ensemble must be ZooKeeper 3.6 or newer, and up to 3.8 no other watch
//          may be set on the root itself through the same Client: the last one would win.

#include "coord/client/client.hpp"

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace coord {

struct CachedZnode {
    std::string path;
    std::string data;
    Stat stat;
};

struct TreeCacheCallbacks {
    // A znode appeared or its data changed. The root itself is not told.
    std::function<void(const CachedZnode&)> put;
    // A znode is gone. `zxid` is at least that of its removal.
    std::function<void(std::string_view path, Zxid zxid)> removed;
    // The puts and removals told since the last call are one consistent step: publish them.
    // `zxid` is the newest state read so far. `synced` is true once the first full read is done.
    std::function<void(Zxid zxid, bool synced)> settled;
};

// Whether changed_at() knows removals, which then cost the reading of their parents.
enum class Removals { undated, dated };

class TreeCache {
public:
    // `depth`: levels below the root that are followed (1: its children only).
    TreeCache(Client& client,
              std::string root,
              std::size_t depth,
              TreeCacheCallbacks callbacks,
              Removals removals = Removals::undated);
    ~TreeCache();
    TreeCache(const TreeCache&) = delete;
    TreeCache& operator=(const TreeCache&) = delete;

    // Creates the root if it is missing (and again if somebody removes it), watches, and reads.
    // Call before Client::start(), or after. The Client outlives the cache.
    void start();
    void stop();

    [[nodiscard]] bool synced() const;
    // All that was told is the tree as it is, as far as our server has told us: no event waits.
    [[nodiscard]] bool idle() const;
    // The newest transaction that created, changed or removed what is followed: with dated removals
    // and while idle, a function of the tree alone, so the same for everybody who follows it.
    [[nodiscard]] Zxid changed_at() const;
    [[nodiscard]] std::size_t size() const;
    // Completes once everything up to `zxid` has been told through `settled`, or with
    // operation_timeout after `patience`. For read-your-writes.
    Task<Result<void>> reached(Zxid zxid, std::chrono::milliseconds patience);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace coord
