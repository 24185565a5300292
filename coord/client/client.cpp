#include "coord/client/client.hpp"

#include "coord/client/client_session.hpp"
#include "coord/proto/jute.hpp"
#include "coord/proto/path.hpp"

#include <algorithm>
#include <cassert>
#include <random>

namespace coord {
namespace {

template <class Record>
std::string body_of(const Record& record) {
    std::string body;
    Encoder out(body);
    record.encode(out);
    return body;
}

// What to do with a reply: its error, or what `read` finds in its body.
template <class T, class Read>
auto decoded(Read read) {
    return [read = std::move(read)](const ReplyView& reply) -> Result<T> {
        if (reply.error) return reply.error;
        Decoder in(reply.body);
        T value = read(in);
        if (in.failed()) return Errc::marshalling_error;
        return value;
    };
}

Result<void> header_only(const ReplyView& reply) {
    if (reply.error) return reply.error;
    return {};
}

ZnodeData decode_data(Decoder& in) {
    ZnodeData data;
    data.data = in.buffer().value_or(std::string_view());
    data.stat = in.stat();
    return data;
}

std::vector<std::string> decode_names(Decoder& in) {
    const auto names = in.strings();
    return {names.begin(), names.end()};
}

bool is_sequential(CreateMode mode) {
    return mode == CreateMode::persistent_sequential || mode == CreateMode::ephemeral_sequential;
}

// A sequential znode's path is whole only with the number the server appends.
bool is_creatable(std::string_view path, CreateMode mode) {
    if (mode == CreateMode::persistent_ttl || mode == CreateMode::persistent_sequential_ttl) {
        return false;  // They need a time to live, which no signature here carries.
    }
    return is_valid_path(is_sequential(mode) ? std::string(path) + "0" : std::string(path));
}

OpCode op_of(CreateMode mode) {
    return mode == CreateMode::container ? OpCode::create_container : OpCode::create2;
}

void encode_create(Encoder& out, std::string_view path, const CreateOp& create) {
    CreateRequest request;
    request.path = path;
    request.data = create.data;
    request.acl = open_acl_unsafe;
    request.flags = static_cast<std::int32_t>(create.mode);
    request.encode(out, op_of(create.mode));
}

class MultiEncoder {
public:
    MultiEncoder(const ClientSession& session, std::string& body) : session_(session), out_(body) {}

