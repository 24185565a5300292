#include "dns/updater.hpp"

#include "agent/within.hpp"
#include "coord/base/log.hpp"
#include "dns/answer.hpp"
#include "dns/update_transaction.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace dns {

namespace {

constexpr int attempts_max = 20;  // against others who update at the same time
constexpr std::uint16_t edns_bytes = 1232;

spdlog::logger& log() { return coord::logger("dns.update"); }

using Bytes = std::vector<std::uint8_t>;

struct Named {
    Rcode rcode;
    std::string_view name;
};
constexpr std::array rcodes{Named{Rcode::no_error, "NOERROR"},
                            Named{Rcode::format_error, "FORMERR"},
                            Named{Rcode::server_failure, "SERVFAIL"},
                            Named{Rcode::name_error, "NXDOMAIN"},
                            Named{Rcode::refused, "REFUSED"},
                            Named{Rcode::name_exists, "YXDOMAIN"},
                            Named{Rcode::rrset_exists, "YXRRSET"},
                            Named{Rcode::rrset_missing, "NXRRSET"},
                            Named{Rcode::not_auth, "NOTAUTH"},
                            Named{Rcode::not_zone, "NOTZONE"},
                            Named{Rcode::bad_version, "BADVERS"}};

std::string_view name_of(Rcode rcode) {
    const auto* found = std::find_if(
        rcodes.begin(), rcodes.end(), [&](const Named& one) { return one.rcode == rcode; });
    return found->name;
}

struct Judgement {
    Rcode rcode = Rcode::no_error;
    std::optional<UpdateLease> lease = {};  // granted
};

// RFC 2136 §3.8: the header, and the zone if it could be read.
Bytes reply_to(Octets request, const Message* message, const Judgement& judgement) {
    Bytes reply(request.begin(), request.begin() + header_bytes);
    reply[2] = 0x80U | opcode_update << 3U;
    const auto rcode = static_cast<std::uint32_t>(judgement.rcode);
    reply[3] = rcode & 0x0FU;
    std::fill(reply.begin() + 4, reply.end(), std::uint8_t{0});
    if (message == nullptr) return reply;
    append(reply, request.subspan(header_bytes, message->questions_end - header_bytes));
    reply[4] = request[4];
    reply[5] = request[5];
    if (!message->opt) return reply;
    reply.push_back(0);
    append_u16(reply, rr::opt);
    append_u16(reply, edns_bytes);
    append_u32(reply, rcode >> 4U << 24U);
    Bytes options;
    if (judgement.lease) append_update_lease(options, *judgement.lease);
    append_u16(reply, static_cast<std::uint16_t>(options.size()));
    append(reply, options);
    reply[11] = 1;
    return reply;
}

}  // namespace

struct Updater::State : std::enable_shared_from_this<State> {
    State(boost::asio::io_context& with,
          agent::DynamicEntries& of_agent,
          const Grammar& of_zone,
          UpdaterOptions how,
          std::function<bool(const Labels& key)> is_static,
          LookUp looking_up)
        : io(with),
          entries(of_agent),
          options(std::move(how)),
          keys(make_keys(options.keys)),
          policy(options.rules, keys),
          reader(of_zone, std::move(is_static)),
          zone(of_zone),
          look_up(std::move(looking_up)) {}

    static TsigKeyring make_keys(const std::vector<agent::DnsKeyConfig>& configured) {
        std::vector<TsigKey> made;
        for (const auto& key : configured) made.push_back(make_key(key));
        return TsigKeyring(std::move(made));
    }

    void enqueue(UpdateMessage message);
    coord::Task<void> run();
    coord::Task<void> answer(UpdateMessage message);
    coord::Task<Judgement> judge(const Message& message, const TsigVerdict& verdict);
    coord::Task<Rcode> carry_out(UpdateRequest request, const TsigKey& key);
    coord::Task<Rcode> attempt(const UpdateRequest& request, const TsigKey& key, bool& again);
    [[nodiscard]] ZoneState state_of(const UpdateRequest& request,
                                     const agent::DynamicView& view,
                                     const TsigKey& key) const;
    [[nodiscard]] agent::DynamicChange change_of(const ZoneState& state,
                                                 const agent::DynamicView& view) const;
    [[nodiscard]] const Bytes* find_reply(const std::string& signature);
    void remember(const std::string& signature, std::int64_t until_ms, const Bytes& reply);
    void finish(const UpdateMessage& message, Rcode rcode, Bytes reply);

