#include "tests/coord/simulation/session_witness.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace coord {

namespace {

std::string parent_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
}

bool is_of_children(const TreeModel::Change& change) {
    return change.type == EventType::node_children_changed;
}

std::string path_of(const SentRequest& request) {
    Decoder in(request.body);
    return std::string(in.ustring());
}

bool wants_watch(const SentRequest& request) {
    Decoder in(request.body);
    return ReadRequest::decode(in).watch;
}

}  // namespace

bool is_write(OpCode op) {
    return op == OpCode::create || op == OpCode::create2 || op == OpCode::remove ||
           op == OpCode::set_data || op == OpCode::multi || op == OpCode::close_session;
}

void SessionWitness::sent(const SentRequest& request) {
    if (is_write(request.op)) writes_.emplace_back(request.op, request.body);
}

void SessionWitness::connected() {
    armed_.clear();
    told_.clear();
}

// What an old server of the session had under way may still be in the log: it comes to nothing.
void SessionWitness::applied(const TreeModel::Applied& command) {
    if (command.error == Errc::session_moved || command.error == Errc::session_expired) return;
    if (!is_write(command.op)) return;
    const auto begin = writes_.begin() + static_cast<std::ptrdiff_t>(logged_);
    const auto found = std::find(begin, writes_.end(), std::pair(command.op, command.body));
    demand(found != writes_.end(), "a write was applied twice, out of order, or by nobody");
    logged_ = static_cast<std::size_t>(found - writes_.begin()) + 1;
}

void SessionWitness::told(const WatcherEvent& event) {
    demand(event.state == KeeperState::sync_connected, "an event of an unknown state");
    told_.push_back(event);
    ++events_;
}

void SessionWitness::replied(const SentRequest& request,
                             const ReplyHeader& header,
                             std::string_view body) {
    demand(header.zxid >= seen_, "the zxid went back");
    demand(header.zxid <= model_.last(), "a reply from a state that is not committed");
    if (request.op == OpCode::set_watches2) {
        expect_catch_up(header.zxid);
    } else {
        expect_events(header.zxid);
    }
    seen_ = header.zxid;
    // Refused, as the disk is nearly full.
    const bool is_refused = is_write(request.op) && Errc{header.error} == Errc::system_error;
    if (is_refused) return;
    demand(header.zxid >= request.floor, "what had been acknowledged before was not seen");
    const Errc error{header.error};
    if (is_write(request.op)) return judge_write(request, header, body);
    if (request.op == OpCode::ping || request.op == OpCode::set_watches2) return;
    if (request.op != OpCode::sync && request.op != OpCode::add_watch) {
        judge_read(request, header, body);
    }
    watch(request, error);
}

// Which of the armed watches a change meets; those of one shot are spent.
bool SessionWitness::hears(const TreeModel::Change& change) {
    const bool of_children = is_of_children(change);
    bool heard = armed_.contains({change.path, Watch::persistent});
    const auto spend = [&](Watch kind) {
        watched_.erase({change.path, kind});
        heard = armed_.erase({change.path, kind}) > 0 || heard;
    };
    if (!of_children) {
        spend(Watch::data);
        spend(Watch::exist);
        for (auto path = change.path;; path = parent_of(path)) {
            heard = heard || armed_.contains({path, Watch::recursive});
            if (path == "/") break;
        }
    }
    if (of_children || change.type == EventType::node_deleted) spend(Watch::child);
    return heard;
}

void SessionWitness::expect_events(Zxid until) {
    if (!armed_.empty()) {
        for (const auto& change : model_.changes(seen_, until)) {
            if (!hears(change)) continue;
            const WatcherEvent event{change.type, KeeperState::sync_connected, change.path};
            demand(!told_.empty(), "a reply came before an event that it reflects");
            demand(told_.front() == event, "another event than the one that was due");
            told_.pop_front();
        }
    }
    demand(told_.empty(), "an event that nothing watched was told, or once more");
}

