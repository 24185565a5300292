#pragma once
// A connection to another member: TCP, with TLS or plain, and a time by which something must be done.
//
// Fed by:  PeerLinks, which dials and accepts.
// Read by: PeerLink, PeerLinks and the transfer of snapshots, each in its coroutine.
// Thread:  coord.
// Holds:   one read and one write at a time. After close() every operation ends with an error.
// Fails:   Asio's error; std::errc::timed_out when the deadline has closed it.

#include "coord/base/async.hpp"
#include "coord/base/result.hpp"
#include "coord/raft/peer_frame.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace coord {

class PeerStream : public std::enable_shared_from_this<PeerStream> {
public:
    using Socket = boost::asio::ip::tcp::socket;
    using Tls = boost::asio::ssl::context;

    // To dial with; accepted. `user_timeout`: what was sent must be acknowledged within it.
    PeerStream(boost::asio::io_context& io, std::chrono::milliseconds user_timeout);
    PeerStream(Socket socket, std::chrono::milliseconds user_timeout);

    Task<Error> connect(std::string host, std::string port);
    // Of the side that dialled, which expects a certificate for `name`; of the one that accepted.
    Task<Error> handshake_with(std::shared_ptr<Tls> tls, std::string name);
    Task<Error> handshake(std::shared_ptr<Tls> tls);
    // The next frame; its content is valid until the next call.
    Task<Result<Frame>> read_frame();
    Task<Error> write(std::string_view bytes);
    void close();

    // Closes it when the time is over, unless it is set anew or taken back.
    void set_deadline(std::chrono::milliseconds after);
    void clear_deadline();
    [[nodiscard]] bool timed_out() const { return timed_out_; }

    // Of a frame; that of a Hello at first.
    void set_content_bytes_max(std::size_t bytes) { buffer_.set_content_bytes_max(bytes); }
    // Whether the certificate that the other side has shown is for this host. Plain: yes.
    [[nodiscard]] bool is_certified_for(const std::string& host);
    [[nodiscard]] bool is_open() const { return socket_.is_open(); }
    [[nodiscard]] std::string remote_address() const;  // without the port
    [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }

private:
    Task<Error> shake(std::shared_ptr<Tls> tls, bool dialled, std::string name);
    void tune();
    [[nodiscard]] Error outcome(const Error& error) const;

    Socket socket_;
    std::optional<boost::asio::ssl::stream<Socket&>> tls_;
    boost::asio::steady_timer deadline_;
    FrameBuffer buffer_{hello_bytes_max};
    const std::chrono::milliseconds user_timeout_;
    std::uint64_t bytes_read_ = 0;
    std::uint64_t deadlines_ = 0;  // tells the one that counts from those that came too late
    bool timed_out_ = false;
};

}  // namespace coord