    boost::asio::io_context& io;
    agent::DynamicEntries& entries;
    UpdaterOptions options;
    TsigKeyring keys;
    UpdatePolicy policy;
    UpdateReader reader;
    UpdateZone zone;
    LookUp look_up;
    std::deque<UpdateMessage> queue;
    bool running = false;
    bool stopped = false;
    std::atomic<std::size_t> waiting = 0;  // also those on their way into the queue

    struct Remembered {
        std::int64_t until_ms = 0;
        Bytes reply;
    };
    std::map<std::string, Remembered> replies;            // by signature
    std::set<std::pair<std::int64_t, std::string>> ages;  // the same, by the end of their time

    std::array<coord::Counter, rcodes.size()> answered;
    coord::Counter full;
    coord::Counter retries;
    coord::Counter replays;
    coord::Counter forgotten;
};

void Updater::State::enqueue(UpdateMessage message) {
    if (stopped) return;
    queue.push_back(std::move(message));
    if (std::exchange(running, true)) return;
    coord::spawn(io, "dns update", [state = shared_from_this()]() -> coord::Task<void> {
        co_await state->run();
    });
}

coord::Task<void> Updater::State::run() {
    while (!queue.empty() && !stopped) {
        auto message = std::move(queue.front());
        queue.pop_front();
        co_await answer(std::move(message));
        --waiting;
    }
    running = false;
}

coord::Task<void> Updater::State::answer(UpdateMessage message) {
    const Octets octets(message.octets);
    const auto parsed = parse_message(octets);
    if (!parsed) {
        auto reply = reply_to(octets, nullptr, {Rcode::format_error});
        finish(message, Rcode::format_error, std::move(reply));
        co_return;
    }
    TsigVerdict verdict;
    if (parsed->tsig) {
        const auto now = static_cast<std::uint64_t>(options.clock_ms() / 1000);
        verdict = verify(octets, *parsed, keys, now);
    }
    const bool is_signed = parsed->tsig && verdict.rcode != Rcode::format_error;
    const auto signature = verdict.record.key + verdict.record.mac;
    const bool is_good = is_signed && verdict.rcode == Rcode::no_error;
    const auto* known = is_good ? find_reply(signature) : nullptr;
    if (known != nullptr) {
        replays.add();
        if (!stopped) message.reply(*known);
        co_return;
    }
    Judgement judgement{verdict.rcode};
    if (verdict.rcode == Rcode::no_error) judgement = co_await judge(*parsed, verdict);
    const auto rcode = judgement.rcode;
    auto reply = reply_to(octets, &*parsed, judgement);
    if (is_signed) {
        TsigSigner(verdict).sign(reply, static_cast<std::uint64_t>(options.clock_ms() / 1000));
    }
    // What has failed may be tried again.
    if (is_good && rcode != Rcode::server_failure) {
        const auto end = verdict.record.signed_at + verdict.record.fudge + 1;
        remember(signature, static_cast<std::int64_t>(end) * 1000, reply);
    }
    finish(message, rcode, std::move(reply));
}

void Updater::State::finish(const UpdateMessage& message, Rcode rcode, Bytes reply) {
    const auto* found = std::find_if(
        rcodes.begin(), rcodes.end(), [&](const Named& one) { return one.rcode == rcode; });
    answered[static_cast<std::size_t>(found - rcodes.begin())].add();
    if (!stopped) message.reply(std::move(reply));
}

