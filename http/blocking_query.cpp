#include "http/blocking_query.hpp"

#include "agent/service.hpp"
#include "http/api.hpp"

#include <boost/asio/steady_timer.hpp>

#include <charconv>

namespace http {
namespace {

constexpr std::chrono::milliseconds wait_max{600'000};
constexpr std::size_t history_max = 20'000;  // per generation
constexpr std::string_view kv_prefix_word = "kvs ";

bool parse_number(std::string_view text, std::uint64_t& number) {
    const auto* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, number);
    return parsed.ec == std::errc{} && parsed.ptr == end;
}

// What of Consul Enterprise may be named: the default of everything.
std::string_view foreign_scope(const Request& request) {
    for (const std::string_view key : {"ns", "partition", "peer", "sg"}) {
        const auto value = request.query(key);
        if (!value.empty() && value != "default") return key;
    }
    return {};
}

// What Consul reads of it; what it does not know is nobody's business (RFC 9111 §5.2.3).
bool is_cache_control(std::string_view text) {
    while (!text.empty()) {
        const auto end = std::min(text.find(','), text.size());
        auto directive = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        directive.remove_prefix(std::min(directive.find_first_not_of(' '), directive.size()));
        for (const std::string_view name : {"max-age=", "stale-if-error="}) {
            std::uint64_t seconds = 0;
            if (!directive.starts_with(name)) continue;
            if (!parse_number(directive.substr(name.size()), seconds)) return false;
        }
    }
    return true;
}

// Everything that may change the result, and nothing that only says how to wait for it.
std::string name_of(const Request& request) {
    std::string name = request.target.path;
    for (const auto& [key, value] : request.target.query) {
        if (key == "index" || key == "wait" || key == "token" || key == "stale" ||
            key == "consistent" || key == "cached" || key == "hash" || key == "dc") {
            continue;
        }
        name.append("\n").append(key).append("=").append(value);
    }
    return name;
}

void add_read_headers(const Api& api, const ReadOptions& options, Answer& answer) {
    auto& header = answer.response.header;
    header.emplace_back("X-Consul-Index", std::to_string(answer.index));
    header.emplace_back("X-Consul-KnownLeader", api.catalog.connected() ? "true" : "false");
    const auto silence = api.catalog.last_contact(std::chrono::steady_clock::now());
    header.emplace_back("X-Consul-LastContact", std::to_string(silence.count()));
    header.emplace_back("X-Consul-Effective-Consistency",
                        options.consistent ? "consistent" : "stale");
    header.emplace_back("X-Consul-Query-Backend", "blocking-query");
    if (options.cached) {
        header.emplace_back("X-Cache", "HIT");
        header.emplace_back("Age", "0");
    }
}

// ?consistent: nothing is answered before this agent has caught up with the ensemble.
coord::Task<bool> verified(Api& api, const ReadOptions& options) {
    if (!options.consistent) co_return true;
    if (!api.catalog.connected()) co_return false;
    std::function<coord::Task<bool>()> work = [&backend = api.backend]() -> coord::Task<bool> {
        const auto caught_up = co_await catch_up(backend);
        co_return caught_up.has_value();
    };
    const auto done = co_await api.agent.run<bool>(std::move(work), agent_patience);
    co_return done.value_or(false);
}

std::uint64_t newest_of(const Api& api, const Query& query) {
    return query.key.starts_with("kv") ? api.kv.index() : api.catalog.index();
}

bool synced_for(const Api& api, const Query& query) {
    return query.key.starts_with("kv") ? api.kv.synced() : api.catalog.synced();
}

}  // namespace

std::variant<ReadOptions, Response> parse_read_options(const Request& request,
                                                       std::string_view datacenter) {
    ReadOptions options;
    const auto dc = request.query("dc");
    if (!dc.empty() && dc != datacenter) return plain(500, "No path to datacenter");
    if (const auto scope = foreign_scope(request); !scope.empty()) {
        return plain(400,
                     "Invalid query parameter: \"" + std::string(scope) +
                         "\" is not supported by this agent");
    }
    const auto index = request.query("index");
    if (!index.empty() && !parse_number(index, options.index)) return plain(400, "Invalid index");
    if (const auto wait = request.query("wait"); !wait.empty()) {
        const auto duration = agent::parse_duration(wait);
        if (!duration) return plain(400, "Invalid wait time");
        if (duration->count() > 0) options.wait = std::min(*duration, wait_max);
    }
    options.consistent = request.has("consistent");
    options.cached = request.has("cached");
    if (options.consistent && (request.has("stale") || request.has("max_stale"))) {
        return plain(400, "Cannot specify ?stale with ?consistent, conflicting semantics.");
    }
    if (options.consistent && options.cached) {
        return plain(400, "Cannot specify ?cached with ?consistent, conflicting semantics.");
    }
    const auto max_stale = request.query("max_stale");
    if (!max_stale.empty() && !agent::parse_duration(max_stale)) {
        return plain(400, "Invalid max_stale value \"" + std::string(max_stale) + "\"");
    }
    if (options.cached && !is_cache_control(request.find_header("Cache-Control"))) {
        return plain(400, "Invalid Cache-Control header");
    }
    options.near = request.query("near");
    for (const auto& pair : request.all("node-meta")) {
        const auto colon = std::min(pair.find(':'), pair.size());
        options.node_meta.emplace_back(pair.substr(0, colon),
                                       pair.substr(std::min(colon + 1, pair.size())));
    }
    return options;
}

std::uint64_t fingerprint(const Response& response) {
    const auto hash = std::hash<std::string_view>{}(response.body);
    return hash ^ (static_cast<std::uint64_t>(response.status) * 0x9e3779b97f4a7c15U);
}

coord::Task<Response> read(Api& api, const Request& request, ReadOptions options, Query query) {
    if (!co_await verified(api, options)) co_return plain(500, "No cluster leader");
    if (!synced_for(api, query)) {
        co_return plain(500, "No cluster leader: this agent has not read the catalog yet");
    }
    const auto name = name_of(request);
    auto answer = query.evaluate();
    const auto seen = api.queries.settle(name, answer, newest_of(api, query));
    // An index that is higher than any of ours comes from before a restore, or from another agent.
    if (options.index >= answer.index && options.index <= newest_of(api, query)) {
        if (api.queries.full()) {
            api.queries.refused();
            co_return plain(429, "Too many blocking queries are waiting on this agent");
        }
        answer = {};  // A parked query must be small: the result is made again when time is up.
        const auto patience = api.queries.jittered(options.wait);
        BlockingQueries::Parking parking{name, query, seen, patience, request.on_hangup};
        const auto changed = co_await api.queries.park(std::move(parking));
        if (changed && !options.consistent) {
            answer = *changed;
        } else {
            if (!co_await verified(api, options)) co_return plain(500, "No cluster leader");
            answer = query.evaluate();
            const auto newest = newest_of(api, query);
            const auto now = api.queries.settle(name, answer, newest);
            if (now == seen && options.index <= newest) {
                answer.index = std::max(answer.index, options.index);
            }
        }
    }
    add_read_headers(api, options, answer);
    co_return std::move(answer.response);
}

struct BlockingQueries::Parked {
    Parked(boost::asio::io_context& io, Parking what)
        : parking(std::move(what)), timer(io, parking.patience) {}

