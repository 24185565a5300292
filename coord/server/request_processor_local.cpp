// The requests that are answered from the local replica, without the log.
#include "coord/proto/error.hpp"
#include "coord/server/credentials.hpp"
#include "coord/server/request_processor.hpp"

#include <cassert>

namespace coord {
namespace {

// What a watch on a znode is for, in WatcherType's numbers; others are malformed.
bool is_watcher_type(std::int32_t type) {
    return type >= static_cast<std::int32_t>(WatcherType::children) &&
           type <= static_cast<std::int32_t>(WatcherType::persistent_recursive);
}

bool is_watch_mode(std::int32_t mode) {
    return mode == static_cast<std::int32_t>(WatchMode::persistent) ||
           mode == static_cast<std::int32_t>(WatchMode::persistent_recursive);
}

WatchTable::Load load_of(const CatchUp& found) {
    WatchTable::Load load;
    const auto add = [&](std::string_view path) {
        ++load.paths;
        load.bytes += path.size();
    };
    for (const auto& watch : found.watches) add(watch.path);
    for (const auto& path : found.persistent) add(path);
    for (const auto& path : found.persistent_recursive) add(path);
    return load;
}

}  // namespace

void RequestProcessor::answer(Conversation& to, const Request& request, std::string_view body) {
    const auto zxid = state_.last_zxid();
    switch (request.op) {
        case OpCode::ping:
            reply(to, {ping_xid, request.op, {}, {}, {}, request.since}, zxid, {});
            break;
        case OpCode::sync: {
            Decoder in(body);
            in.nullable_ustring();
            // The reply is the request: the path, which need not exist.
            body.remove_suffix(in.rest().size());
            reply(to, request, zxid, in.failed() ? Errc::marshalling_error : Errc::ok, body);
            break;
        }
        case OpCode::auth:
        case OpCode::sasl: reply(to, request, Zxid{0}, request.verdict); break;
        case OpCode::set_watches:
        case OpCode::set_watches2: answer_set_watches(to, request, body); break;
        case OpCode::add_watch: answer_add_watch(to, request, body); break;
        case OpCode::check_watches:
        case OpCode::remove_watches: answer_watch_query(to, request, body); break;
        case OpCode::who_am_i: answer_who_am_i(to, request); break;
        default:
            if (request.verdict == Errc::unimplemented) {
                reply(to, request, Zxid{-1}, request.verdict);
            } else if (request.verdict != Errc::ok) {
                reply(to, request, zxid, request.verdict);
            } else {
                answer_read(to, request, body);
            }
    }
    if (to.deaf && to.requests.empty()) end(to);
}

void RequestProcessor::answer_read(Conversation& to,
                                   const Request& request,
                                   std::string_view body) {
    const auto& who = to.command;
    const ReadLimits limits{options_.reply_children_max, options_.reply_bytes_max};
    auto outcome = state_.read(request.op, body, who.session, who.ids, limits);
    if (outcome.watch) {
        if (may_watch_more(to, {1, outcome.watch->path.size()})) {
            watches_.watch(&to, outcome.watch->path, outcome.watch->table);
        } else {
            outcome.error = Errc::throttled_op;
        }
    }
    if (outcome.error == Errc::throttled_op && !outcome.watch) counters_.reads_refused.add();
    reply(to, request, state_.last_zxid(), outcome.error, outcome.body);
}

// The code for "not now" that clients know; there is none for these limits, which ZooKeeper lacks.
bool RequestProcessor::may_watch_more(Conversation& conversation, WatchTable::Load more) {
    const auto has = watches_.load_of(&conversation);
    if (has.paths + more.paths > options_.watches_per_connection_max) {
        counters_.watches_refused_connection.add();
    } else if (has.bytes + more.bytes > options_.watch_bytes_per_connection_max) {
        counters_.watches_refused_bytes.add();
    } else if (watches_.watch_count() + more.paths > options_.watches_max) {
        counters_.watches_refused_total.add();
    } else {
        return true;
    }
    return false;
}

void RequestProcessor::answer_set_watches(Conversation& to,
                                          const Request& request,
                                          std::string_view body) {
    Decoder in(body);
    const auto wanted = SetWatchesRequest::decode(in, request.op);
    const auto zxid = state_.last_zxid();
    if (in.failed()) {
        reply(to, request, zxid, Errc::marshalling_error);
        return;
    }
    const auto found = state_.catch_up(wanted);
    if (!may_watch_more(to, load_of(found))) {
        reply(to, request, zxid, Errc::throttled_op);
        return;
    }
    for (const auto& [path, table] : found.watches) watches_.watch(&to, path, table);
    for (const auto& path : found.persistent) watches_.watch(&to, path, WatchMode::persistent);
    for (const auto& path : found.persistent_recursive) {
        watches_.watch(&to, path, WatchMode::persistent_recursive);
    }
    for (const auto& event : found.events) {
        auto& bytes = out_of(to);
        const auto frame = begin_frame(bytes);
        Encoder out(bytes);
        encode(out, ReplyHeader{notification_xid, Zxid{-1}, 0});
        encode(out, event);
        end_frame(bytes, frame);
        ++to.figures.sent;
        counters_.notifications.add();
    }
    reply(to, request, zxid, Errc::ok);
}

void RequestProcessor::answer_add_watch(Conversation& to,
                                        const Request& request,
                                        std::string_view body) {
    Decoder in(body);
    const auto [path, mode] = WatchRequest::decode(in);
    const auto zxid = state_.last_zxid();
    if (in.failed() || !is_watch_mode(mode)) {
        reply(to, request, zxid, Errc::marshalling_error);
        return;
    }
    if (!may_watch_more(to, {1, path.size()})) {
        reply(to, request, zxid, Errc::throttled_op);
        return;
    }
    watches_.watch(&to, path, static_cast<WatchMode>(mode));
    reply(to, request, zxid, Errc::ok, std::string_view("\0\0\0\0", 4));  // ErrorResponse{0}.
}

void RequestProcessor::answer_watch_query(Conversation& to,
                                          const Request& request,
                                          std::string_view body) {
    Decoder in(body);
    const auto [path, type] = WatchRequest::decode(in);
    const auto zxid = state_.last_zxid();
    if (in.failed() || !is_watcher_type(type)) {
        reply(to, request, zxid, Errc::marshalling_error);
        return;
    }
    const auto watcher_type = static_cast<WatcherType>(type);
    const bool found = request.op == OpCode::remove_watches
                           ? watches_.remove(&to, path, watcher_type)
                           : watches_.has(&to, path, watcher_type);
    reply(to, request, zxid, found ? Errc::ok : Errc::no_watcher);
}

void RequestProcessor::answer_who_am_i(Conversation& to, const Request& request) {
    std::string body;
    Encoder out(body);
    encode_who_am_i(out, to.command.ids);
    reply(to, request, state_.last_zxid(), Errc::ok, body);
}

}  // namespace coord
