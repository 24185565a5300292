#include "coord/tree/snapshot_reader.hpp"

#include "coord/proto/error.hpp"
#include "coord/proto/path.hpp"
#include "coord/tree/snapshot_writer.hpp"

#include <algorithm>
#include <optional>

namespace coord {

using snapshot_format::Record;
namespace flag = snapshot_format::flag;

Result<Zxid> SnapshotReader::read(const std::function<bool(std::string& chunk)>& next) {
    std::string pending;
    std::string chunk;
    for (bool more = true; more && stage_ != Stage::broken;) {
        chunk.clear();
        more = next(chunk);
        pending += chunk;
        std::string_view rest = pending;
        consume(rest);
        pending.erase(0, pending.size() - rest.size());
    }
    if (stage_ != Stage::done || !pending.empty() || !is_complete()) {
        return Errc::marshalling_error;
    }
    return last_zxid_;
}

bool SnapshotReader::is_complete() const {
    return sessions_left_ == 0 && origins_left_ == 0 && znodes_left_ == 0 &&
           tree_.znodes().find("/zookeeper/config") != NodeId::none;
}

void SnapshotReader::consume(std::string_view& bytes) {
    bool took = true;
    while (took && stage_ != Stage::broken && stage_ != Stage::done) {
        took = stage_ == Stage::magic ? consume_magic(bytes) : consume_record(bytes);
    }
}

bool SnapshotReader::consume_magic(std::string_view& bytes) {
    const auto magic = snapshot_format::magic;
    if (bytes.size() < magic.size() + sizeof(std::int32_t)) return false;
    const bool is_ours = bytes.starts_with(magic);
    bytes.remove_prefix(magic.size());
    const auto version = Decoder(bytes).int32();
    bytes.remove_prefix(sizeof(std::int32_t));
    stage_ = is_ours && version == snapshot_format::version ? Stage::head : Stage::broken;
    return true;
}

bool SnapshotReader::consume_record(std::string_view& bytes) {
    if (bytes.size() < sizeof(std::int32_t)) return false;
    const auto size = Decoder(bytes).int32();
    if (size < 1 || size > snapshot_format::record_bytes_max) {
        stage_ = Stage::broken;
        return false;
    }
    const auto whole = sizeof(std::int32_t) + static_cast<std::size_t>(size);
    if (bytes.size() < whole) return false;
    read_record(bytes.substr(sizeof(std::int32_t), static_cast<std::size_t>(size)));
    bytes.remove_prefix(whole);
    return true;
}

void SnapshotReader::read_record(std::string_view record) {
    const Record kind{record.front()};
    Decoder in(record.substr(1));
    const bool is_expected = (kind == Record::head) == (stage_ == Stage::head);
    if (!is_expected) in.fail();
    switch (kind) {
        case Record::head: read_head(in); break;
        case Record::session: read_session(in); break;
        case Record::origin: read_origin(in); break;
        case Record::znode: read_znode(in); break;
        case Record::end: stage_ = Stage::done; break;
        default: in.fail();
    }
    if (in.failed() || !in.rest().empty()) stage_ = Stage::broken;
}

void SnapshotReader::read_head(Decoder& in) {
    last_zxid_ = Zxid{in.int64()};
    const auto sessions = in.int64();
    const auto origins = in.int64();
    const auto znodes = in.int64();
    if (last_zxid_ < Zxid{0} || sessions < 0 || znodes < 0) in.fail();
    if (origins < 0 || origins > static_cast<std::int64_t>(OriginTable::members_max)) in.fail();
    origins_left_ = static_cast<std::uint64_t>(origins);
    sessions_left_ = static_cast<std::uint64_t>(sessions);
    znodes_left_ = static_cast<std::uint64_t>(znodes);
    stage_ = Stage::records;
}

void SnapshotReader::read_session(Decoder& in) {
    const SessionId id{in.int64()};
    const std::chrono::milliseconds timeout{in.int64()};
    const auto secret = in.ustring();
    const auto owner = static_cast<std::uint64_t>(in.int64());
    Password password{};
    if (secret.size() != password.size() || sessions_left_ == 0) in.fail();
    const auto& open = sessions_.all();
    if (!open.empty() && id <= open.rbegin()->first) in.fail();
    if (in.failed()) return;
    std::copy(secret.begin(), secret.end(), password.begin());
    if (!sessions_.open(id, timeout, password, owner)) in.fail();
    --sessions_left_;
}

void SnapshotReader::read_origin(Decoder& in) {
    const auto number = [&] { return static_cast<std::uint64_t>(in.int64()); };
    Origin origin;
    origin.member = number();
    origin.incarnation = number();
    origin.sequence = number();
    const auto known = origins_.all();
    const auto is_known = [&](const Origin& other) { return other.member == origin.member; };
    if (origin.sequence == 0 || std::any_of(known.begin(), known.end(), is_known)) in.fail();
    if (in.failed() || origins_left_ == 0) return in.fail();
    origins_.restore(origin);
    --origins_left_;
}

void SnapshotReader::read_znode(Decoder& in) {
    const auto depth = in.int32();
    const auto flags = in.int32();
    if (depth < 0 || flags < 0 || flags > flag::all || znodes_left_ == 0) in.fail();
    ZnodeImage image;
    image.name = in.ustring();
    image.data = in.buffer();
    image.czxid = image.mzxid = image.pzxid = Zxid{in.int64()};
    image.ctime = image.mtime = in.int64();
    if ((flags & flag::modified) != 0) {
        image.mzxid = Zxid{in.int64()};
        image.mtime = in.int64();
        image.version = in.int32();
    }
    if ((flags & flag::owner) != 0) image.owner = in.int64();
    if ((flags & flag::aversion) != 0) image.aversion = in.int32();
    if ((flags & flag::branch) != 0) {
        image.creates = in.int32();
        image.pzxid = Zxid{in.int64()};
    }
    // A znode of the future would be left out of the next snapshot, though it counts there.
    if (std::max({image.czxid, image.mzxid, image.pzxid}) > last_zxid_) in.fail();
    const auto& acl = read_acl(in, flags);
    if (in.failed()) return;
    place_znode(in, static_cast<std::size_t>(depth), image, acl);
    --znodes_left_;
}

const AclList& SnapshotReader::read_acl(Decoder& in, std::int32_t flags) {
    if ((flags & flag::acl_list) != 0) {
        acls_.push_back(in.acl().value_or(AclList()));
        if (acls_.back().empty()) in.fail();
        return acls_.back();
    }
    if ((flags & flag::acl) == 0) return open_acl_unsafe;
    const auto number = static_cast<std::size_t>(in.int32());
    if (number < acls_.size()) return acls_[number];
    in.fail();
    return open_acl_unsafe;
}

void SnapshotReader::place_znode(Decoder& in,
                                 std::size_t depth,
                                 const ZnodeImage& image,
                                 const AclList& acl) {
    const bool is_root = ancestors_.empty();
    if (is_root != (depth == 0) || depth > ancestors_.size()) return in.fail();
    if (is_root) {
        if (!image.name.empty() || image.owner != 0) return in.fail();
        path_ = "/";
        path_sizes_ = {0};
        ancestors_ = {tree_.restore(NodeId::none, path_, image, acl)};
        return;
    }
    ancestors_.resize(depth);
    path_sizes_.resize(depth);
    path_.resize(path_sizes_.back());
    path_.append("/").append(image.name);
    const auto parent = ancestors_.back();
    const auto& znodes = tree_.znodes();
    const bool is_owned = owner_kind(image.owner) == OwnerKind::session;
    const bool may_stand = is_valid_path("/" + std::string(image.name)) &&
                           image.name.find('/') == std::string_view::npos &&
                           znodes.find(path_) == NodeId::none &&
                           owner_kind(znodes[parent].owner) != OwnerKind::session &&
                           (!is_owned || sessions_.find(SessionId{image.owner}) != nullptr);
    if (!may_stand) return in.fail();
    ancestors_.push_back(tree_.restore(parent, path_, image, acl));
    path_sizes_.push_back(path_.size());
}

}  // namespace coord
