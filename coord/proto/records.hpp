#pragma once
// The values ZooKeeper's protocol speaks of: Stat, ACL, modes, opcodes, events.
//
// Fed by:  jute's Decoder, DataTree.
// Read by: client, server, tree; whoever uses a znode.
// Thread:  any; these are values.
// Source:  ZooKeeper 3.8 zookeeper.jute, ZooDefs.java, CreateMode.java, Watcher.java.

#include <cstdint>
#include <string>
#include <vector>

namespace coord {

enum class SessionId : std::int64_t {};
enum class Zxid : std::int64_t {};

// 68 bytes on the wire, in this order. Times are milliseconds since 1970, the leader's clock.
struct Stat {
    Zxid czxid{};
    Zxid mzxid{};
    std::int64_t ctime = 0;
    std::int64_t mtime = 0;
    std::int32_t version = 0;
    std::int32_t cversion = 0;
    std::int32_t aversion = 0;
    SessionId ephemeral_owner{};
    std::int32_t data_length = 0;
    std::int32_t num_children = 0;
    Zxid pzxid{};

    bool operator==(const Stat&) const = default;
};

struct Id {
    std::string scheme;
    std::string id;

    auto operator<=>(const Id&) const = default;
};

struct Acl {
    std::int32_t perms = 0;  // Perm bits
    Id id;

    auto operator<=>(const Acl&) const = default;
};

namespace perm {
inline constexpr std::int32_t read = 1;
inline constexpr std::int32_t write = 2;
inline constexpr std::int32_t create = 4;
inline constexpr std::int32_t remove = 8;
inline constexpr std::int32_t admin = 16;
inline constexpr std::int32_t all = 31;
}  // namespace perm

inline const std::vector<Acl> open_acl_unsafe{{perm::all, {"world", "anyone"}}};

enum class CreateMode : std::int32_t {
    persistent = 0,
    ephemeral = 1,
    persistent_sequential = 2,
    ephemeral_sequential = 3,
    container = 4,
    persistent_ttl = 5,
    persistent_sequential_ttl = 6,
};

enum class OpCode : std::int32_t {
    notification = 0,
    create = 1,
    remove = 2,  // "delete"
    exists = 3,
    get_data = 4,
    set_data = 5,
    get_acl = 6,
    set_acl = 7,
    get_children = 8,
    sync = 9,
    ping = 11,
    get_children2 = 12,
    check = 13,
    multi = 14,
    create2 = 15,
    reconfig = 16,
    check_watches = 17,
    remove_watches = 18,
    create_container = 19,
    delete_container = 20,
    create_ttl = 21,
    multi_read = 22,
    auth = 100,
    set_watches = 101,
    sasl = 102,
    get_ephemerals = 103,
    get_all_children_number = 104,
    set_watches2 = 105,
    add_watch = 106,
    who_am_i = 107,
    create_session = -10,
    close_session = -11,
    attach_session = -12,  // these three are ours alone, and never on the wire to a client
    expire_session = -13,
    tell_members = -14,
    begin_anew = -15,
    error = -1,
};

enum class WatchMode : std::int32_t { persistent = 0, persistent_recursive = 1 };

enum class EventType : std::int32_t {
    none = -1,
    node_created = 1,
    node_deleted = 2,
    node_data_changed = 3,
    node_children_changed = 4,
};

enum class KeeperState : std::int32_t { disconnected = 0, sync_connected = 3, expired = -112 };

struct WatcherEvent {
    EventType type = EventType::none;
    KeeperState state = KeeperState::sync_connected;
    std::string path;

    bool operator==(const WatcherEvent&) const = default;
};

}  // namespace coord
