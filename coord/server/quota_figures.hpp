#pragma once
// What became of quotas: how often they were exceeded, how much of them is used.
//
// Fed by:  RequestProcessor, with the excesses of its own clients; Server, once a tick.
// Read by: ServerCounters::metrics(), on any thread; the four-letter word mntr.
// Thread:  written on coord. The mutex guards all of it but the log's pace.
// Holds:   figures are kept per top namespace, the first name of a path, as ZooKeeper does, for
//          1000 of them; those beyond stand together as "other". At most a line a second is logged.
// Source:  ZooKeeper 3.8 QuotaMetricsUtils, ServerMetrics.

#include "coord/base/metrics.hpp"
#include "coord/tree/state_machine.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace coord {

class QuotaFigures {
public:
    using Time = std::chrono::steady_clock::time_point;
    static constexpr std::size_t namespaces_max = 1000;

    void note(const QuotaExcess& excess, bool is_refused, Time now);
    void set(const std::vector<QuotaView>& quotas);

    [[nodiscard]] std::vector<Metric> metrics() const;
    // By ZooKeeper's names, without "zk_".
    [[nodiscard]] std::vector<std::pair<std::string, std::int64_t>> mntr() const;

private:
    struct Use {
        std::int64_t count_limit = 0;
        std::int64_t byte_limit = 0;
        std::int64_t count = 0;
        std::int64_t bytes = 0;
    };
    struct Excesses {
        std::uint64_t hard = 0;
        std::uint64_t soft = 0;
    };

    mutable std::mutex mutex_;
    std::map<std::string, Use> uses_;
    std::map<std::string, Excesses> excesses_;
    Time next_line_{};
    std::uint64_t unlogged_ = 0;
};

}  // namespace coord
