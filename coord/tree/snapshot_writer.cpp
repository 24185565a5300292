#include "coord/tree/snapshot_writer.hpp"

#include "coord/proto/jute.hpp"

#include <cassert>
#include <utility>

namespace coord {
namespace {

using snapshot_format::Record;

constexpr std::size_t slice_bytes_max = std::size_t{1} << 20U;  // and the znode that goes beyond

std::size_t begin_record(std::string& out, Record record) {
    const auto begun = begin_frame(out);
    out.push_back(static_cast<char>(record));
    return begun;
}

std::int64_t number(Zxid zxid) { return static_cast<std::int64_t>(zxid); }

std::int32_t flags_of(const SnapshotCut::Visit& visit) {
    namespace flag = snapshot_format::flag;
    const auto& image = visit.image;
    std::int32_t flags = 0;
    const bool is_modified =
        image.mzxid != image.czxid || image.mtime != image.ctime || image.version != 0;
    if (is_modified) flags |= flag::modified;
    if (image.owner != 0) flags |= flag::owner;
    if (image.aversion != 0) flags |= flag::aversion;
    if (image.creates != 0 || image.pzxid != image.czxid) flags |= flag::branch;
    if (visit.acl != AclId::open) flags |= visit.acl_is_new ? flag::acl_list : flag::acl;
    return flags;
}

}  // namespace

SnapshotWriter::SnapshotWriter(std::shared_ptr<SnapshotCut> cut,
                               const SessionTable& sessions,
                               const OriginTable& origins,
                               Zxid last_zxid,
                               std::size_t znode_count)
    : cut_(std::move(cut)) {
    Encoder out(head_);
    head_.append(snapshot_format::magic);
    out.int32(snapshot_format::version);
    auto begun = begin_record(head_, Record::head);
    out.int64(number(last_zxid));
    out.int64(static_cast<std::int64_t>(sessions.all().size()));
    const auto all_origins = origins.all();
    out.int64(static_cast<std::int64_t>(all_origins.size()));
    out.int64(static_cast<std::int64_t>(znode_count));
    end_frame(head_, begun);
    for (const auto& [id, session] : sessions.all()) {
        begun = begin_record(head_, Record::session);
        out.int64(static_cast<std::int64_t>(id));
        out.int64(session.timeout.count());
        out.ustring({session.password.data(), session.password.size()});
        out.int64(static_cast<std::int64_t>(session.owner));
        end_frame(head_, begun);
    }
    for (const auto& origin : all_origins) {
        begun = begin_record(head_, Record::origin);
        out.int64(static_cast<std::int64_t>(origin.member));
        out.int64(static_cast<std::int64_t>(origin.incarnation));
        out.int64(static_cast<std::int64_t>(origin.sequence));
        end_frame(head_, begun);
    }
}

bool SnapshotWriter::write(std::string& out, std::size_t znodes) {
    assert(cut_ != nullptr);
    const auto end = out.size() + slice_bytes_max;
    out.append(std::exchange(head_, {}));
    for (std::size_t i = 0; i < znodes && out.size() < end; ++i) {
        const auto visit = cut_->visit();
        if (!visit) {
            end_frame(out, begin_record(out, Record::end));
            cut_.reset();
            return false;
        }
        write_znode(out, *visit);
    }
    return true;
}

void SnapshotWriter::write_znode(std::string& bytes, const SnapshotCut::Visit& visit) {
    namespace flag = snapshot_format::flag;
    const auto& image = visit.image;
    const auto flags = flags_of(visit);
    const auto begun = begin_record(bytes, Record::znode);
    Encoder out(bytes);
    out.int32(static_cast<std::int32_t>(visit.depth));
    out.int32(flags);
    out.ustring(image.name);
    out.buffer(image.data);
    out.int64(number(image.czxid));
    out.int64(image.ctime);
    if ((flags & flag::modified) != 0) {
        out.int64(number(image.mzxid));
        out.int64(image.mtime);
        out.int32(image.version);
    }
    if ((flags & flag::owner) != 0) out.int64(image.owner);
    if ((flags & flag::aversion) != 0) out.int32(image.aversion);
    if ((flags & flag::branch) != 0) {
        out.int32(image.creates);
        out.int64(number(image.pzxid));
    }
    const auto acl = static_cast<std::size_t>(visit.acl);
    if ((flags & flag::acl_list) != 0) {
        if (acl >= acl_numbers_.size()) acl_numbers_.resize(acl + 1);
        acl_numbers_[acl] = acl_count_++;
        out.acl(cut_->acl(visit.acl));
    }
    if ((flags & flag::acl) != 0) out.int32(acl_numbers_[acl]);
    end_frame(bytes, begun);
}

}  // namespace coord
