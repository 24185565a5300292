#pragma once
// One znode in memory: 96 bytes beside its name and data, since there are to be millions.
//
// Fed by:  ZnodeStore, which allots them; DataTree, which changes them.
// Read by: everything in coord/tree.
// Thread:  coord.
// Holds:   what only few znodes have (children) stands in a Branch of its own.

#include "coord/proto/records.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

namespace coord {

enum class NodeId : std::uint32_t { none = 0xFFFFFFFF, removed = 0xFFFFFFFE };
enum class AclId : std::uint32_t { open = 0 };
enum class BranchId : std::uint32_t { none = 0xFFFFFFFF };

// Owners that are no sessions, as ZooKeeper stores them. On the wire they read as 0.
inline constexpr std::uint64_t container_owner = 0x8000000000000000U;
inline constexpr std::uint64_t ttl_owner_mask = 0xFF00000000000000U;
inline constexpr std::int64_t ttl_ms_max = (std::int64_t{1} << 40U) - 1;

enum class OwnerKind { nobody, session, container, ttl };

constexpr OwnerKind owner_kind(std::int64_t owner) {
    if (owner == 0) return OwnerKind::nobody;
    const auto bits = static_cast<std::uint64_t>(owner);
    if (bits == container_owner) return OwnerKind::container;
    return (bits & ttl_owner_mask) == ttl_owner_mask ? OwnerKind::ttl : OwnerKind::session;
}

constexpr std::int64_t ttl_owner(std::int64_t ttl_ms) {
    return static_cast<std::int64_t>(ttl_owner_mask | static_cast<std::uint64_t>(ttl_ms));
}

constexpr std::int64_t owner_ttl_ms(std::int64_t owner) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(owner) & ~ttl_owner_mask);
}

// A znode's children, in the order of their creation, and what their coming and going counts.
struct Branch {
    NodeId first = NodeId::none;
    NodeId last = NodeId::none;
    std::int32_t num_children = 0;
    std::int32_t descendants = 0;  // children and all below them
    std::int32_t creates = 0;      // ever, of any child: the source of sequence numbers
    Zxid pzxid{};
};

struct Znode {
    std::unique_ptr<char[]> bytes;  // the name, the data behind it
    Zxid czxid{};
    Zxid mzxid{};
    std::int64_t ctime = 0;
    std::int64_t mtime = 0;
    std::int64_t owner = 0;        // see owner_kind()
    NodeId parent = NodeId::none;  // none for the root
    NodeId chain = NodeId::none;   // next in the index's bucket; `removed` once out of the index
    NodeId previous = NodeId::none;
    NodeId next = NodeId::none;  // siblings
    std::uint32_t hash = 0;      // of the whole path
    std::uint32_t name_size = 0;
    std::int32_t data_size = -1;  // -1: null
    AclId acl = AclId::open;
    std::uint32_t visited = 0;         // number of the last snapshot that has it
    BranchId branch = BranchId::none;  // none until the first child
    std::int32_t version = 0;
    std::int32_t aversion = 0;

    [[nodiscard]] std::string_view name() const { return {bytes.get(), name_size}; }
    [[nodiscard]] std::optional<std::string_view> data() const {
        if (data_size < 0) return std::nullopt;
        return std::string_view(bytes.get() + name_size, static_cast<std::size_t>(data_size));
    }
    [[nodiscard]] bool is_removed() const { return chain == NodeId::removed; }
};

static_assert(sizeof(Znode) == 96);

}  // namespace coord
