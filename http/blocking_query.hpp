#pragma once
// Consul's blocking queries: answer now, or park until this query's own result changed.
//
// Fed by:  handlers, each with a Query; publications, as touched keys.
// Read by: handlers, who get the finished reply with the headers of a read.
// Thread:  http. The counters may be read from any thread.
// Holds:   a parked query is looked at only when its key was touched, and woken only when the
//          fingerprint of its filtered result differs. The index of a result is the newest zxid of
//          its scope when the result was first seen so: never 0, never back, unless the
//          ensemble was restored. A parked query keeps no body, only its fingerprint.
// Fails:   429 above waiting_max; 400 for bad parameters; 500 before the first sync.

#include "coord/base/async.hpp"
#include "coord/base/metrics.hpp"
#include "http/message.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

namespace http {

struct Api;

// The parameters of a read, as every endpoint takes them.
struct ReadOptions {
    std::uint64_t index = 0;                  // 0: answer at once
    std::chrono::milliseconds wait{300'000};  // clamped to 10 minutes
    bool consistent = false;
    bool cached = false;
    std::string near;
    std::vector<std::pair<std::string, std::string>> node_meta;
};

// A Response is the refusal. `datacenter` is our own.
std::variant<ReadOptions, Response> parse_read_options(const Request& request,
                                                       std::string_view datacenter);

struct Answer {
    std::uint64_t index = 1;  // newest zxid that touched the scope of the query
    Response response;
};

struct Query {
    std::string key;  // what it waits for: one of those in catalog_view.hpp
    // The result now. Runs on the http thread, again at each touch of the key.
    std::function<Answer()> evaluate;
};

// A read of catalog, health or kv, with its headers; blocks when the request asks for it.
coord::Task<Response> read(Api& api, const Request& request, ReadOptions options, Query query);

class BlockingQueries {
public:
    BlockingQueries(boost::asio::io_context& io, std::size_t waiting_max);

    // Sets answer.index to the index of this result: that of the same result when it was seen
    // before, else the newest that is known of its scope. `name` tells queries apart.
    std::uint64_t settle(const std::string& name, Answer& answer, std::uint64_t newest);

    struct Parking {
        std::string name;
        Query query;
        std::uint64_t fingerprint = 0;  // of the result that the client has
        std::chrono::milliseconds patience{};
        std::function<void(std::function<void()>)> on_hangup;
    };
    // The changed result; none when time ran out or the client hung up.
    coord::Task<std::shared_ptr<const Answer>> park(Parking parking);
    // Until the key is touched at all, or patience ends; false when the client hung up.
    coord::Task<bool> park_until_touched(std::string key,
                                         std::chrono::milliseconds patience,
                                         std::function<void(std::function<void()>)> on_hangup);

    void touch(const std::vector<std::string>& keys, std::uint64_t newest);
    // The keys that changed in the key-value store: wakes those of each key and of its prefixes.
    void touch_kv(const std::vector<std::string>& keys, std::uint64_t newest);
    void wake_all();  // after a restore, or to stop

    [[nodiscard]] bool full() const { return waiting_.value() - done_.value() >= waiting_max_; }
    [[nodiscard]] std::chrono::milliseconds jittered(std::chrono::milliseconds wait);
    void refused() { refused_.add(); }
    [[nodiscard]] std::vector<coord::Metric> metrics() const;

private:
    struct Parked;
    class Place;
    struct Seen {
        std::uint64_t fingerprint = 0;
        std::uint64_t index = 0;
    };
    using Memo = std::unordered_map<std::string, std::shared_ptr<const Answer>>;
    using History = std::unordered_map<std::string, Seen>;

    void touch(const std::string& key, std::uint64_t newest, Memo& memo);
    void look_again(Parked& parked, std::uint64_t newest, Memo& memo);
    Seen* find_seen(const std::string& name);

    boost::asio::io_context& io_;
    std::size_t waiting_max_;
    std::unordered_map<std::string, std::unordered_set<Parked*>> parked_;
    std::size_t kv_prefixes_ = 0;  // parked on a prefix of keys
    // Two generations, so that forgetting is cheap: a result that is asked for moves to the first.
    History recent_;
    History older_;
    std::minstd_rand random_;
    coord::Counter waiting_;  // parked ever
    coord::Counter done_;     // and no more
    coord::Counter woken_;
    coord::Counter spared_;  // touched, but the filtered result was the same
    coord::Counter refused_;
};

std::uint64_t fingerprint(const Response& response);

}  // namespace http
