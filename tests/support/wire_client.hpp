#pragma once
// A ZooKeeper client of raw bytes: it sends what it is told and shows what comes, frame by frame;
// over TLS if it is given a context.
//
// Fed by:  tests of coord/server.
// Thread:  the test's own; every call blocks, five seconds at most.

#include "coord/proto/jute.hpp"
#include "coord/proto/requests.hpp"

#include <arpa/inet.h>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <optional>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace coord {

struct Reply {
    ReplyHeader header;
    std::string body;
};

class WireClient {
public:
    explicit WireClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        // The cast is the socket interface's own.
        if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
            throw std::runtime_error("cannot connect");
        }
    }
    // The handshake is made here; what went wrong with it is tls_error().
    WireClient(std::uint16_t port, SSL_CTX* tls, SSL_SESSION* resumed = nullptr)
        : WireClient(port) {
        std::signal(SIGPIPE, SIG_IGN);  // OpenSSL's sockets raise it.
        const timeval patience{5, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        ssl_ = ::SSL_new(tls);
        ::SSL_set_fd(ssl_, fd_);
        if (resumed != nullptr) ::SSL_set_session(ssl_, resumed);
        ::ERR_clear_error();
        if (::SSL_connect(ssl_) == 1) return;
        const auto* const reason = ::ERR_reason_error_string(::ERR_peek_error());
        tls_error_ = reason != nullptr ? reason : "closed";
    }
    ~WireClient() {
        close();
        ::SSL_free(ssl_);
    }
    WireClient(const WireClient&) = delete;
    WireClient& operator=(const WireClient&) = delete;

    void close() {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }

    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto sent = ssl_ != nullptr
                                  ? ::SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                                  : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent <= 0) return;  // What becomes of it shows when reading.
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }

    // Everything until the server closes.
    std::string read_all() {
        while (read_more()) {
        }
        return std::exchange(input_, {});
    }
    // The next frame's body; nullopt when the server has closed.
    std::optional<std::string> read_frame() {
        while (true) {
            if (input_.size() >= 4) {
                const auto size = static_cast<std::size_t>(Decoder(input_).int32());
                if (input_.size() >= 4 + size) {
                    auto frame = input_.substr(4, size);
                    input_.erase(0, 4 + size);
                    return frame;
                }
            }
            if (!read_more()) return std::nullopt;
        }
    }
    bool is_closed() { return !read_frame(); }
    // Nothing has come by the end of this time.
    bool is_silent(std::chrono::milliseconds time) {
        pollfd wanted{fd_, POLLIN, 0};
        return input_.empty() && ::poll(&wanted, 1, static_cast<int>(time.count())) == 0;
    }

    static std::string frame(std::string_view body) {
        std::string out;
        const auto begun = begin_frame(out);
        out.append(body);
        end_frame(out, begun);
        return out;
    }
    static std::string connect_frame(const ConnectRequest& request) {
        std::string body;
        Encoder out(body);
        request.encode(out);
        return frame(body);
    }
    static std::string request(std::int32_t xid, OpCode op, std::string_view body = {}) {
        std::string bytes;
        Encoder out(bytes);
        encode(out, RequestHeader{xid, op});
        bytes.append(body);
        return frame(bytes);
    }
    template <class Record, class... Args>
    static std::string encoded(const Record& record, Args... args) {
        std::string body;
        Encoder out(body);
        record.encode(out, args...);
        return body;
    }
    static std::string create(std::int32_t xid, std::string_view path, std::int32_t flags = 0) {
        CreateRequest create;
        create.path = path;
        create.data = "data";
        create.acl = open_acl_unsafe;
        create.flags = flags;
        return request(xid, OpCode::create, encoded(create, OpCode::create));
    }
    static std::string set(std::int32_t xid, std::string_view path, std::string_view data) {
        return request(xid, OpCode::set_data, encoded(SetDataRequest{path, data, -1}));
    }
    static std::string remove(std::int32_t xid, std::string_view path) {
        return request(xid, OpCode::remove, encoded(RemoveRequest{path, -1}));
    }
    static std::string
    read(std::int32_t xid, OpCode op, std::string_view path, bool watch = false) {
        return request(xid, op, encoded(ReadRequest{path, watch}));
    }
    static std::string
    watch_request(std::int32_t xid, OpCode op, std::string_view path, std::int32_t mode) {
        return request(xid, op, encoded(WatchRequest{path, mode}));
    }

    // Opens a session, or re-attaches to one; nullopt if the server just closes.
    std::optional<ConnectResponse> open(std::int32_t timeout_ms = 10000,
                                        const ConnectResponse& session = {},
                                        Zxid last_zxid_seen = {}) {
        ConnectRequest request;
        request.timeout_ms = timeout_ms;
        request.session = session.session;
        request.password = {session.password.data(), session.password.size()};
        request.last_zxid_seen = last_zxid_seen;
        request.read_only = false;
        send(connect_frame(request));
        const auto frame = read_frame();
        if (!frame) return std::nullopt;
        return ConnectResponse::decode(*frame).value();
    }
    // The next reply or notification.
    Reply read_reply() {
        const auto frame = read_frame();
        if (!frame) throw std::runtime_error("closed instead of a reply");
        Decoder in(*frame);
        const auto header = decode_reply_header(in);
        return {header, std::string(in.rest())};
    }
    WatcherEvent read_event() {
        const auto reply = read_reply();
        if (reply.header.xid != notification_xid) throw std::runtime_error("no notification");
        Decoder in(reply.body);
        return decode_watcher_event(in);
    }
    Reply ask(std::string_view request) {
        send(request);
        return read_reply();
    }

    [[nodiscard]] const std::string& tls_error() const { return tls_error_; }
    [[nodiscard]] SSL* tls() const { return ssl_; }

private:
    bool read_more() {
        pollfd wanted{fd_, POLLIN, 0};
        const bool is_here = ssl_ != nullptr && ::SSL_pending(ssl_) > 0;
        if (!is_here && ::poll(&wanted, 1, 5000) <= 0) {
            throw std::runtime_error("nothing came in five seconds");
        }
        std::array<char, 65536> buffer{};
        const auto size = ssl_ != nullptr ? ::SSL_read(ssl_, buffer.data(), buffer.size())
                                          : ::recv(fd_, buffer.data(), buffer.size(), 0);
        if (size <= 0) return false;
        input_.append(buffer.data(), static_cast<std::size_t>(size));
        return true;
    }

    int fd_;
    SSL* ssl_ = nullptr;
    std::string tls_error_;
    std::string input_;
};

}  // namespace coord