// RFC 6891 §6.1.3: the version; then RFC 2136 §3: the zone, whether anything may be changed at all,
// all else.
coord::Task<Judgement> Updater::State::judge(const Message& message, const TsigVerdict& verdict) {
    if (message.opt && (message.opt->ttl >> 16U & 0xFFU) != 0) {
        co_return Judgement{Rcode::bad_version};
    }
    const auto in_zone = reader.check_zone(message);
    if (in_zone != Rcode::no_error) co_return Judgement{in_zone};
    if (!message.tsig) co_return Judgement{Rcode::refused};
    UpdateRequest request;
    const auto read = reader.read(message, request);
    if (read != Rcode::no_error) co_return Judgement{read};
    if (request.lease) request.lease = grant(*request.lease, request.updates, *verdict.key, policy);
    const auto lease = request.lease;
    const auto done = co_await agent::within(
        io, options.patience, "dns update", carry_out(std::move(request), *verdict.key));
    const auto rcode = done.value_or(Rcode::server_failure);
    log().info("update key={} prerequisites={} updates={} rcode={}",
               format_name(octets(verdict.key->name)),
               message.section(MessageSection::answer).size(),
               message.section(MessageSection::authority).size(),
               name_of(rcode));
    // RFC 9664 §4.3: what is granted is told when it was done.
    co_return Judgement{rcode, rcode == Rcode::no_error ? lease : std::nullopt};
}

coord::Task<Rcode> Updater::State::carry_out(UpdateRequest request, const TsigKey& key) {
    const auto alive = shared_from_this();
    for (int i = 0; i < attempts_max && !stopped; ++i) {
        bool again = false;
        const auto rcode = co_await attempt(request, key, again);
        if (!again) co_return rcode;
        retries.add();
        const auto synced = co_await entries.sync();
        if (!synced) break;
    }
    co_return Rcode::server_failure;
}

// Reads, decides, and writes unless another has written meanwhile.
coord::Task<Rcode>
Updater::State::attempt(const UpdateRequest& request, const TsigKey& key, bool& again) {
    agent::DynamicWanted wanted;
    std::set<UpdateTarget> targets;
    for (const auto* section : {&request.prerequisites, &request.updates}) {
        for (const auto& entry : *section) targets.insert(entry.target);
    }
    for (const auto& target : targets) {
        if (target.kind == UpdateTarget::Kind::service) wanted.services.push_back(target.name);
        if (target.kind == UpdateTarget::Kind::name) wanted.names.push_back(target.name);
    }
    auto view = co_await entries.read(std::move(wanted));
    if (!view) co_return Rcode::server_failure;
    auto state = state_of(request, *view, key);
    UpdateTransaction transaction(zone, state, options.clock_ms());
    auto rcode = transaction.check(request.prerequisites);
    if (rcode == Rcode::no_error) {
        rcode = transaction.apply(request.updates, key, policy, request.lease);
    }
    if (rcode != Rcode::no_error) co_return rcode;
    auto change = change_of(state, *view);
    if (change.empty()) co_return Rcode::no_error;
    if (!change.names.empty() && entries.is_full()) co_return Rcode::refused;
    const auto committed = co_await entries.commit(std::move(*view), std::move(change));
    if (committed) co_return Rcode::no_error;
    again = agent::is_conflict(committed.error());
    if (!again) log().warn("update not committed why=\"{}\"", committed.error().message());
    co_return Rcode::server_failure;
}

ZoneState Updater::State::state_of(const UpdateRequest& request,
                                   const agent::DynamicView& view,
                                   const TsigKey& key) const {
    ZoneState state;
    const auto records_of = [&](const UpdateTarget& target) -> ZoneRecords {
        if (target.kind == UpdateTarget::Kind::service) {
            const auto* rule = policy.find(key, target.name + ".service");
            const auto found = view.services.find(target.name);
            if (found == view.services.end()) return {};
            return zone.to_records(found->second, rule != nullptr && rule->may_remove_registered);
        }
        const auto found = view.names.find(target.name);
        return found == view.names.end() ? ZoneRecords()
                                         : UpdateZone::to_records(found->second.name);
    };
    for (const auto* section : {&request.prerequisites, &request.updates}) {
        for (const auto& [target, record] : *section) {
            if (target.kind != UpdateTarget::Kind::other) {
                if (!state.contains(target)) state.emplace(target, records_of(target));
                continue;
            }
            auto found = look_up(target.whole, record.type);
            auto& records = state[target];
            records.insert(records.end(), found.begin(), found.end());
        }
    }
    return state;
}

