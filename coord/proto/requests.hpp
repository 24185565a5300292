#pragma once
// The messages of ZooKeeper's client protocol, each with its encoding in both directions.
//
// Fed by:  coord/client, which encodes requests and decodes replies; coord/server, the reverse.
// Thread:  any; these are values. A request holds views into the frame it was decoded from.
// Fails:   Errc::marshalling_error for a malformed record.
// Source:  ZooKeeper 3.8 zookeeper.jute; replies of `create2` and relatives carry path and Stat.

#include "coord/base/result.hpp"
#include "coord/proto/jute.hpp"
#include "coord/proto/records.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

inline constexpr std::int32_t notification_xid = -1;
inline constexpr std::int32_t ping_xid = -2;
inline constexpr std::int32_t auth_xid = -4;
inline constexpr std::int32_t set_watches_xid = -8;

using Password = std::array<char, 16>;

struct ConnectRequest {
    Zxid last_zxid_seen{};
    std::int32_t timeout_ms = 0;
    SessionId session{};
    std::string_view password;      // 16 bytes, or anything when session is 0
    std::optional<bool> read_only;  // absent from old clients; the response echoes its presence

    void encode(Encoder& out) const;
    static Result<ConnectRequest> decode(std::string_view body);
};

struct ConnectResponse {
    std::int32_t timeout_ms = 0;  // <= 0: the session has expired
    SessionId session{};
    Password password{};
    std::optional<bool> read_only;

    void encode(Encoder& out) const;
    static Result<ConnectResponse> decode(std::string_view body);
};

struct RequestHeader {
    std::int32_t xid = 0;
    OpCode op{};
};

struct ReplyHeader {
    std::int32_t xid = 0;
    Zxid zxid{};
    std::int32_t error = 0;  // Errc
};

void encode(Encoder& out, const RequestHeader& header);
void encode(Encoder& out, const ReplyHeader& header);
RequestHeader decode_request_header(Decoder& in);
ReplyHeader decode_reply_header(Decoder& in);

// create, create2, create_container, create_ttl. `ttl_ms` is on the wire only with create_ttl.
struct CreateRequest {
    std::string_view path;
    std::optional<std::string_view> data;
    std::optional<std::vector<Acl>> acl;
    std::int32_t flags = 0;  // CreateMode, unchecked
    std::int64_t ttl_ms = 0;

    void encode(Encoder& out, OpCode op) const;
    static CreateRequest decode(Decoder& in, OpCode op);
};

struct RemoveRequest {  // also check: path and version
    std::string_view path;
    std::int32_t version = -1;

    void encode(Encoder& out) const;
    static RemoveRequest decode(Decoder& in);
};

struct SetDataRequest {
    std::string_view path;  // null reads as ""
    std::optional<std::string_view> data;
    std::int32_t version = -1;

    void encode(Encoder& out) const;
    static SetDataRequest decode(Decoder& in);
};

struct SetAclRequest {
    std::string_view path;  // null reads as ""
    std::optional<std::vector<Acl>> acl;
    std::int32_t version = -1;

    void encode(Encoder& out) const;
    static SetAclRequest decode(Decoder& in);
};

// exists, get_data, get_children, get_children2: path and watch.
struct ReadRequest {
    std::string_view path;
    bool watch = false;

    void encode(Encoder& out) const;
    static ReadRequest decode(Decoder& in);
};

// add_watch (mode is a WatchMode), check_watches and remove_watches (mode is a WatcherType).
struct WatchRequest {
    std::string_view path;  // null reads as ""
    std::int32_t mode = 0;

    void encode(Encoder& out) const;
    static WatchRequest decode(Decoder& in);
};

// set_watches has the first three lists, set_watches2 all five.
struct SetWatchesRequest {
    Zxid relative_zxid{};
    std::vector<std::string_view> data;
    std::vector<std::string_view> exist;
    std::vector<std::string_view> child;
    std::vector<std::string_view> persistent;
    std::vector<std::string_view> persistent_recursive;

    void encode(Encoder& out, OpCode op) const;
    static SetWatchesRequest decode(Decoder& in, OpCode op);
};

struct AuthRequest {
    std::int32_t type = 0;
    std::string_view scheme;
    std::optional<std::string_view> auth;

    void encode(Encoder& out) const;
    static AuthRequest decode(Decoder& in);
};

// In front of every operation of a multi, of its reply, and at the end of both (error, done).
struct MultiHeader {
    OpCode op = OpCode::error;
    bool done = true;
    std::int32_t error = -1;

    void encode(Encoder& out) const;
    static MultiHeader decode(Decoder& in);
};

void encode(Encoder& out, const WatcherEvent& event);
WatcherEvent decode_watcher_event(Decoder& in);

}  // namespace coord