// Of what was watched over the connection before, what has happened since then is told at once.
void SessionWitness::expect_catch_up(Zxid at) {
    std::array<Told, 3> due;
    for (auto one = watched_.begin(); one != watched_.end();) {
        const auto& [path, kind] = *one;
        const auto* const znode = model_.find(path, at);
        auto type = EventType::none;
        if (kind == Watch::exist && znode != nullptr) type = EventType::node_created;
        if (kind == Watch::data || kind == Watch::child) {
            if (znode == nullptr) {
                type = EventType::node_deleted;
            } else if (kind == Watch::data && znode->stat.mzxid > seen_) {
                type = EventType::node_data_changed;
            } else if (kind == Watch::child && znode->stat.pzxid > seen_) {
                type = EventType::node_children_changed;
            }
        }
        if (type == EventType::none) {
            armed_.insert(*one++);
            continue;
        }
        due.at(static_cast<std::size_t>(kind)).push_back({type, KeeperState::sync_connected, path});
        one = watched_.erase(one);
    }
    Told all;
    for (const auto& some : due) all.insert(all.end(), some.begin(), some.end());
    demand(told_ == all, "a reconnected client was not told of what it had watched");
    told_.clear();
}

SetWatchesRequest SessionWitness::watches_to_set() const {
    SetWatchesRequest request;
    request.relative_zxid = seen_;
    for (const auto& [path, kind] : watched_) {
        switch (kind) {
            case Watch::data: request.data.push_back(path); break;
            case Watch::exist: request.exist.push_back(path); break;
            case Watch::child: request.child.push_back(path); break;
            case Watch::persistent: request.persistent.push_back(path); break;
            case Watch::recursive: request.persistent_recursive.push_back(path); break;
        }
    }
    return request;
}

void SessionWitness::judge_write(const SentRequest& request,
                                 const ReplyHeader& header,
                                 std::string_view body) {
    const auto& logged = model_.at(header.zxid);
    demand(logged.op == request.op && logged.body == request.body,
           "the log has something else at the zxid of an acknowledged write");
    demand(static_cast<std::int32_t>(logged.error) == header.error, "another error than the log's");
    demand(logged.error != Errc::ok || logged.reply == body, "another reply than the log's");
}

void SessionWitness::judge_read(const SentRequest& request,
                                const ReplyHeader& header,
                                std::string_view body) {
    const auto path = path_of(request);
    const auto* const znode = model_.find(path, header.zxid);
    const auto expected = znode != nullptr ? Errc::ok : Errc::no_node;
    demand(Errc{header.error} == expected, "a read of a state that never was");
    if (znode == nullptr) return;
    Decoder in(body);
    if (request.op == OpCode::get_data) {
        demand(in.buffer() == std::string_view(znode->data), "data that was not there");
    }
    if (request.op == OpCode::get_children2) {
        const auto names = in.strings();
        const std::set<std::string> found(names.begin(), names.end());
        demand(found == model_.children(path, header.zxid), "children that were not there");
    }
    demand(in.stat() == znode->stat && !in.failed(), "a stat that was not there");
}

void SessionWitness::watch(const SentRequest& request, Errc error) {
    if (request.op == OpCode::sync) return;
    const auto add = [&](Watch kind) {
        watched_.emplace(path_of(request), kind);
        armed_.emplace(path_of(request), kind);
    };
    if (request.op == OpCode::add_watch) {
        Decoder in(request.body);
        const auto mode = WatchRequest::decode(in).mode;
        const bool is_deep = mode == static_cast<std::int32_t>(WatchMode::persistent_recursive);
        return add(is_deep ? Watch::recursive : Watch::persistent);
    }
    if (!wants_watch(request)) return;
    if (request.op == OpCode::exists) {
        add(error == Errc::ok ? Watch::data : Watch::exist);
    } else if (error == Errc::ok) {
        add(request.op == OpCode::get_children2 ? Watch::child : Watch::data);
    }
}

}  // namespace coord
