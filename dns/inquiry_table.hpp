#pragma once
// Which questions are under way, who waits for each, and what each of them is told.
//
// Fed by:  Forwarder: the clients' queries, what upstreams replied, and the time.
// Read by: Forwarder, through Outward.
// Thread:  forward. Pure: time and chance are arguments, and it acts through Outward alone.
// Holds:   a question is under way once, however many wait for it. Every query gets one reply: of
//          the cache, of an upstream, a stale one, or SERVFAIL. An answer that came too late for
//          its clients is kept for the next ones.
// Fails:   past a limit the newcomer is told so at once, and counted.

#include "coord/base/metrics.hpp"
#include "dns/forward_cache.hpp"
#include "dns/forward_query.hpp"
#include "dns/forward_rules.hpp"
#include "dns/grammar.hpp"
#include "dns/upstream_reply.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace dns {

// For so many timeouts more a reply is still taken.
inline constexpr int late_timeouts = 4;

struct InquiryLimits {
    std::size_t inquiries_max = 1000;
    std::size_t waiters_max = 100;  // of one of them
    std::size_t waiting_max = 10'000;
    std::size_t waiting_max_per_client = 100;  // but for this host
    std::size_t late_max = 1000;               // tries that nobody waits for
    std::chrono::milliseconds timeout{800};
    std::size_t tries = 2;  // of each server
    std::chrono::seconds ttl_max{86'400};
    std::chrono::seconds negative_ttl_max{900};
    std::chrono::seconds loop_probe_interval{300};
};

struct InquiryCounters {
    coord::Counter hits;
    coord::Counter misses;
    coord::Counter stale;
    coord::Counter coalesced;
    coord::Counter prefetches;
    coord::Counter local;     // answered without asking: localhost, names that stay here
    coord::Counter shed;      // too much was under way
    coord::Counter crowded;   // too much of one client was
    coord::Counter hidden;    // records left out, because of their addresses
    coord::Counter loops;     // probes that came back
    coord::Counter failures;  // inquiries that no server answered
};

struct UpstreamCounters {
    coord::Counter queries;
    coord::Counter tcp;  // of them, over TCP
    coord::Counter timeouts;
    coord::Counter errors;    // no connection
    coord::Counter failures;  // an rcode that is neither NOERROR nor NXDOMAIN
    coord::Counter bad;       // replies that could not be read, or were not to the question
};

// They outlive the table.
struct ForwardCounters {
    explicit ForwardCounters(std::size_t count) : servers(count) {}

    InquiryCounters inquiries;
    std::vector<UpstreamCounters> servers;  // as in ForwardRules
};

class InquiryTable {
public:
    using AttemptId = std::uint64_t;
    struct Outward {
        std::function<void(const ForwardedQuery&, const Relayed&)> reply;
        std::function<void(AttemptId, const ServerAddress&, bool tcp, Octets message)> ask;
        std::function<void(AttemptId)> forget;             // an ask whose time is over
        std::function<void(const ServerAddress&)> looped;  // it leads back to us
        std::function<std::uint64_t()> random;             // that nobody can guess
    };

    InquiryTable(const ForwardRules& rules,
                 const Grammar& ours,
                 ForwardCache& cache,
                 InquiryLimits limits,
                 Outward outward,
                 ForwardCounters& counters);

    void take(const ForwardedQuery& query, Time now);
    void replied(AttemptId attempt, Octets message, Time now);
    void unreachable(AttemptId attempt, Time now);
    void tick(Time now);  // when next() is over
    [[nodiscard]] Time next() const;

    [[nodiscard]] std::size_t under_way() const { return inquiries_.size(); }

private:
    struct Server {
        ServerAddress address;
        std::size_t failures = 0;  // in a row
        Time probe_at;             // when down
        Time looping_until;
        bool keeps_case = true;
        UpstreamCounters* counters = nullptr;
    };
    struct Inquiry {
        std::string key;
        QueryName name;
        std::uint16_t type = 0;
        bool dnssec_ok = false;
        bool checking_disabled = false;
        const ForwardRoute* route = nullptr;
        std::vector<std::size_t> order;  // of its servers
        std::size_t tries = 0;
        std::vector<ForwardedQuery> waiters;
        Time stale_at = Time::max();  // when a stale answer will do
        std::optional<ExtendedError> why;
    };
    struct Attempt {
        std::string key = {};  // of its inquiry; empty: it looks for a loop
        const ForwardRoute* route = nullptr;
        std::size_t server = 0;
        UpstreamQuestion question = {};
        bool tcp = false;
        bool spare = false;  // the inquiry does not wait for it
        bool late = false;   // nobody does, but a reply would be welcome
        Time deadline = {};
    };
    using Inquiries = std::unordered_map<std::string, Inquiry>;

    using Cached = std::optional<ForwardCache::Found>;

    void begin(const ForwardedQuery& query,
               const QueryName& name,
               const ForwardRoute& route,
               const std::string& key,
               const Cached& cached,
               Time now);
    void join(const ForwardedQuery& query, Inquiry& inquiry, const Cached& cached, Time now);
    [[nodiscard]] bool is_crowded(const ForwardedQuery& query) const;
    void wait(const ForwardedQuery& query, Inquiry& inquiry);
    void leave(const ForwardedQuery& waiter);
    void answer_here(const ForwardedQuery& query,
                     const QueryName& name,
                     const ForwardRules::Decision& decision);
    void relay_stale(const ForwardedQuery& query, const ForwardCache::Found& cached);
    void fail(const ForwardedQuery& query, Rcode rcode, ExtendedError why);
    void turn_away(const ForwardedQuery& query, const Cached& cached, coord::Counter& counter);
    void try_next(Inquiry& inquiry, Time now);
    void attempt(const Inquiry& inquiry, std::size_t server, bool spare, Time now);
    void start(Attempt attempt, Time now);
    std::optional<Attempt> end(AttemptId id);
    void go_on_without(const Attempt& attempt, ExtendedError why, Time now);
    void time_out(AttemptId id, Time now);
    void retry_over_tcp(Attempt attempt, Time now);
    void ask_again(Attempt attempt, Time now);
    void conclude(const std::string& key, ForwardAnswer answer, Time now);
    void conclude_without(Inquiry& inquiry, Time now);
    void release(Inquiry& inquiry, const ForwardCache::Found& stale);
    void note_failure(Server& server, Time now);
    [[nodiscard]] std::vector<std::size_t> order_of(const ForwardRoute& route, Time now) const;
    void probe_those_down(const Inquiry& inquiry, Time now);
    void look_for_loops(Time now);
    bool is_loop(const QueryName& name, Time now);
    [[nodiscard]] Labels in_random_case(Labels name) const;

    const ForwardRules& rules_;
    const Grammar& ours_;
    ForwardCache& cache_;
    InquiryLimits limits_;
    Outward outward_;
    std::vector<Server> servers_;
    Inquiries inquiries_;
    std::unordered_map<AttemptId, Attempt> attempts_;
    std::set<std::pair<Time, AttemptId>> deadlines_;
    std::set<std::pair<Time, std::string>> stale_deadlines_;
    std::map<Labels, std::size_t> loop_names_;  // folded, and whose server
    Time look_for_loops_at_{};
    AttemptId last_attempt_ = 0;
    std::size_t late_ = 0;                         // of the attempts
    std::size_t waiting_ = 0;                      // of all inquiries
    std::map<IpAddress, std::size_t> waiting_of_;  // the same by client; none is 0
    InquiryCounters& counters_;
};

}  // namespace dns
