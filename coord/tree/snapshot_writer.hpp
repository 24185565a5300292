#pragma once
// A snapshot's bytes: the sessions and counters at the cut, then the tree, slice by slice.
//
// Fed by:  StateMachine::cut_snapshot.
// Read by: SnapshotReader, on this replica after a restart or on another.
// Thread:  coord.
// Holds:   the bytes depend on the state alone, not on how it came about.
//
// Format:  "ROSTERSM", int32 version, then records, each an int32 length, a byte that says which,
//          and its fields as jute writes them:
//          'h' last zxid, number of sessions, of origins, of znodes
//          's' id, timeout in ms, password, the member that it is a client of; in id order
//          'o' member, incarnation, sequence of its last entry; the one heard of least recently first
//          'n' depth, flags, name, data, czxid, ctime, then what the flags say; in preorder
//          'e' nothing: the end

#include "coord/tree/origin.hpp"
#include "coord/tree/session_table.hpp"
#include "coord/tree/snapshot_cut.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

namespace snapshot_format {

inline constexpr std::string_view magic = "ROSTERSM";
inline constexpr std::int32_t version = 2;
// A znode is as large as the frame that set it, and those are limited far below this.
inline constexpr std::int32_t record_bytes_max = std::int32_t{1} << 28U;

enum class Record : char { head = 'h', session = 's', origin = 'o', znode = 'n', end = 'e' };

// Which fields of a znode follow because they are not what they mostly are.
namespace flag {
inline constexpr std::int32_t modified = 1;   // mzxid, mtime, version: not as created
inline constexpr std::int32_t owner = 2;      // not 0
inline constexpr std::int32_t aversion = 4;   // not 0
inline constexpr std::int32_t branch = 8;     // creates, pzxid: had children
inline constexpr std::int32_t acl = 16;       // number of an ACL; absent: world:anyone, all
inline constexpr std::int32_t acl_list = 32;  // the ACL itself, the first time it is used
inline constexpr std::int32_t all = 63;
}  // namespace flag

}  // namespace snapshot_format

class SnapshotWriter {
public:
    SnapshotWriter(std::shared_ptr<SnapshotCut> cut,
                   const SessionTable& sessions,
                   const OriginTable& origins,
                   Zxid last_zxid,
                   std::size_t znode_count);

    // Appends about `znodes` znodes; false once the end is written.
    bool write(std::string& out, std::size_t znodes);

private:
    void write_znode(std::string& out, const SnapshotCut::Visit& visit);

    std::shared_ptr<SnapshotCut> cut_;
    std::string head_;                       // magic, counters, sessions, origins: as of the cut
    std::vector<std::int32_t> acl_numbers_;  // by AclId, in the order of first use
    std::int32_t acl_count_ = 0;
};

}  // namespace coord
