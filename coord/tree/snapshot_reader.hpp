#pragma once
// Builds a tree from a snapshot's bytes, which come in chunks cut anywhere.
//
// Fed by:  StateMachine::restore; the bytes may come from another replica and are not trusted.
// Thread:  coord.
// Holds:   memory grows with the bytes that came, never with what they claim is to come.
// Fails:   Errc::marshalling_error, if the bytes are not a whole, consistent snapshot.

#include "coord/base/result.hpp"
#include "coord/proto/jute.hpp"
#include "coord/tree/data_tree.hpp"
#include "coord/tree/origin.hpp"
#include "coord/tree/session_table.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

class SnapshotReader {
public:
    // All of them empty.
    SnapshotReader(DataTree& tree, SessionTable& sessions, OriginTable& origins)
        : tree_(tree), sessions_(sessions), origins_(origins) {}

    // `next` fills its argument with further bytes, and returns false when there are none. Yields
    // the last zxid.
    Result<Zxid> read(const std::function<bool(std::string& chunk)>& next);

private:
    enum class Stage { magic, head, records, done, broken };

    // Takes off the front of `bytes` what is whole.
    void consume(std::string_view& bytes);
    bool consume_magic(std::string_view& bytes);
    bool consume_record(std::string_view& bytes);
    void read_record(std::string_view record);
    void read_head(Decoder& in);
    void read_session(Decoder& in);
    void read_origin(Decoder& in);
    void read_znode(Decoder& in);
    void place_znode(Decoder& in, std::size_t depth, const ZnodeImage& image, const AclList& acl);
    const AclList& read_acl(Decoder& in, std::int32_t flags);
    [[nodiscard]] bool is_complete() const;

    DataTree& tree_;
    SessionTable& sessions_;
    OriginTable& origins_;
    Stage stage_ = Stage::magic;
    Zxid last_zxid_{};
    std::uint64_t sessions_left_ = 0;
    std::uint64_t origins_left_ = 0;
    std::uint64_t znodes_left_ = 0;
    std::vector<AclList> acls_;
    std::vector<NodeId> ancestors_;        // of the znode that came last, and itself: by depth
    std::string path_;                     // of the znode that came last
    std::vector<std::size_t> path_sizes_;  // of the ancestors' paths
};

}  // namespace coord
