#include "tests/coord/simulation/tree_model.hpp"

#include "coord/tree/origin.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace coord {

namespace {

std::int64_t number(Zxid zxid) { return static_cast<std::int64_t>(zxid); }

std::string parent_of(std::string_view path) {
    const auto slash = path.rfind('/');
    return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

std::string numbered(std::string_view path, std::int32_t sequence) {
    std::array<char, 16> digits{};
    std::snprintf(digits.data(), digits.size(), "%010d", sequence);
    return std::string(path) + digits.data();
}

bool is_of_a_client(OpCode op) {
    return op != OpCode::create_session && op != OpCode::attach_session &&
           op != OpCode::expire_session && op != OpCode::tell_members &&
           op != OpCode::delete_container;
}

}  // namespace

TreeModel::TreeModel() {
    znodes_["/"].push_back({Zxid{0}, Znode{}});
    znodes_[std::string(members_path)].push_back({Zxid{0}, Znode{}});
}

const TreeModel::Applied& TreeModel::at(Zxid zxid) const {
    demand(zxid > Zxid{0} && zxid <= last(), "a zxid that nothing was committed under");
    return history_.at(static_cast<std::size_t>(number(zxid) - 1));
}

const TreeModel::Znode* TreeModel::find(const std::string& path, Zxid at) const {
    const auto found = znodes_.find(path);
    if (found == znodes_.end()) return nullptr;
    const auto& versions = found->second;
    const auto later = std::upper_bound(
        versions.begin(), versions.end(), at, [](Zxid a, const Version& b) { return a < b.since; });
    if (later == versions.begin()) return nullptr;
    const auto& version = *std::prev(later);
    return version.znode ? &*version.znode : nullptr;
}

std::set<std::string> TreeModel::children(const std::string& path, Zxid at) const {
    std::set<std::string> names;
    const auto prefix = path == "/" ? path : path + "/";
    for (auto one = znodes_.lower_bound(prefix);
         one != znodes_.end() && one->first.starts_with(prefix);
         ++one) {
        const auto name = one->first.substr(prefix.size());
        const bool is_child = !name.empty() && name.find('/') == std::string::npos;
        if (is_child && find(one->first, at) != nullptr) names.insert(name);
    }
    return names;
}

std::vector<TreeModel::Change> TreeModel::changes(Zxid from, Zxid to) const {
    const auto later = [](Zxid a, const Change& b) { return a < b.zxid; };
    const auto begin = std::upper_bound(changes_.begin(), changes_.end(), from, later);
    return {begin, std::upper_bound(begin, changes_.end(), to, later)};
}

std::vector<std::string> TreeModel::paths() const {
    std::vector<std::string> paths;
    for (const auto& [path, versions] : znodes_) {
        if (versions.back().znode) paths.push_back(path);
    }
    return paths;
}

// Of each member's life the entries 1, 2, 3, …, each once; of a life that is over none any more.
bool TreeModel::accept(std::string_view& entry, std::uint64_t& member) {
    const auto origin = take_origin(entry);
    demand(origin.has_value(), "an entry without origin");
    member = origin->member;
    auto& known = origins_[origin->member];
    if (known.incarnation == origin->incarnation) {
        if (origin->sequence != known.sequence + 1) return false;
        ++known.sequence;
        return true;
    }
    if (origin->sequence != 1 || known.past.contains(origin->incarnation)) return false;
    known.past.insert(known.incarnation);
    known.incarnation = origin->incarnation;
    known.sequence = 1;
    return true;
}

void TreeModel::apply(Index index, Term term, std::string_view entry) {
    demand(index > index_, "an entry was applied out of order");
    index_ = index;
    std::uint64_t member = 0;
    if (!accept(entry, member)) return;
    Decoder in(entry);
    while (!in.rest().empty()) {
        const auto command = decode_command(in);
        demand(!in.failed(), "an entry that cannot be read");
        history_.push_back(carry_out(command, member, term));
        if (applied) applied(last(), history_.back());
    }
}

Errc TreeModel::admit(const Command& command, std::uint64_t member, Term term) const {
    const auto at = sessions_.find(command.session);
    if (command.op == OpCode::expire_session) {
        const bool stands = at != sessions_.end() && at->second.owner == command.owner &&
                            command.term == coord::number(term);
        return stands ? Errc::ok : Errc::session_moved;
    }
    if (!is_of_a_client(command.op)) return Errc::ok;
    if (at == sessions_.end()) return Errc::session_expired;
    return at->second.owner == member ? Errc::ok : Errc::session_moved;
}

TreeModel::Applied TreeModel::carry_out(const Command& command, std::uint64_t member, Term term) {
    Draft draft{Zxid{number(last()) + 1}, command};
    Applied done{command.op,
                 command.session,
                 std::string(command.body),
                 command.time_ms,
                 member,
                 {},
                 admit(command, member, term),
                 {}};
    if (done.error != Errc::ok) return done;
    Decoder in(command.body);
    Encoder reply(done.reply);
    switch (command.op) {
        case OpCode::create_session:
        case OpCode::attach_session:
        case OpCode::expire_session:
        case OpCode::close_session:
            if (const auto at = sessions_.find(command.session); at != sessions_.end()) {
                done.timeout = at->second.timeout;
            }
            done.error = settle_session(draft, member);
            break;
        case OpCode::multi: done.error = write_all(draft, done.reply); break;
        case OpCode::tell_members: {
            auto* const told = draw(draft, std::string(members_path));
            told->data = command.body;
            ++told->stat.version;
            draft.changes.push_back(
                {draft.zxid, EventType::node_data_changed, std::string(members_path)});
            break;
        }
        default: done.error = write(draft, command.op, in, reply);
    }
    if (done.error == Errc::ok) commit(draft);
    return done;
}

Errc TreeModel::settle_session(Draft& draft, std::uint64_t member) {
    const auto& command = draft.command;
    const auto at = sessions_.find(command.session);
    const Session moved{std::chrono::milliseconds(command.timeout_ms), member};
    switch (command.op) {
        case OpCode::create_session:
            if (at != sessions_.end()) return Errc::bad_arguments;
            sessions_[command.session] = moved;
            return Errc::ok;
        case OpCode::attach_session:
            if (at == sessions_.end()) return Errc::session_expired;
            at->second = moved;
            return Errc::ok;
        default:
            close(draft);
            sessions_.erase(at);
            return Errc::ok;
    }
}

// In the order of their paths.
void TreeModel::close(Draft& draft) {
    for (const auto& [path, versions] : znodes_) {
        const auto& znode = versions.back().znode;
        if (znode && znode->stat.ephemeral_owner == draft.command.session) drop(draft, path);
    }
}

Errc TreeModel::write(Draft& draft, OpCode op, Decoder& in, Encoder& reply) {
    switch (op) {
        case OpCode::create:
        case OpCode::create2: return create(draft, op, CreateRequest::decode(in, op), reply);
        case OpCode::remove: return remove(draft, RemoveRequest::decode(in));
        case OpCode::check: return check(draft, RemoveRequest::decode(in));
        case OpCode::set_data: return set(draft, SetDataRequest::decode(in), reply);
        default: throw Violation("a command that no client sent");
    }
}

// All or nothing; then each is told which one failed.
Errc TreeModel::write_all(Draft& draft, std::string& reply) {
    Decoder in(draft.command.body);
    Encoder out(reply);
    std::vector<Errc> errors;
    bool good = true;
    for (auto header = MultiHeader::decode(in); !header.done; header = MultiHeader::decode(in)) {
        if (good) MultiHeader{header.op, false, 0}.encode(out);
        Draft nothing{draft.zxid, draft.command};
        const auto error = write(good ? draft : nothing, header.op, in, out);
        errors.push_back(good ? error : Errc::runtime_inconsistency);
        good = good && error == Errc::ok;
    }
    if (!good) {
        reply.clear();
        draft.znodes.clear();
        draft.changes.clear();
        for (const auto error : errors) {
            const auto code = static_cast<std::int32_t>(error);
            MultiHeader{OpCode::error, false, code}.encode(out);
            out.int32(code);
        }
    }
    MultiHeader{}.encode(out);
    return Errc::ok;
}

TreeModel::Znode* TreeModel::draw(Draft& draft, const std::string& path) const {
    const auto drawn = draft.znodes.find(path);
    if (drawn != draft.znodes.end()) return drawn->second ? &*drawn->second : nullptr;
    const auto* const present = find(path, last());
    if (present == nullptr) return nullptr;
    return &*draft.znodes.emplace(path, *present).first->second;
}

Errc TreeModel::create(Draft& draft, OpCode op, const CreateRequest& request, Encoder& reply) {
    const CreateMode mode{request.flags};
    const bool is_ephemeral =
        mode == CreateMode::ephemeral || mode == CreateMode::ephemeral_sequential;
    const bool is_sequential =
        mode == CreateMode::persistent_sequential || mode == CreateMode::ephemeral_sequential;
    const auto above = parent_of(request.path);
    auto* const parent = draw(draft, above);
    if (parent == nullptr) return Errc::no_node;
    const auto path =
        is_sequential ? numbered(request.path, parent->creates) : std::string(request.path);
    if (draw(draft, path) != nullptr) return Errc::node_exists;
    if (parent->stat.ephemeral_owner != SessionId{}) return Errc::no_children_for_ephemerals;

    ++parent->creates;
    ++parent->stat.cversion;
    ++parent->stat.num_children;
    parent->stat.pzxid = draft.zxid;
    Znode znode{std::string(request.data.value_or("")), {}, 0};
    auto& stat = znode.stat;
    stat.czxid = stat.mzxid = stat.pzxid = draft.zxid;
    stat.ctime = stat.mtime = draft.command.time_ms;
    stat.data_length = static_cast<std::int32_t>(znode.data.size());
    if (is_ephemeral) stat.ephemeral_owner = draft.command.session;
    reply.ustring(path);
    if (op != OpCode::create) reply.stat(stat);
    draft.znodes[path] = std::move(znode);
    draft.changes.push_back({draft.zxid, EventType::node_created, path});
    draft.changes.push_back({draft.zxid, EventType::node_children_changed, above});
    return Errc::ok;
}

Errc TreeModel::check(Draft& draft, const RemoveRequest& request) {
    const auto* const znode = draw(draft, std::string(request.path));
    if (znode == nullptr) return Errc::no_node;
    const bool fits = request.version == -1 || request.version == znode->stat.version;
    return fits ? Errc::ok : Errc::bad_version;
}

Errc TreeModel::remove(Draft& draft, const RemoveRequest& request) {
    const auto error = check(draft, request);
    if (error != Errc::ok) return error;
    const std::string path(request.path);
    if (draw(draft, path)->stat.num_children > 0) return Errc::not_empty;
    drop(draft, path);
    return Errc::ok;
}

void TreeModel::drop(Draft& draft, const std::string& path) {
    const auto above = parent_of(path);
    auto& parent = draw(draft, above)->stat;
    ++parent.cversion;
    --parent.num_children;
    parent.pzxid = draft.zxid;
    draft.znodes[path].reset();
    draft.changes.push_back({draft.zxid, EventType::node_deleted, path});
    draft.changes.push_back({draft.zxid, EventType::node_children_changed, above});
}

Errc TreeModel::set(Draft& draft, const SetDataRequest& request, Encoder& reply) {
    const auto error = check(draft, {request.path, request.version});
    if (error != Errc::ok) return error;
    const std::string path(request.path);
    auto& znode = *draw(draft, path);
    znode.data = request.data.value_or("");
    znode.stat.data_length = static_cast<std::int32_t>(znode.data.size());
    ++znode.stat.version;
    znode.stat.mzxid = draft.zxid;
    znode.stat.mtime = draft.command.time_ms;
    reply.stat(znode.stat);
    draft.changes.push_back({draft.zxid, EventType::node_data_changed, path});
    return Errc::ok;
}

void TreeModel::commit(Draft& draft) {
    for (auto& [path, znode] : draft.znodes) {
        znodes_[path].push_back({draft.zxid, std::move(znode)});
    }
    std::move(draft.changes.begin(), draft.changes.end(), std::back_inserter(changes_));
}

}  // namespace coord
