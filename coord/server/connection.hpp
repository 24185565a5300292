#pragma once
// A client's socket, plain or with TLS: frames out of bytes, and what the core has to say back.
//
// Fed by:  the network; RequestProcessor, through Conversation::out.
// Read by: RequestProcessor, one frame at a time; Server, which owns it until it is closed.
// Thread:  coord. Asio's callbacks hold it by shared_ptr, which is why it is one.
// Holds:   one send per turn, however many replies; one buffer to receive into for all connections,
//          so that an idle one costs its socket and little more.
// Fails:   a frame too long, more output than the client cares to read, or a TLS handshake that
//          fails closes it; counted.

#include "coord/server/conversation.hpp"
#include "coord/server/request_processor.hpp"
#include "coord/server/tls_channel.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coord {

class Connection final : public Conversation {
public:
    using Time = RequestProcessor::Time;
    // What all connections of a server share.
    struct Host {
        const ServerOptions& options;
        ServerCounters& counters;
        RequestProcessor& processor;
        std::function<std::string(const Connection& asking, std::string_view word)> answer_word;
        std::function<void(Connection&)> closed;
        std::function<void()> handshake_waits;  // the first one of `handshakes`
        std::vector<char> receive_buffer = std::vector<char>(std::size_t{256} << 10U);
        std::vector<std::weak_ptr<Connection>> starved = {};  // paused as the server is overloaded
        // Connections that have to be somewhere by a time: in an open session, or closed.
        std::deque<std::pair<Time, std::weak_ptr<Connection>>> deadlines = {};
        // Those whose TLS handshake can go on. A step costs up to milliseconds of arithmetic: they
        // take them by turns.
        std::deque<std::weak_ptr<Connection>> handshakes = {};
    };

    // `tls`: null for a plain connection.
    Connection(Host& host,
               boost::asio::ip::tcp::socket socket,
               std::unique_ptr<TlsChannel> tls = nullptr);

    void start();
    // Sends what there is, closes if that was the end, goes on reading if it may again.
    void end_turn();
    void close();
    // A deadline has come: it is dropped unless it has an open session by now.
    void meet_deadline();
    // Goes on with the TLS handshake.
    void shake_hands();

    [[nodiscard]] bool is_asking_word() const { return asking_word_; }

private:
    [[nodiscard]] std::shared_ptr<Connection> self();
    void await_readable();
    void on_readable();
    void await_writable(void (Connection::*then)());
    void queue_handshake();
    void introduce();
    Counter& counter_of(TlsFailure failure);
    std::size_t read_some(Error& error);
    std::size_t write_some(Error& error);
    void consume(std::string_view bytes);
    // The rest after one frame or word was taken off `bytes`; nullopt if there is none to take now.
    [[nodiscard]] std::optional<std::string_view> take_one(std::string_view bytes);
    void keep(std::string_view rest);
    void yield_turn();
    void answer_word(std::string_view word);
    void drop(Counter& reason);
    void set_deadline();
    void send();
    void finish();

    Host& host_;
    boost::asio::ip::tcp::socket socket_;
    std::unique_ptr<TlsChannel> tls_;
    std::string input_;      // the beginning of a frame whose end has not come, or frames to wait
    std::size_t sent_ = 0;   // of `out`
    bool reading_ = false;   // a wait for input is under way
    bool writing_ = false;   // a wait for room in the socket is under way
    bool yielding_ = false;  // it goes on in the next turn of the event loop
    bool asking_word_ = false;
};

}  // namespace coord
