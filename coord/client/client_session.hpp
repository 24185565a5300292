#pragma once
// One session with the ensemble: the connection that carries it now, and the requests on it.
//
// Fed by:  Client's operations; the bytes of the server it is connected to.
// Read by: Client.
// Thread:  agent: the thread that runs `io`; metrics() may be called from any.
// Holds:   requests in flight are answered in order, each exactly once, on the stack of the reader:
//          a reply is complete before the next frame is looked at. At most `outstanding_max` are
//          in flight and `waiting_max` wait. What was asked first is sent first.
// Fails:   a server that answers out of order, or with a frame that cannot be read, loses the
//          connection. What happens to requests then is written in client.hpp.

#include "coord/base/owner.hpp"
#include "coord/client/client.hpp"
#include "coord/client/hosts.hpp"
#include "coord/client/reply_buffer.hpp"
#include "coord/client/watch_register.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coord {

struct ReplyView {
    Error error;            // from the header, or why there is no reply
    std::string_view body;  // valid during the call
};

class ClientSession : public std::enable_shared_from_this<ClientSession> {
public:
    ClientSession(boost::asio::io_context& io, ClientOptions options, std::uint64_t seed);

    void start();
    Task<void> close(std::chrono::milliseconds patience);
    // Ends everything at once; what is awaited fails with connection_loss.
    void abandon();
    void reload_tls() {
        if (tls_) tls_->reload();
    }
    // From now on nobody is told anything: the owner of the callbacks is going away.
    void mute() { muted_ = true; }

    // Sends `body` and completes with decode(ReplyView), which is called in any case.
    template <class T, class Decode>
    Task<Result<T>> request(OpCode op, std::string body, Decode decode);

    void on_state(std::function<void(SessionState)> told) {
        state_told_.push_back(std::move(told));
    }
    void on_event(std::function<void(const WatcherEvent&)> told) {
        event_told_.push_back(std::move(told));
    }

    [[nodiscard]] std::string full_path(std::string_view path) const;
    [[nodiscard]] std::string client_path(std::string_view full_path) const;
    [[nodiscard]] const std::string& chroot() const { return chroot_; }
    WatchRegister& watches() { return watches_; }

    [[nodiscard]] boost::asio::io_context& io() const { return io_; }
    [[nodiscard]] SessionState state() const { return state_; }
    [[nodiscard]] SessionIdentity identity() const;
    [[nodiscard]] std::chrono::milliseconds timeout() const { return timeout_; }
    [[nodiscard]] Zxid last_zxid() const { return last_zxid_; }
    [[nodiscard]] std::vector<Metric> metrics() const;

private:
    using Clock = std::chrono::steady_clock;
    using Completion = std::function<void(const ReplyView&)>;

    struct Link;  // one TCP connection
    struct Request {
        OpCode op{};
        std::string body;
        Completion done;
        Clock::time_point asked;
    };
    struct InFlight {
        std::int32_t xid = 0;
        Completion done;
    };

    // The life of a connection.
    Task<void> run();
    Task<bool> connect(std::shared_ptr<Link> link, EnsembleHost host);
    Task<bool> secure(std::shared_ptr<Link> link);
    Task<bool> handshake(std::shared_ptr<Link> link);
    void complain_of_tls(const std::string& host, const std::string& why);
    Task<void> serve(std::shared_ptr<Link> link);
    Task<void> pause();
    void joined(const ConnectResponse& response);
    void lost();
    void expire();
    void refused();

    // Frames.
    bool take(std::string_view frame);
    bool take_reply(const ReplyHeader& header, std::string_view body);
    void take_event(std::string_view body);
    void enqueue(OpCode op, std::string body, Completion done);
    void send(OpCode op, std::string_view body, std::int32_t xid);
    void send_waiting();
    void set_watches(Zxid seen);
    void flush_soon(const std::shared_ptr<Link>& link);
    void flush(const std::shared_ptr<Link>& link);

    // Time.
    void watch_over();
    void look_after_waiting();

    void tell(SessionState state);
    void fail(Completion done, Errc error);
    void fail_waiting(Errc error);

    Owner owner_;
    boost::asio::io_context& io_;
    ClientOptions options_;
    std::string chroot_;
    std::optional<TlsContext> tls_;
    std::string tls_complaint_;  // as last logged; empty once a handshake succeeded
    HostCycle hosts_;
    ReconnectBackoff backoff_;
    std::size_t tried_ = 0;         // hosts since the last pause
    bool starting_nearby_ = false;  // the last one refused us on loopback

    SessionState state_ = SessionState::connecting;
    SessionIdentity identity_;  // {0}: the next handshake asks for a new session
    bool attached_ = false;     // identity_ was confirmed by the ensemble
    bool closing_ = false;      // only closeSession is still accepted
    bool over_ = false;
    bool muted_ = false;
    std::chrono::milliseconds timeout_;
    Zxid last_zxid_{};
    WatchRegister watches_;

    std::shared_ptr<Link> link_;
    std::int32_t next_xid_ = 1;
    std::deque<InFlight> in_flight_;
    std::deque<Request> waiting_;

    Clock::time_point joined_at_{};
    Clock::time_point heard_{};
    Clock::time_point sent_{};
    Clock::time_point join_by_{};
    Clock::time_point refused_since_{};  // of the handshakes closed without an answer
    boost::asio::steady_timer watchdog_;
    boost::asio::steady_timer waiting_timer_;
    boost::asio::steady_timer pause_;
    boost::asio::ip::tcp::resolver resolver_;

    // Deques: a callback may add another while it is told.
    std::deque<std::function<void(SessionState)>> state_told_;
    std::deque<std::function<void(const WatcherEvent&)>> event_told_;

    Counter attempts_;
    Counter connects_;
    Counter expirations_;
    Counter losses_;
    Counter requests_;
    Counter replies_;
    Counter events_;
    Counter refusals_;
    Counter bad_frames_;
    Counter tls_failures_;
    std::atomic<std::size_t> outstanding_{0};
};

template <class T, class Decode>
Task<Result<T>> ClientSession::request(OpCode op, std::string body, Decode decode) {
    auto initiate = [self = shared_from_this(), op, decode = std::move(decode)](
                        auto handler, std::string sent) mutable {
        // std::function wants copies, an awaiting coroutine is unique: share it.
        auto awaiting = std::make_shared<decltype(handler)>(std::move(handler));
        self->enqueue(op,
                      std::move(sent),
                      [awaiting, decode = std::move(decode)](const ReplyView& reply) mutable {
                          const auto executor = boost::asio::get_associated_executor(*awaiting);
                          auto resume = [awaiting, result = decode(reply)]() mutable {
                              std::move (*awaiting)(std::move(result));
                          };
                          boost::asio::dispatch(executor, std::move(resume));
                      });
    };
    return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void(Result<T>)>(
        std::move(initiate), boost::asio::use_awaitable, std::move(body));
}

}  // namespace coord