agent::DynamicChange Updater::State::change_of(const ZoneState& state,
                                               const agent::DynamicView& view) const {
    agent::DynamicChange change;
    for (const auto& [target, records] : state) {
        if (target.kind == UpdateTarget::Kind::service) {
            zone.add_service_change(target.name, records, view, options.clock_ms(), change);
        } else if (target.kind == UpdateTarget::Kind::name) {
            UpdateZone::add_name_change(target.name, records, view, change);
        }
    }
    return change;
}

const Bytes* Updater::State::find_reply(const std::string& signature) {
    const auto now = options.clock_ms();
    while (!ages.empty() && ages.begin()->first < now) {
        replies.erase(ages.begin()->second);
        ages.erase(ages.begin());
    }
    const auto found = replies.find(signature);
    return found == replies.end() ? nullptr : &found->second.reply;
}

void Updater::State::remember(const std::string& signature,
                              std::int64_t until_ms,
                              const Bytes& reply) {
    while (replies.size() >= options.remembered_max) {
        forgotten.add();
        replies.erase(ages.begin()->second);
        ages.erase(ages.begin());
    }
    if (replies.try_emplace(signature, Remembered{until_ms, reply}).second) {
        ages.emplace(until_ms, signature);
    }
}

Updater::Updater(boost::asio::io_context& io,
                 agent::DynamicEntries& entries,
                 const Grammar& grammar,
                 UpdaterOptions options,
                 std::function<bool(const Labels& key)> is_static,
                 LookUp look_up)
    : state_(std::make_shared<State>(
          io, entries, grammar, std::move(options), std::move(is_static), std::move(look_up))) {}

Updater::~Updater() { stop(); }

void Updater::stop() { state_->stopped = true; }

std::optional<Rcode> Updater::take(UpdateMessage message) {
    auto& s = *state_;
    const bool is_allowed =
        message.client.is_loopback() || contains(s.options.allow, message.client);
    if (!is_allowed || s.policy.empty()) return Rcode::refused;
    if (s.waiting.fetch_add(1) >= s.options.waiting_max) {
        --s.waiting;
        s.full.add();
        return Rcode::server_failure;
    }
    boost::asio::post(s.io, [state = state_, message = std::move(message)]() mutable {
        state->enqueue(std::move(message));
    });
    return std::nullopt;
}

std::vector<coord::Metric> Updater::metrics() const {
    using enum coord::MetricKind;
    const auto& s = *state_;
    const auto number = [](const auto& value) { return static_cast<double>(value); };
    std::vector<coord::Metric> metrics;
    for (std::size_t i = 0; i < rcodes.size(); ++i) {
        metrics.push_back({counter,
                           "roster_dns_updates_total",
                           "Updates answered, by rcode.",
                           number(s.answered[i].value()),
                           {{"rcode", std::string(rcodes[i].name)}}});
    }
    const auto count = [&](const char* name, const char* help, const coord::Counter& counted) {
        metrics.push_back({counter, name, help, number(counted.value())});
    };
    count("roster_dns_updates_full_total",
          "Updates answered with SERVFAIL because too many were waiting.",
          s.full);
    count("roster_dns_update_retries_total",
          "Updates decided again because another was committed first.",
          s.retries);
    count("roster_dns_update_replays_total",
          "Updates that came again and got the reply that they had.",
          s.replays);
    count("roster_dns_update_replays_forgotten_total",
          "Replies that were forgotten before their time, for want of room.",
          s.forgotten);
    metrics.push_back({gauge,
                       "roster_dns_updates_waiting",
                       "Updates that are waiting for their turn.",
                       number(s.waiting.load())});
    return metrics;
}

}  // namespace dns
