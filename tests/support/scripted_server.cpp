#include "tests/support/scripted_server.hpp"

#include "tests/support/run_until.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <stdexcept>
#include <utility>

namespace coord {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

}  // namespace

struct ScriptedServer::State : std::enable_shared_from_this<ScriptedServer::State> {
    explicit State(asio::io_context& context)
        : io(context), acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {}

    struct Connection {
        explicit Connection(asio::io_context& context) : socket(context) {}
        tcp::socket socket;
        std::deque<std::string> frames;
        bool closed = false;
    };

    Task<void> accept() {
        const auto self = shared_from_this();
        while (true) {
            auto connection = std::make_shared<Connection>(io);
            const auto [error] = co_await acceptor.async_accept(connection->socket, use_tuple);
            if (error) co_return;
            fresh.push_back(connection);
            spawn(io, "scripted", [self, connection] { return read(connection); });
        }
    }

    static Task<void> read(std::shared_ptr<Connection> connection) {
        while (true) {
            std::array<char, 4> length{};
            const auto [error, size] =
                co_await asio::async_read(connection->socket, asio::buffer(length), use_tuple);
            if (error) break;
            const auto bytes = Decoder({length.data(), length.size()}).int32();
            std::string frame(static_cast<std::size_t>(bytes), '\0');
            const auto [broken, read] =
                co_await asio::async_read(connection->socket, asio::buffer(frame), use_tuple);
            if (broken) break;
            connection->frames.push_back(std::move(frame));
        }
        connection->closed = true;
    }

    template <class Done>
    void await(Done done, const char* what) {
        if (!run_until(io, std::move(done))) throw std::runtime_error(what);
    }

    asio::io_context& io;
    tcp::acceptor acceptor;
    std::deque<std::shared_ptr<Connection>> fresh;
    std::shared_ptr<Connection> current;
};

ScriptedServer::ScriptedServer(asio::io_context& io) : state_(std::make_shared<State>(io)) {
    spawn(io, "scripted", [state = state_] { return state->accept(); });
}

ScriptedServer::~ScriptedServer() {
    Error ignored;
    state_->acceptor.close(ignored);
    for (const auto& connection : state_->fresh) connection->socket.close(ignored);
    drop();
}

std::string ScriptedServer::address() const {
    return "127.0.0.1:" + std::to_string(state_->acceptor.local_endpoint().port());
}

void ScriptedServer::await_connection() {
    state_->await([&] { return !state_->fresh.empty(); }, "nobody connects");
    state_->current = std::move(state_->fresh.front());
    state_->fresh.pop_front();
}

std::string ScriptedServer::await_frame() {
    auto& frames = state_->current->frames;
    state_->await([&] { return !frames.empty(); }, "no frame comes");
    auto frame = std::move(frames.front());
    frames.pop_front();
    return frame;
}

ConnectRequest ScriptedServer::await_connect() {
    await_connection();
    frame_ = await_frame();
    const auto request = ConnectRequest::decode(frame_);
    if (!request) throw std::runtime_error("not a ConnectRequest");
    return *request;
}

RequestHeader ScriptedServer::await_request() {
    frame_ = await_frame();
    Decoder in(frame_);
    const auto header = decode_request_header(in);
    body_ = in.rest();
    return header;
}

void ScriptedServer::await_disconnect() {
    state_->await([&] { return state_->current->closed; }, "the client stays connected");
}

void ScriptedServer::send(std::string_view bytes) {
    Error error;
    asio::write(state_->current->socket, asio::buffer(bytes), error);
}

std::string ScriptedServer::framed(std::string_view content) {
    std::string frame;
    const auto begun = begin_frame(frame);
    frame += content;
    end_frame(frame, begun);
    return frame;
}

void ScriptedServer::send_frame(std::string_view content) { send(framed(content)); }

void ScriptedServer::accept_session(SessionId id, std::int32_t timeout_ms) {
    ConnectResponse response;
    response.timeout_ms = timeout_ms;
    response.session = id;
    response.password.fill(id == SessionId{} ? '\0' : 'p');
    response.read_only = false;
    std::string content;
    Encoder out(content);
    response.encode(out);
    send_frame(content);
}

std::string ScriptedServer::reply_content(std::int32_t xid,
                                          Zxid zxid,
                                          std::int32_t error,
                                          std::string_view body) {
    std::string content;
    Encoder out(content);
    encode(out, ReplyHeader{xid, zxid, error});
    return content.append(body);
}

void ScriptedServer::reply(std::int32_t xid, Zxid zxid, std::int32_t error, std::string_view body) {
    send_frame(reply_content(xid, zxid, error, body));
}

void ScriptedServer::notify(EventType type, std::string_view path) {
    std::string body;
    Encoder out(body);
    encode(out, WatcherEvent{type, KeeperState::sync_connected, std::string(path)});
    reply(notification_xid, Zxid{-1}, 0, body);
}

void ScriptedServer::drop() {
    Error ignored;
    if (state_->current) state_->current->socket.close(ignored);
}

}  // namespace coord