    Parking parking;
    boost::asio::steady_timer timer;
    std::shared_ptr<const Answer> changed;
    bool over = false;
};

// Enters a parked query under its key, and takes it out again however its coroutine ends.
class BlockingQueries::Place {
public:
    Place(BlockingQueries& queries, Parked& parked) : queries_(queries), parked_(parked) {
        queries_.parked_[key()].insert(&parked_);
        queries_.waiting_.add();
        if (key().starts_with(kv_prefix_word)) ++queries_.kv_prefixes_;
    }
    ~Place() {
        const auto entry = queries_.parked_.find(key());
        entry->second.erase(&parked_);
        if (entry->second.empty()) queries_.parked_.erase(entry);
        queries_.done_.add();
        if (key().starts_with(kv_prefix_word)) --queries_.kv_prefixes_;
    }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

private:
    [[nodiscard]] const std::string& key() const { return parked_.parking.query.key; }

    BlockingQueries& queries_;
    Parked& parked_;
};

BlockingQueries::BlockingQueries(boost::asio::io_context& io, std::size_t waiting_max)
    : io_(io), waiting_max_(waiting_max), random_(std::random_device{}()) {}

BlockingQueries::Seen* BlockingQueries::find_seen(const std::string& name) {
    if (const auto found = recent_.find(name); found != recent_.end()) return &found->second;
    if (recent_.size() >= history_max) {
        older_ = std::move(recent_);
        recent_.clear();
    }
    const auto found = older_.find(name);
    if (found == older_.end()) return nullptr;
    return &recent_.insert(older_.extract(found)).position->second;
}

std::uint64_t
BlockingQueries::settle(const std::string& name, Answer& answer, std::uint64_t newest) {
    const auto print = fingerprint(answer.response);
    auto* seen = find_seen(name);
    if (seen == nullptr) {
        recent_[name] = {print, answer.index};
    } else if (seen->fingerprint == print) {
        answer.index = seen->index;
    } else {
        if (answer.index <= seen->index) answer.index = std::max(newest, seen->index + 1);
        *seen = {print, answer.index};
    }
    return print;
}

std::chrono::milliseconds BlockingQueries::jittered(std::chrono::milliseconds wait) {
    std::uniform_int_distribution<std::int64_t> jitter(0, wait.count() / 16);
    return wait + std::chrono::milliseconds(jitter(random_));
}

coord::Task<std::shared_ptr<const Answer>> BlockingQueries::park(Parking parking) {
    Parked parked(io_, std::move(parking));
    const Place place(*this, parked);
    if (parked.parking.on_hangup) {
        parked.parking.on_hangup([&timer = parked.timer] { timer.cancel(); });
    }
    co_await parked.timer.async_wait(coord::use_tuple);
    if (parked.parking.on_hangup) parked.parking.on_hangup(nullptr);
    co_return std::move(parked.changed);
}

coord::Task<bool>
BlockingQueries::park_until_touched(std::string key,
                                    std::chrono::milliseconds patience,
                                    std::function<void(std::function<void()>)> on_hangup) {
    Parking parking;
    parking.query.key = std::move(key);
    parking.patience = patience;
    bool open = true;
    if (on_hangup) {
        parking.on_hangup = [&open, &on_hangup](std::function<void()> gone) {
            if (!gone) return on_hangup(nullptr);
            on_hangup([&open, gone = std::move(gone)] {
                open = false;
                gone();
            });
        };
    }
    co_await park(std::move(parking));
    co_return open;
}

void BlockingQueries::look_again(Parked& parked, std::uint64_t newest, Memo& memo) {
    if (parked.over) return;
    auto& [name, query, print, patience, on_hangup] = parked.parking;
    if (query.evaluate) {
        auto& answer = memo[name];
        if (!answer) {
            auto fresh = std::make_shared<Answer>(query.evaluate());
            fresh->index = std::max(fresh->index, newest);
            settle(name, *fresh, newest);
            answer = std::move(fresh);
        }
        if (fingerprint(answer->response) == print) {
            spared_.add();
            return;
        }
        parked.changed = answer;
    }
    parked.over = true;
    woken_.add();
    parked.timer.cancel();
}

void BlockingQueries::touch(const std::string& key, std::uint64_t newest, Memo& memo) {
    const auto entry = parked_.find(key);
    if (entry == parked_.end()) return;
    for (auto* parked : entry->second) look_again(*parked, newest, memo);
}

void BlockingQueries::touch(const std::vector<std::string>& keys, std::uint64_t newest) {
    Memo memo;
    for (const auto& key : keys) touch(key, newest, memo);
}

void BlockingQueries::touch_kv(const std::vector<std::string>& keys, std::uint64_t newest) {
    Memo memo;
    std::unordered_set<std::string> prefixes;
    for (const auto& key : keys) {
        touch(kv_key(key), newest, memo);
        if (kv_prefixes_ == 0) continue;
        for (std::size_t i = 0; i <= key.size(); ++i) {
            auto prefix = kv_prefix_key(std::string_view(key).substr(0, i));
            if (parked_.contains(prefix)) prefixes.insert(std::move(prefix));
        }
    }
    for (const auto& prefix : prefixes) touch(prefix, newest, memo);
}

void BlockingQueries::wake_all() {
    recent_.clear();
    older_.clear();
    for (auto& [key, waiting] : parked_) {
        for (auto* parked : waiting) {
            parked->over = true;
            parked->timer.cancel();
        }
    }
}

std::vector<coord::Metric> BlockingQueries::metrics() const {
    const auto counter = [](std::string name, std::string help, double value) {
        return coord::Metric{
            coord::MetricKind::counter, std::move(name), std::move(help), value, {}};
    };
    const auto number = [](const coord::Counter& c) { return static_cast<double>(c.value()); };
    return {
        {coord::MetricKind::gauge,
         "roster_http_waiting_queries",
         "Blocking queries parked now.",
         number(waiting_) - number(done_),
         {}},
        counter("roster_http_waiting_woken_total",
                "Blocking queries answered because their result changed.",
                number(woken_)),
        counter("roster_http_waiting_spared_total",
                "Blocking queries looked at whose filtered result had not changed.",
                number(spared_)),
        counter("roster_http_waiting_refused_total",
                "Blocking queries refused: too many were waiting.",
                number(refused_)),
    };
}

}  // namespace http
