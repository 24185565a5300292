#pragma once
// What one session's client was told, held against the log as it comes in.
//
// Fed by:  SimulatedClient, with what it sends and hears; TreeModel, with what the log says it wrote.
// Thread:  the test's.
// Holds:   the log has this session's writes in the order in which they were sent, each once at most,
//          and every answered one with that answer. Zxids never go back. A read shows the tree as
//          it was at the zxid that the reply names. Of what is watched, every change up to the zxid
//          of a reply was told before it, once, in order; and nothing else was told.
// Fails:   throws Violation.

#include "coord/proto/requests.hpp"
#include "tests/coord/simulation/tree_model.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

struct SentRequest {
    std::int32_t xid = 0;
    OpCode op{};
    std::string body;
    // A write sees all that any client was told of before it was sent; so does a read behind a sync.
    Zxid floor{};
    SimulatedTime sent{};
    std::vector<std::size_t> calls = {};  // see RegisterCalls
};

bool is_write(OpCode op);

class SessionWitness {
public:
    explicit SessionWitness(const TreeModel& model) : model_(model) {}

    void sent(const SentRequest& request);
    // On a connection of its own. The first request over it asks for the watches again.
    void connected();
    [[nodiscard]] SetWatchesRequest watches_to_set() const;  // looks into this
    [[nodiscard]] bool has_watches() const { return !watched_.empty(); }
    void told(const WatcherEvent& event);
    void replied(const SentRequest& request, const ReplyHeader& header, std::string_view body);
    void applied(const TreeModel::Applied& command);

    [[nodiscard]] Zxid seen() const { return seen_; }
    [[nodiscard]] std::size_t events() const { return events_; }

private:
    enum class Watch { data, exist, child, persistent, recursive };
    using Told = std::deque<WatcherEvent>;

    void expect_events(Zxid until);
    void expect_catch_up(Zxid at);
    [[nodiscard]] bool hears(const TreeModel::Change& change);
    void judge_write(const SentRequest& request, const ReplyHeader& header, std::string_view body);
    void judge_read(const SentRequest& request, const ReplyHeader& header, std::string_view body);
    void watch(const SentRequest& request, Errc error);

    const TreeModel& model_;
    Zxid seen_{};
    std::set<std::pair<std::string, Watch>> watched_;
    std::set<std::pair<std::string, Watch>> armed_;  // on this connection
    Told told_;                                      // since the last reply
    std::size_t events_ = 0;
    std::vector<std::pair<OpCode, std::string>> writes_;
    std::size_t logged_ = 0;  // of them, or passed over
};

}  // namespace coord
