#pragma once
// What the four-letter words tell of a running server, read off its parts when they are asked.
//
// Fed by:  Server, with its parts.
// Read by: answer_four_letter_word.
// Thread:  coord.

#include "coord/raft/node.hpp"
#include "coord/server/four_letter_words.hpp"
#include "coord/server/request_processor.hpp"
#include "coord/server/server_counters.hpp"
#include "coord/server/server_options.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace coord {

class Connection;

class LiveFigures {
public:
    using Time = RequestProcessor::Time;
    using Connections = std::unordered_map<Connection*, std::shared_ptr<Connection>>;
    struct Of {
        const ServerOptions& options;
        const ServerCounters& counters;
        RequestProcessor& processor;
        const Node& node;
        const Connections& connections;
        const std::vector<std::uint16_t>& ports;  // plain ones, then those with TLS
    };

    LiveFigures(Of of, std::function<Time()> now);

    [[nodiscard]] FigureSources sources(const Connection& asking);

private:
    [[nodiscard]] ServerFigures server_figures() const;
    [[nodiscard]] ProcessFigures process_figures() const;
    [[nodiscard]] LeaderFigures leader_figures() const;
    [[nodiscard]] std::vector<std::pair<std::string, std::int64_t>> counter_figures() const;
    [[nodiscard]] ServerSettings settings() const;
    [[nodiscard]] std::string membership() const;
    [[nodiscard]] std::vector<ConnectionLine> connection_lines(const Connection& asking) const;
    [[nodiscard]] std::vector<SessionSet> session_sets() const;
    [[nodiscard]] std::vector<PathsOfSession> data_watches() const;

    Of of_;
    std::function<Time()> now_;
    Time started_;
    // Frames before the last `srst`, which starts these figures anew.
    std::uint64_t received_before_ = 0;
    std::uint64_t sent_before_ = 0;
    std::int64_t trace_mask_ = 306;  // ZooKeeper's default; nothing is traced
};

}  // namespace coord
