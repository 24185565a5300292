#pragma once
// One client's connection as the core sees it: who it is, what it awaits, what it is to be sent.
//
// Fed by:  RequestProcessor, with every frame its Connection hands over and every applied command.
// Read by: Connection, which sends `out`; the four-letter words.
// Thread:  coord. A value with no socket in it.
// Holds:   replies leave in the order of the requests. The first request that waits is always one
//          whose command travels through the log; what stands behind it waits for it.

#include "coord/proto/records.hpp"
#include "coord/proto/requests.hpp"
#include "coord/tree/state_machine.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coord {

// A request that was read and is not answered yet.
struct Request {
    std::int32_t xid = 0;
    OpCode op{};
    bool proposed = false;  // answered when the log has come to it; else when it is first in line
    Errc verdict{};         // of a request whose answer was known when it was read
    std::string body;       // empty if proposed
    std::chrono::steady_clock::time_point since;
};

// First in, first out, without the half KiB that an empty std::deque takes for each idle client.
class RequestLine {
public:
    [[nodiscard]] bool empty() const { return first_ == requests_.size(); }
    [[nodiscard]] std::size_t size() const { return requests_.size() - first_; }
    [[nodiscard]] Request& front() { return requests_[first_]; }
    void push(Request request) { requests_.push_back(std::move(request)); }
    void pop() {
        requests_[first_++].body = {};
        if (empty()) {
            clear();
        } else if (first_ >= 64 && first_ * 2 >= requests_.size()) {
            requests_.erase(requests_.begin(),
                            requests_.begin() + static_cast<std::ptrdiff_t>(first_));
            first_ = 0;
        }
    }
    void clear() {
        if (requests_.capacity() > 16) requests_ = {};
        requests_.clear();
        first_ = 0;
    }

private:
    std::vector<Request> requests_;
    std::size_t first_ = 0;
};

// For the four-letter words `stat` and `cons`.
struct ConversationFigures {
    std::uint64_t received = 0;  // frames
    std::uint64_t sent = 0;
    std::int64_t established_ms = 0;  // since 1970
    OpCode last_op{};
    std::int32_t last_xid = 0;
    Zxid last_zxid{};
    std::chrono::steady_clock::time_point last_response;
    std::int64_t latency_last_ms = 0;
    std::int64_t latency_min_ms = 0;
    std::int64_t latency_max_ms = 0;
    std::int64_t latency_sum_ms = 0;
    std::uint64_t replies = 0;
};

enum class Phase : std::uint8_t {
    greeting,  // its ConnectRequest has not come yet
    joining,   // its session is being made, or this server does not serve yet
    open,
    ending,  // what `out` holds is sent, then the connection is closed
    gone,    // the socket is closed
};

struct Conversation : std::enable_shared_from_this<Conversation> {
    Phase phase = Phase::greeting;
    bool deaf = false;    // nothing more is taken from it: its last reply is on the way
    bool dirty = false;   // listed, to be looked at when the turn ends
    std::string address;  // "127.0.0.1:39190"
    std::string out;      // frames to be sent when the turn ends
    RequestLine requests;
    // Filled anew for each write; `session` and `ids` are the client's and stay.
    Command command;
    std::string greeting;           // a ConnectRequest that came before this server served
    std::optional<bool> read_only;  // as in the ConnectRequest, to be echoed
    bool has_no_session = false;    // it is served read-only, under an id that nobody else knows
    bool touched = false;           // since the leader was told last
    std::chrono::milliseconds timeout{};
    ConversationFigures figures;

    Conversation() = default;
    Conversation(const Conversation&) = delete;
    Conversation& operator=(const Conversation&) = delete;
    virtual ~Conversation() = default;
};

}  // namespace coord
