#pragma once
// Many ZooKeeper sessions on one thread, with so little work per request that the server is the limit.
//
// Fed by:  coord_load, which appends requests as frames made beforehand.
// Read by: coord_load, reply by reply.
// Thread:  one; poll() is the loop.
// Holds:   what was appended to a session during one batch of its replies leaves in one send.
// Fails:   throws std::runtime_error when a server refuses, closes or answers nonsense.

#include "coord/proto/jute.hpp"
#include "coord/proto/requests.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

// One request as bytes, with a number in its path: each '#' of the path is a digit of it.
class RequestTemplate {
public:
    static RequestTemplate create(std::string_view path, std::string_view data);
    static RequestTemplate set(std::string_view path, std::string_view data);
    static RequestTemplate get(std::string_view path, bool watch);

    void append_to(std::string& out, std::int32_t xid, std::size_t number = 0) const;

private:
    explicit RequestTemplate(std::string frame, std::string_view path);

    std::string frame_;
    std::vector<std::size_t> digits_;  // where they stand, the last one first
};

class LoadClient {
public:
    struct Reply {
        std::int32_t xid = 0;
        std::int32_t error = 0;
    };
    using Replied = std::function<void(std::size_t session, const Reply& reply)>;
    // All the replies that were there have been handed over.
    using Drained = std::function<void(std::size_t session)>;

    struct Address {
        std::string host;
        std::uint16_t port = 0;
    };

    // The sessions are dealt out among the addresses.
    LoadClient(std::vector<Address> addresses, std::chrono::milliseconds timeout);
    ~LoadClient();
    LoadClient(const LoadClient&) = delete;
    LoadClient& operator=(const LoadClient&) = delete;

    // Opens sessions until there are `count`.
    void open(std::size_t count);
    // Ends all of them, as a client does that says so.
    void close();
    [[nodiscard]] std::size_t size() const { return sessions_.size(); }

    std::string& out(std::size_t session) { return sessions_[session].out; }
    void send(std::size_t session);
    void ping(std::size_t session);
    // Waits for input at most so long, and hands it over.
    void poll(std::chrono::milliseconds wait, const Replied& replied, const Drained& drained);
    // One request of one session; its error.
    std::int32_t ask(std::size_t session, const RequestTemplate& request, std::size_t number = 0);

private:
    struct Session {
        int descriptor = -1;
        bool open = false;
        bool closing = false;
        std::string in;   // the beginning of a frame
        std::string out;  // not sent yet
    };

    void begin_session();
    void receive(std::size_t index, const Replied& replied);
    void take_frame(std::size_t index, std::string_view frame, const Replied& replied);

    const std::vector<Address> addresses_;
    const std::chrono::milliseconds timeout_;
    int epoll_;
    std::vector<Session> sessions_;
    std::size_t opened_ = 0;
    std::size_t closed_ = 0;
    std::vector<char> buffer_;
};

}  // namespace coord
