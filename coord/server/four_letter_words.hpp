#pragma once
// ZooKeeper's four-letter words: four bytes in, a text for people and monitoring tools out.
//
// Fed by:  Connection, with the first four bytes of a connection; Server, with the figures.
// Read by: kazoo, zkServer.sh, telegraf, Datadog, Nagios, people with netcat.
// Thread:  coord. Pure: every figure comes from a function given to it.
// Source:  ZooKeeper 3.8, byte for byte, where tools parse it.

#include "coord/base/server_limits.hpp"
#include "coord/proto/records.hpp"
#include "coord/server/conversation.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coord {

struct Latency {
    std::int64_t min_ms = 0;
    std::int64_t max_ms = 0;
    double average_ms = 0;
};

// What mntr tells of the members, if this one leads an ensemble of several.
struct LeaderFigures {
    std::size_t followers = 0;
    std::size_t synced_followers = 0;
    std::size_t synced_observers = 0;
    std::size_t pending_syncs = 0;
    std::size_t quorum_size = 0;
};

struct ServerFigures {
    std::string mode = "standalone";  // or leader, follower, read-only
    Latency latency;
    std::uint64_t received = 0;  // frames
    std::uint64_t sent = 0;
    std::size_t connections = 0;
    std::size_t outstanding = 0;
    Zxid zxid{};
    std::size_t znodes = 0;
    std::size_t ephemerals = 0;
    std::size_t data_bytes = 0;
    std::size_t sessions = 0;
    std::size_t watches = 0;  // all of them
    // The sizes of replies; -1 before the first.
    std::int64_t response_bytes_last = -1;
    std::int64_t response_bytes_min = -1;
    std::int64_t response_bytes_max = -1;
    std::optional<LeaderFigures> leader;  // of an ensemble
};

// ZooKeeper's summary of a duration: avg_, min_, max_, cnt_ and sum_.
struct Timing {
    std::int64_t min_ms = 0;
    std::int64_t max_ms = 0;
    std::uint64_t count = 0;
    std::uint64_t sum_ms = 0;
};

// What only mntr tells besides.
struct ProcessFigures {
    std::size_t open_files = 0;
    std::size_t open_files_max = 0;
    std::chrono::milliseconds uptime{};
    std::vector<std::pair<std::string, std::int64_t>> counters;  // without "zk_"
    std::vector<std::pair<std::string, Timing>> timings;         // the same
};

struct ServerSettings {
    int client_port = -1;  // -1: none
    int secure_client_port = -1;
    std::string data_dir;
    std::uint64_t data_dir_bytes = 0;
    ServerLimits limits;
    bool enforces_quota = false;
    // Lines about the members, if there are several.
    std::string membership;
};

struct ConnectionLine {
    std::string address;
    bool is_asking = false;  // the connection on which the four-letter word came
    std::size_t queued = 0;
    SessionId session{};
    std::chrono::milliseconds timeout{};
    ConversationFigures figures;
};

// Sessions that expire together.
struct SessionSet {
    std::int64_t expires_ms = 0;  // since 1970
    std::vector<SessionId> sessions;
};

using PathsOfSession = std::pair<SessionId, std::vector<std::string>>;

// Where the answers come from. Each is asked only by the words that need it.
struct FigureSources {
    std::function<bool()> serving;
    std::function<ServerFigures()> server;
    std::function<ProcessFigures()> process;
    std::function<ServerSettings()> settings;
    std::function<std::vector<ConnectionLine>()> connections;
    std::function<std::vector<SessionSet>()> session_sets;
    std::function<std::vector<PathsOfSession>()> ephemerals;
    std::function<std::vector<PathsOfSession>()> data_watches;
    std::function<void()> reset_server;
    // Sets ZooKeeper's trace mask, which means nothing here, if given one; what it is then.
    std::function<std::int64_t(std::optional<std::int64_t>)> trace_mask;
    std::function<void()> reset_connections;
};

// "3.8.4-<hex>, built on MM/DD/YYYY HH:MM UTC": what clients and tools parse to know what we speak.
std::string_view zookeeper_version();

bool is_four_letter_word(std::string_view word);
// How many bytes belong to it, itself among them: stmk has a number behind it.
std::size_t four_letter_word_bytes(std::string_view word);

// The whole answer to a word, with what belongs to it behind it. `allowed`: the words that are
// served, or "*" for all of them.
std::string answer_four_letter_word(std::string_view asked,
                                    const FigureSources& sources,
                                    const std::vector<std::string>& allowed);

}  // namespace coord
