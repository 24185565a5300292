#pragma once
// Counters that one thread writes and any thread reads, and the form in which rooms report them.
//
// Fed by:  the owner of a Counter, on its own thread.
// Read by: http/metrics_api (Prometheus text), four_letter_words (mntr).
// Thread:  Counter has one writer; value() may be called from any thread.
// Holds:   a counter only grows; a gauge is a plain number at the moment of asking.

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace coord {

class Counter {
public:
    void add(std::uint64_t n = 1) {
        count_.store(count_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t value() const { return count_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> count_{0};
};

enum class MetricKind { counter, gauge };

// One sample. Samples of one family (same name) must be adjacent and share kind and help.
struct Metric {
    MetricKind kind = MetricKind::counter;
    std::string name;  // "roster_dns_queries_total", as Prometheus wants it
    std::string help;  // one sentence
    double value = 0;
    std::vector<std::pair<std::string, std::string>> labels = {};
};

// Called from any thread, at every scrape.
using MetricSource = std::function<std::vector<Metric>()>;

}  // namespace coord
