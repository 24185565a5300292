#include "coord/proto/requests.hpp"

#include "coord/proto/error.hpp"

#include <algorithm>

namespace coord {
namespace {

void encode_acl(Encoder& out, const std::optional<std::vector<Acl>>& acl) {
    if (acl) {
        out.acl(*acl);
    } else {
        out.int32(-1);
    }
}

void encode_strings(Encoder& out, const std::vector<std::string_view>& values) {
    out.int32(static_cast<std::int32_t>(values.size()));
    for (const auto value : values) out.ustring(value);
}

// Old clients and servers know no flag for read-only: it is there when a byte is left.
std::optional<bool> decode_read_only(Decoder& in) {
    if (in.rest().empty()) return std::nullopt;
    return in.boolean();
}

}  // namespace

void ConnectRequest::encode(Encoder& out) const {
    out.int32(0);  // protocolVersion, which everybody ignores
    out.int64(static_cast<std::int64_t>(last_zxid_seen));
    out.int32(timeout_ms);
    out.int64(static_cast<std::int64_t>(session));
    out.buffer(password);
    if (read_only) out.boolean(*read_only);
}

Result<ConnectRequest> ConnectRequest::decode(std::string_view body) {
    Decoder in(body);
    ConnectRequest request;
    in.int32();
    request.last_zxid_seen = Zxid{in.int64()};
    request.timeout_ms = in.int32();
    request.session = SessionId{in.int64()};
    request.password = in.buffer().value_or(std::string_view());
    request.read_only = decode_read_only(in);
    if (in.failed()) return Errc::marshalling_error;
    return request;
}

void ConnectResponse::encode(Encoder& out) const {
    out.int32(0);
    out.int32(timeout_ms);
    out.int64(static_cast<std::int64_t>(session));
    out.buffer(std::string_view(password.data(), password.size()));
    if (read_only) out.boolean(*read_only);
}

Result<ConnectResponse> ConnectResponse::decode(std::string_view body) {
    Decoder in(body);
    ConnectResponse response;
    in.int32();
    response.timeout_ms = in.int32();
    response.session = SessionId{in.int64()};
    const auto password = in.buffer().value_or(std::string_view());
    response.read_only = decode_read_only(in);
    if (in.failed() || password.size() != response.password.size()) return Errc::marshalling_error;
    std::copy(password.begin(), password.end(), response.password.begin());
    return response;
}

void encode(Encoder& out, const RequestHeader& header) {
    out.int32(header.xid);
    out.int32(static_cast<std::int32_t>(header.op));
}

void encode(Encoder& out, const ReplyHeader& header) {
    out.int32(header.xid);
    out.int64(static_cast<std::int64_t>(header.zxid));
    out.int32(header.error);
}

RequestHeader decode_request_header(Decoder& in) {
    RequestHeader header;
    header.xid = in.int32();
    header.op = OpCode{in.int32()};
    return header;
}

ReplyHeader decode_reply_header(Decoder& in) {
    ReplyHeader header;
    header.xid = in.int32();
    header.zxid = Zxid{in.int64()};
    header.error = in.int32();
    return header;
}

void CreateRequest::encode(Encoder& out, OpCode op) const {
    out.ustring(path);
    out.buffer(data);
    encode_acl(out, acl);
    out.int32(flags);
    if (op == OpCode::create_ttl) out.int64(ttl_ms);
}

CreateRequest CreateRequest::decode(Decoder& in, OpCode op) {
    CreateRequest request;
    request.path = in.ustring();
    request.data = in.buffer();
    request.acl = in.acl();
    request.flags = in.int32();
    if (op == OpCode::create_ttl) request.ttl_ms = in.int64();
    return request;
}

void RemoveRequest::encode(Encoder& out) const {
    out.ustring(path);
    out.int32(version);
}

RemoveRequest RemoveRequest::decode(Decoder& in) {
    RemoveRequest request;
    request.path = in.ustring();
    request.version = in.int32();
    return request;
}

void SetDataRequest::encode(Encoder& out) const {
    out.ustring(path);
    out.buffer(data);
    out.int32(version);
}

SetDataRequest SetDataRequest::decode(Decoder& in) {
    SetDataRequest request;
    request.path = in.nullable_ustring().value_or(std::string_view());
    request.data = in.buffer();
    request.version = in.int32();
    return request;
}

void SetAclRequest::encode(Encoder& out) const {
    out.ustring(path);
    encode_acl(out, acl);
    out.int32(version);
}

SetAclRequest SetAclRequest::decode(Decoder& in) {
    SetAclRequest request;
    request.path = in.nullable_ustring().value_or(std::string_view());
    request.acl = in.acl();
    request.version = in.int32();
    return request;
}

void ReadRequest::encode(Encoder& out) const {
    out.ustring(path);
    out.boolean(watch);
}

ReadRequest ReadRequest::decode(Decoder& in) {
    ReadRequest request;
    request.path = in.ustring();
    request.watch = in.boolean();
    return request;
}

void WatchRequest::encode(Encoder& out) const {
    out.ustring(path);
    out.int32(mode);
}

WatchRequest WatchRequest::decode(Decoder& in) {
    WatchRequest request;
    request.path = in.nullable_ustring().value_or(std::string_view());
    request.mode = in.int32();
    return request;
}

void SetWatchesRequest::encode(Encoder& out, OpCode op) const {
    out.int64(static_cast<std::int64_t>(relative_zxid));
    encode_strings(out, data);
    encode_strings(out, exist);
    encode_strings(out, child);
    if (op != OpCode::set_watches2) return;
    encode_strings(out, persistent);
    encode_strings(out, persistent_recursive);
}

SetWatchesRequest SetWatchesRequest::decode(Decoder& in, OpCode op) {
    SetWatchesRequest request;
    request.relative_zxid = Zxid{in.int64()};
    request.data = in.strings();
    request.exist = in.strings();
    request.child = in.strings();
    if (op != OpCode::set_watches2) return request;
    request.persistent = in.strings();
    request.persistent_recursive = in.strings();
    return request;
}

void AuthRequest::encode(Encoder& out) const {
    out.int32(type);
    out.ustring(scheme);
    out.buffer(auth);
}

AuthRequest AuthRequest::decode(Decoder& in) {
    AuthRequest request;
    request.type = in.int32();
    request.scheme = in.ustring();
    request.auth = in.buffer();
    return request;
}

void MultiHeader::encode(Encoder& out) const {
    out.int32(static_cast<std::int32_t>(op));
    out.boolean(done);
    out.int32(error);
}

MultiHeader MultiHeader::decode(Decoder& in) {
    MultiHeader header;
    header.op = OpCode{in.int32()};
    header.done = in.boolean();
    header.error = in.int32();
    return header;
}

void encode(Encoder& out, const WatcherEvent& event) {
    out.int32(static_cast<std::int32_t>(event.type));
    out.int32(static_cast<std::int32_t>(event.state));
    out.ustring(event.path);
}

WatcherEvent decode_watcher_event(Decoder& in) {
    WatcherEvent event;
    event.type = EventType{in.int32()};
    event.state = KeeperState{in.int32()};
    event.path = in.ustring();
    return event;
}

}  // namespace coord
