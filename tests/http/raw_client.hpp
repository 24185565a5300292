#pragma once
// A client that sends exactly the bytes it is told, and reads replies one by one.
//
// Fed by:  tests of the HTTP face.
// Thread:  the test's; every call blocks, at most ten seconds.

#include <boost/asio/connect.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <poll.h>
#include <string>
#include <string_view>

namespace http {

struct RawReply {
    int status = 0;                             // 0: the server closed before a whole reply
    std::map<std::string, std::string> header;  // lower-case names
    std::string body;

    [[nodiscard]] std::string find(const std::string& name) const {
        const auto found = header.find(name);
        return found == header.end() ? "" : found->second;
    }
    [[nodiscard]] std::uint64_t index() const { return std::stoull("0" + find("x-consul-index")); }
};

class RawClient {
public:
    explicit RawClient(std::uint16_t port) : socket_(io_) {
        socket_.connect(
            boost::asio::ip::tcp::endpoint(boost::asio::ip::address_v4::loopback(), port));
    }
    explicit RawClient(const std::string& unix_path) : socket_(io_) {
        socket_.connect(boost::asio::local::stream_protocol::endpoint(unix_path));
    }

    // What the server no longer takes is lost, as on any wire.
    void send(std::string_view bytes) {
        boost::system::error_code ignored;
        boost::asio::write(socket_, boost::asio::buffer(bytes.data(), bytes.size()), ignored);
    }
    void ask(std::string_view method, std::string_view target, std::string_view body = {}) {
        std::string text(method);
        text.append(" ").append(target).append(" HTTP/1.1\r\nHost: roster\r\n");
        if (!body.empty() || method == "PUT") {
            text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
        }
        send(text.append("\r\n").append(body));
    }
    RawReply receive(bool of_head = false) {
        RawReply reply;
        std::size_t end = std::string::npos;
        while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
            if (!read_some()) return reply;
        }
        parse_header(std::string_view(buffer_).substr(0, end), reply);
        buffer_.erase(0, end + 4);
        const auto length = reply.find("content-length");
        const auto size = of_head || length.empty() ? 0 : std::stoul(length);
        while (buffer_.size() < size) {
            if (!read_some()) return {};
        }
        reply.body = buffer_.substr(0, size);
        buffer_.erase(0, size);
        return reply;
    }
    RawReply
    exchange(std::string_view method, std::string_view target, std::string_view body = {}) {
        ask(method, target, body);
        return receive(method == "HEAD");
    }
    // The server ended the connection, and nothing is left to read.
    bool closed() { return buffer_.empty() && !read_some(); }
    // Nothing came within that time.
    bool silent_for(std::chrono::milliseconds time) {
        ::pollfd wanted{socket_.native_handle(), POLLIN, 0};
        return buffer_.empty() && ::poll(&wanted, 1, static_cast<int>(time.count())) == 0;
    }
    void shutdown() {
        boost::system::error_code ignored;
        socket_.shutdown(boost::asio::socket_base::shutdown_both, ignored);
        socket_.close(ignored);
    }

private:
    bool read_some() {
        ::pollfd wanted{socket_.native_handle(), POLLIN, 0};
        if (::poll(&wanted, 1, 10'000) <= 0) return false;
        char chunk[16384];
        boost::system::error_code failed;
        const auto size = socket_.receive(boost::asio::buffer(chunk), 0, failed);
        if (failed || size == 0) return false;
        buffer_.append(chunk, size);
        return true;
    }
    static void parse_header(std::string_view text, RawReply& reply) {
        reply.status = std::stoi(std::string(text.substr(9, 3)));
        for (auto at = text.find("\r\n"); at != std::string_view::npos; at = text.find("\r\n")) {
            text.remove_prefix(at + 2);
            const auto line = text.substr(0, text.find("\r\n"));
            const auto colon = line.find(": ");
            if (colon == std::string_view::npos) continue;
            std::string name(line.substr(0, colon));
            for (auto& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            reply.header[name] = line.substr(colon + 2);
        }
    }

    boost::asio::io_context io_;
    boost::asio::generic::stream_protocol::socket socket_;
    std::string buffer_;
};

}  // namespace http