    bool operator()(const CreateOp& op) {
        header(op_of(op.mode));
        encode_create(out_, session_.full_path(op.path), op);
        return is_creatable(op.path, op.mode);
    }
    bool operator()(const RemoveOp& op) {
        header(OpCode::remove);
        RemoveRequest{session_.full_path(op.path), op.version}.encode(out_);
        return is_valid_path(op.path);
    }
    bool operator()(const SetDataOp& op) {
        header(OpCode::set_data);
        const auto path = session_.full_path(op.path);
        SetDataRequest{path, op.data, op.version}.encode(out_);
        return is_valid_path(op.path);
    }
    bool operator()(const CheckOp& op) {
        header(OpCode::check);
        RemoveRequest{session_.full_path(op.path), op.version}.encode(out_);
        return is_valid_path(op.path);
    }
    void header(OpCode op) { MultiHeader{op, false, -1}.encode(out_); }
    void end() { MultiHeader{}.encode(out_); }

private:
    const ClientSession& session_;
    Encoder out_;
};

MultiResult decode_multi(Decoder& in, const ClientSession& session, std::size_t size) {
    MultiResult result;
    result.errors.reserve(size);
    while (!in.failed()) {
        const auto header = MultiHeader::decode(in);
        if (header.done || in.failed()) break;
        auto error = Errc::ok;
        std::optional<Stat> stat;
        std::string path;
        if (header.op == OpCode::error) error = Errc{in.int32()};
        const bool created = header.op == OpCode::create2;
        if (created || header.op == OpCode::create) path = session.client_path(in.ustring());
        if (created || header.op == OpCode::set_data) stat = in.stat();
        result.errors.push_back(error);
        result.stats.push_back(stat);
        result.paths.push_back(std::move(path));
    }
    return result;
}

// A multiRead of `op` for each path; `read` decodes one of them.
template <class T, class Read>
Task<Result<std::vector<Result<T>>>> read_many(std::shared_ptr<ClientSession> session,
                                               OpCode op,
                                               std::vector<std::string> paths,
                                               Read read) {
    std::string body;
    MultiEncoder many(*session, body);
    Encoder out(body);
    for (const auto& path : paths) {
        if (!is_valid_path(path)) co_return Errc::bad_arguments;
        many.header(op);
        ReadRequest{session->full_path(path), false}.encode(out);
    }
    many.end();
    const auto wanted = paths.size();
    auto decode = [op, read, wanted](const ReplyView& reply) -> Result<std::vector<Result<T>>> {
        if (reply.error) return reply.error;
        std::vector<Result<T>> values;
        Decoder in(reply.body);
        while (!in.failed()) {
            const auto header = MultiHeader::decode(in);
            if (header.done || in.failed()) break;
            if (header.op == OpCode::error) {
                values.push_back(Errc{in.int32()});
            } else if (header.op == op) {
                values.push_back(read(in));
            } else {
                return Errc::marshalling_error;
            }
        }
        if (in.failed() || values.size() != wanted) return Errc::marshalling_error;
        return values;
    };
    co_return co_await session->request<std::vector<Result<T>>>(
        OpCode::multi_read, std::move(body), std::move(decode));
}

}  // namespace

Errc MultiResult::first_error() const {
    const auto culprit = std::find_if(errors.begin(), errors.end(), [](Errc error) {
        return error != Errc::ok && error != Errc::runtime_inconsistency;
    });
    return culprit == errors.end() ? Errc::ok : *culprit;
}

Client::Client(boost::asio::io_context& io, ClientOptions options)
    : session_(std::make_shared<ClientSession>(io, std::move(options), std::random_device{}())) {}

Client::~Client() {
    session_->mute();
    session_->abandon();
}

void Client::on_state(std::function<void(SessionState)> told) {
    session_->on_state(std::move(told));
}
void Client::on_event(std::function<void(const WatcherEvent&)> told) {
    session_->on_event(std::move(told));
}
void Client::start() { session_->start(); }
Task<void> Client::close(std::chrono::milliseconds patience) { return session_->close(patience); }
void Client::abandon() { session_->abandon(); }
void Client::reload_tls() { session_->reload_tls(); }

// Every operation keeps the session alive by itself: the client may be destroyed meanwhile.

Task<Result<Created>> Client::create(std::string path, std::string data, CreateMode mode) {
    const auto session = session_;
    if (!is_creatable(path, mode)) co_return Errc::bad_arguments;
    std::string body;
    Encoder out(body);
    encode_create(out, session->full_path(path), CreateOp{{}, std::move(data), mode});
    auto decode = decoded<Created>([session](Decoder& in) {
        Created created;
        created.path = session->client_path(in.ustring());
        created.stat = in.stat();
        return created;
    });
    co_return co_await session->request<Created>(op_of(mode), std::move(body), std::move(decode));
}

Task<Result<void>> Client::remove(std::string path, std::int32_t version) {
    const auto session = session_;
    if (!is_valid_path(path)) co_return Errc::bad_arguments;
    auto body = body_of(RemoveRequest{session->full_path(path), version});
    co_return co_await session->request<void>(OpCode::remove, std::move(body), header_only);
}

Task<Result<Stat>> Client::exists(std::string path, bool watch) {
    const auto session = session_;
    if (!is_valid_path(path)) co_return Errc::bad_arguments;
    auto full = session->full_path(path);
    auto body = body_of(ReadRequest{full, watch});
    auto decode = [session, full, watch](const ReplyView& reply) -> Result<Stat> {
        if (watch && !reply.error) session->watches().add_data(full);
        if (watch && reply.error == Errc::no_node) session->watches().add_exist(full);
        return decoded<Stat>([](Decoder& in) { return in.stat(); })(reply);
    };
    co_return co_await session->request<Stat>(OpCode::exists, std::move(body), std::move(decode));
}

Task<Result<ZnodeData>> Client::get_data(std::string path, bool watch) {
    const auto session = session_;
    if (!is_valid_path(path)) co_return Errc::bad_arguments;
    auto full = session->full_path(path);
    auto body = body_of(ReadRequest{full, watch});
    auto decode = [session, full, watch](const ReplyView& reply) {
        if (watch && !reply.error) session->watches().add_data(full);
        return decoded<ZnodeData>(decode_data)(reply);
    };
    co_return co_await session->request<ZnodeData>(
        OpCode::get_data, std::move(body), std::move(decode));
}

Task<Result<Stat>> Client::set_data(std::string path, std::string data, std::int32_t version) {
    const auto session = session_;
    if (!is_valid_path(path)) co_return Errc::bad_arguments;
    const auto full = session->full_path(path);
    auto body = body_of(SetDataRequest{full, data, version});
    auto decode = decoded<Stat>([](Decoder& in) { return in.stat(); });
    co_return co_await session->request<Stat>(OpCode::set_data, std::move(body), std::move(decode));
}

Task<Result<Children>> Client::get_children(std::string path, bool watch) {
    const auto session = session_;
    if (!is_valid_path(path)) co_return Errc::bad_arguments;
    auto full = session->full_path(path);
    auto body = body_of(ReadRequest{full, watch});
    auto decode = [session, full, watch](const ReplyView& reply) {
        if (watch && !reply.error) session->watches().add_child(full);
        return decoded<Children>([](Decoder& in) {
            Children children;
            children.names = decode_names(in);
            children.stat = in.stat();
            return children;
        })(reply);
    };
    co_return co_await session->request<Children>(
        OpCode::get_children2, std::move(body), std::move(decode));
}

Task<Result<void>> Client::sync(std::string path) {
    const auto session = session_;
    if (!is_valid_path(path)) co_return Errc::bad_arguments;
    std::string body;
    Encoder(body).ustring(session->full_path(path));
    co_return co_await session->request<void>(OpCode::sync, std::move(body), header_only);
}

Task<Result<MultiResult>> Client::multi(std::vector<Op> ops) {
    const auto session = session_;
    std::string body;
    MultiEncoder encode_op(*session, body);
    for (const auto& op : ops) {
        if (!std::visit(encode_op, op)) co_return Errc::bad_arguments;
    }
    encode_op.end();
    const auto size = ops.size();
    auto decode = [session, size](const ReplyView& reply) -> Result<MultiResult> {
        auto result = decoded<MultiResult>(
            [&](Decoder& in) { return decode_multi(in, *session, size); })(reply);
        if (result && result->errors.size() != size) return Errc::marshalling_error;
        return result;
    };
    co_return co_await session->request<MultiResult>(
        OpCode::multi, std::move(body), std::move(decode));
}

Task<Result<void>> Client::add_watch(std::string path, WatchMode mode) {
    const auto session = session_;
    if (!is_valid_path(path)) co_return Errc::bad_arguments;
    auto full = session->full_path(path);
    auto body = body_of(WatchRequest{full, static_cast<std::int32_t>(mode)});
    auto decode = [session, full, mode](const ReplyView& reply) {
        if (!reply.error) session->watches().add(full, mode);
        return header_only(reply);
    };
    co_return co_await session->request<void>(
        OpCode::add_watch, std::move(body), std::move(decode));
}

Task<Result<std::vector<Result<ZnodeData>>>> Client::get_data_of(std::vector<std::string> paths) {
    return read_many<ZnodeData>(session_, OpCode::get_data, std::move(paths), decode_data);
}

Task<Result<std::vector<Result<std::vector<std::string>>>>>
Client::get_children_of(std::vector<std::string> paths) {
    return read_many<std::vector<std::string>>(
        session_, OpCode::get_children, std::move(paths), decode_names);
}

namespace {

Task<Result<void>> ensure_one(std::shared_ptr<ClientSession> session, std::string full) {
    auto look = body_of(ReadRequest{full, false});
    const auto there =
        co_await session->request<void>(OpCode::exists, std::move(look), header_only);
    if (there || there.error() != Errc::no_node) co_return there;
    std::string body;
    Encoder out(body);
    encode_create(out, full, CreateOp{});
    auto made = co_await session->request<void>(OpCode::create2, std::move(body), header_only);
    if (!made && made.error() == Errc::node_exists) co_return Result<void>();
    co_return made;
}

}  // namespace

Task<Result<void>> Client::ensure_path(std::string path) {
    const auto session = session_;
    if (!is_valid_path(path)) co_return Errc::bad_arguments;
    const auto full = session->full_path(path);
    for (std::size_t end = 0; end < full.size() && full != "/";) {
        end = std::min(full.find('/', end + 1), full.size());
        const auto ensured = co_await ensure_one(session, full.substr(0, end));
        if (!ensured) co_return ensured.error();
    }
    co_return Result<void>();
}

SessionState Client::state() const { return session_->state(); }
SessionIdentity Client::session() const { return session_->identity(); }
std::chrono::milliseconds Client::session_timeout() const { return session_->timeout(); }
Zxid Client::last_zxid() const { return session_->last_zxid(); }
boost::asio::io_context& Client::io() const { return session_->io(); }
std::vector<Metric> Client::metrics() const { return session_->metrics(); }

}  // namespace coord
