#pragma once
// Consul's key-value store on znodes: one znode per key, every key in memory on every agent.
//
// Fed by:  http/kv_api (writes), a TreeCache on /roster/kv (everything that is read).
// Read by: http, through KvPublications.
// Thread:  agent. Entries are immutable and may be handed to any thread.
// Holds:   a write completes after this agent's own view has it: read-your-writes.
//          A write keeps the lock of its key.
// Fails:   coord::Errc: bad_arguments for a key or value beyond the limits; operation_timeout if a
//          write was committed but this agent's view did not follow in time. A compare-and-set
//          that lost is not a failure but `false`.

#include "agent/catalog.hpp"
#include "coord/client/client.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace agent {

struct KvEntry {
    std::string key;  // opaque bytes; '/' means nothing here
    std::string value;
    std::uint64_t flags = 0;
    std::uint64_t lock_index = 0;
    std::string session;
    CatalogIndex create_index{};
    CatalogIndex modify_index{};
};

struct KvPublication {
    CatalogIndex index{};
    bool synced = false;
    std::vector<std::shared_ptr<const KvEntry>> entries;
    std::vector<std::string> removed;
};

using KvSubscriber = std::function<void(const std::shared_ptr<const KvPublication>&)>;

inline constexpr std::size_t kv_key_bytes_max = 1024;
inline constexpr std::size_t kv_value_bytes_max = 512U << 10U;

// What the znode of a key holds: version, flags, lock, session, then the value.
std::string encode(const KvEntry& entry);
Parsed<KvEntry> decode_kv(std::string_view znode);

class KvStore {
public:
    explicit KvStore(coord::Client& client);
    ~KvStore();
    KvStore(const KvStore&) = delete;
    KvStore& operator=(const KvStore&) = delete;

    void subscribe(KvSubscriber subscriber);  // before start()
    void start();
    void stop();

    // `cas`: the ModifyIndex the key must have; 0: it must not exist (to remove it: nothing to do,
    // false). Yields whether it was done. To remove what is not there is done.
    coord::Task<coord::Result<bool>>
    put(std::string key, std::string value, std::uint64_t flags, std::optional<std::uint64_t> cas);
    coord::Task<coord::Result<bool>> remove(std::string key, std::optional<std::uint64_t> cas);
    // All keys that start so when this is called. Not one step: others may see some of them go first.
    coord::Task<coord::Result<bool>> remove_prefix(std::string prefix);
    // `?consistent`: everything committed before this call is in the view when it completes.
    coord::Task<coord::Result<void>> sync();

    [[nodiscard]] std::shared_ptr<const KvEntry> find(const std::string& key) const;
    // Of any thread.
    [[nodiscard]] std::vector<coord::Metric> metrics() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace agent
