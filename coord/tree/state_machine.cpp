#include "coord/tree/state_machine.hpp"

#include "coord/proto/error.hpp"
#include "coord/tree/acl.hpp"
#include "coord/tree/data_tree.hpp"
#include "coord/tree/multi.hpp"
#include "coord/tree/quota.hpp"
#include "coord/tree/reads.hpp"
#include "coord/tree/session_table.hpp"
#include "coord/tree/snapshot_reader.hpp"
#include "coord/tree/snapshot_writer.hpp"
#include "coord/tree/transaction.hpp"

#include <cassert>
#include <iterator>
#include <utility>

namespace coord {
namespace {

// More writes than anybody has made since a backup, and few enough for JSON's numbers to hold their
// sum: clients refuse to go back in time, so time goes on.
constexpr std::int64_t zxids_lost_max = std::int64_t{1} << 40U;

}  // namespace

struct StateMachine::State {
    SessionTable sessions;
    DataTree tree{sessions};
    Zxid last_zxid{0};
    OriginTable origins;
    // Of the entry that is being applied.
    std::uint64_t member = 0;
    std::uint64_t term = 0;

    [[nodiscard]] Errc admit(const Command& command) const;
    Errc apply_session(const Command& command, Transaction& transaction, Outcome& outcome);
    void close_all(Outcome& outcome);
};

// Whether the session may do this here. One that is not open is for the operation to find out.
Errc StateMachine::State::admit(const Command& command) const {
    const auto* session = sessions.find(command.session);
    switch (command.op) {
        case OpCode::create_session:
        case OpCode::attach_session:
        case OpCode::tell_members:
        case OpCode::begin_anew:
        case OpCode::delete_container: return Errc::ok;
        case OpCode::expire_session: {
            const bool stands =
                session != nullptr && session->owner == command.owner && command.term == term;
            return stands ? Errc::ok : Errc::session_moved;
        }
        default:
            return session == nullptr || session->owner == member ? Errc::ok : Errc::session_moved;
    }
}

Errc StateMachine::State::apply_session(const Command& command,
                                        Transaction& transaction,
                                        Outcome& outcome) {
    const std::chrono::milliseconds timeout{command.timeout_ms};
    if (command.op == OpCode::create_session) {
        const bool is_free = sessions.find(command.session) == nullptr;
        const bool opened =
            is_free && sessions.open(command.session, timeout, command.password, member);
        return opened ? Errc::ok : Errc::bad_arguments;
    }
    if (command.op == OpCode::attach_session) {
        const bool attached = sessions.attach(command.session, timeout, command.password, member);
        return attached ? Errc::ok : Errc::session_expired;
    }
    const auto error = transaction.remove_ephemerals();
    if (error == Errc::ok) outcome.closed_sessions.push_back(command.session);
    return error;
}

// Whoever was connected before may hold what is here no longer, or the other way round: a lock that
// it gave up, say, after the snapshot. So every session ends, and its client is told to begin anew.
void StateMachine::State::close_all(Outcome& outcome) {
    for (const auto& [id, session] : sessions.all()) {
        Command close;
        close.op = OpCode::close_session;
        close.session = id;
        Transaction transaction(tree, sessions, close, outcome.zxid);
        const auto error = apply_session(close, transaction, outcome);
        assert(error == Errc::ok);
        tree.commit();
        auto& events = transaction.events();
        std::move(events.begin(), events.end(), std::back_inserter(outcome.events));
    }
    for (const auto id : outcome.closed_sessions) sessions.close(id);
}

StateMachine::StateMachine() : state_(std::make_unique<State>()) {
    state_->tree.create_system_znodes();
}

StateMachine::~StateMachine() = default;
StateMachine::StateMachine(StateMachine&&) noexcept = default;
StateMachine& StateMachine::operator=(StateMachine&&) noexcept = default;

bool StateMachine::begin(const Origin& origin, std::uint64_t term) {
    if (!state_->origins.accept(origin)) return false;
    state_->member = origin.member;
    state_->term = term;
    return true;
}

Outcome StateMachine::apply(const Command& command) {
    auto& sessions = state_->sessions;
    auto& tree = state_->tree;
    auto& last_zxid = state_->last_zxid;
    const auto step = command.op == OpCode::begin_anew ? zxids_lost_max : 1;
    last_zxid = Zxid{static_cast<std::int64_t>(last_zxid) + step};
    Outcome outcome;
    outcome.zxid = last_zxid;
    outcome.error = state_->admit(command);
    if (outcome.error != Errc::ok) return outcome;
    if (command.op == OpCode::begin_anew) {
        state_->close_all(outcome);
        return outcome;
    }
    Transaction transaction(tree, sessions, command, last_zxid);
    switch (command.op) {
        case OpCode::create_session:
        case OpCode::attach_session:
        case OpCode::expire_session:
        case OpCode::close_session:
            outcome.error = state_->apply_session(command, transaction, outcome);
            break;
        case OpCode::multi:
            outcome.error = apply_multi(tree, transaction, command.body, outcome.body);
            break;
        default: {
            Encoder reply(outcome.body);
            outcome.error = transaction.apply(command.op, command.body, reply);
        }
    }
    tree.commit();
    for (const auto id : outcome.closed_sessions) sessions.close(id);
    outcome.events = std::move(transaction.events());
    outcome.quota_excesses = std::move(transaction.quota_excesses());
    return outcome;
}

ReadOutcome StateMachine::read(OpCode op,
                               std::string_view body,
                               SessionId session,
                               const std::vector<Id>& ids,
                               const ReadLimits& limits) const {
    return Reads(state_->tree, state_->sessions, session, ids, limits).read(op, body);
}

CatchUp StateMachine::catch_up(const SetWatchesRequest& request) const {
    return coord::catch_up(state_->tree, request);
}

bool StateMachine::may_hear(const Event& event, const std::vector<Id>& ids) {
    return event.acl.empty() || permits(event.acl, perm::read, ids);
}

Zxid StateMachine::last_zxid() const { return state_->last_zxid; }

std::string_view StateMachine::members() const {
    const auto& znodes = state_->tree.znodes();
    return znodes[znodes.find(members_path)].data().value_or("");
}

std::optional<SessionView> StateMachine::find_session(SessionId id) const {
    const auto* session = state_->sessions.find(id);
    if (session == nullptr) return std::nullopt;
    return SessionView{id, session->timeout, session->password, session->owner};
}

std::vector<SessionView> StateMachine::sessions() const {
    std::vector<SessionView> views;
    views.reserve(state_->sessions.all().size());
    for (const auto& [id, session] : state_->sessions.all()) {
        views.push_back({id, session.timeout, session.password, session.owner});
    }
    return views;
}

std::vector<std::string> StateMachine::due_for_removal(std::int64_t now_ms,
                                                       std::size_t limit) const {
    std::vector<std::string> paths;
    const auto& tree = state_->tree;
    for (const auto id : tree.expiring()) {
        if (paths.size() >= limit) break;
        if (is_due(tree.znodes(), id, now_ms)) paths.push_back(tree.znodes().path_of(id));
    }
    return paths;
}

std::size_t StateMachine::znode_count() const { return state_->tree.znodes().size(); }
std::size_t StateMachine::ephemeral_count() const { return state_->sessions.ephemeral_count(); }
std::size_t StateMachine::data_bytes() const { return state_->tree.data_bytes(); }

std::vector<QuotaView> StateMachine::quotas(std::size_t max) const {
    return Quota::all(state_->tree, max);
}

std::vector<std::pair<SessionId, std::vector<std::string>>> StateMachine::ephemerals() const {
    std::vector<std::pair<SessionId, std::vector<std::string>>> all;
    for (const auto& [id, session] : state_->sessions.all()) {
        if (session.ephemerals.empty()) continue;
        all.emplace_back(id, std::vector(session.ephemerals.begin(), session.ephemerals.end()));
    }
    return all;
}

std::map<std::string, StateMachine::Extent> StateMachine::extents() const {
    std::map<std::string, Extent> found;
    const auto& znodes = state_->tree.znodes();
    Extent* extent = nullptr;
    auto id = znodes.next_below(ZnodeStore::root, ZnodeStore::root);
    for (; id != NodeId::none; id = znodes.next_below(ZnodeStore::root, id)) {
        if (znodes[id].parent == ZnodeStore::root) extent = &found[znodes.path_of(id)];
        ++extent->znodes;
        extent->bytes +=
            znodes.path_size(id) + static_cast<std::uint64_t>(std::max(znodes[id].data_size, 0));
    }
    return found;
}

std::function<bool(std::string& out, std::size_t znodes)> StateMachine::cut_snapshot() {
    auto& [sessions, tree, last_zxid, origins, member, term] = *state_;
    const auto count = tree.znodes().size();
    auto writer =
        std::make_shared<SnapshotWriter>(tree.cut(last_zxid), sessions, origins, last_zxid, count);
    return [writer](std::string& out, std::size_t znodes) { return writer->write(out, znodes); };
}

Result<StateMachine> StateMachine::restore(const std::function<bool(std::string& chunk)>& next) {
    StateMachine restored;
    restored.state_ = std::make_unique<State>();
    auto& [sessions, tree, last_zxid, origins, member, term] = *restored.state_;
    const auto last = SnapshotReader(tree, sessions, origins).read(next);
    if (!last) return last.error();
    last_zxid = last.value();
    return restored;
}

}  // namespace coord
