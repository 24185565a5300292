#include "dns/forwarder.hpp"

#include "coord/base/log.hpp"
#include "dns/reply_draft.hpp"

#include <ares.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <exception>
#include <fstream>
#include <iterator>
#include <optional>
#include <poll.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <system_error>
#include <unordered_map>
#include <utility>

namespace dns {

namespace {

constexpr std::size_t queries_per_turn = 64;  // of each queue, before sockets are looked at again
constexpr std::size_t events_max = 64;
constexpr std::size_t datagrams_per_turn = 16;  // of one socket
constexpr int restart_pause_ms = 100;
constexpr std::size_t message_bytes_max = 65'535;

spdlog::logger& log() {
    static auto& logger = coord::logger("dns.forward");
    return logger;
}

// Numbers nobody can guess, drawn by the page.
class Secrets {
public:
    std::uint64_t next() {
        if (used_ == numbers_.size()) {
            if (::getrandom(numbers_.data(), sizeof numbers_, 0) != sizeof numbers_) {
                throw std::system_error(errno, std::generic_category(), "getrandom");
            }
            used_ = 0;
        }
        return numbers_[used_++];
    }

private:
    std::array<std::uint64_t, 32> numbers_{};  // up to 256 octets come whole
    std::size_t used_ = numbers_.size();
};

std::string read_whole(const char* path) {
    std::ifstream in(path);
    return {std::istreambuf_iterator<char>(in), {}};
}

struct Outcome {
    InquiryTable::AttemptId attempt = 0;
    bool replied = false;
    std::vector<std::uint8_t> message;
};

// What c-ares tells us while it is called, to be looked at when it is not.
struct Desk {
    int epoll = -1;
    std::vector<Outcome> outcomes;
    std::unordered_map<int, InquiryTable::AttemptId> attempts;  // by socket
    std::vector<std::uint8_t> datagram = std::vector<std::uint8_t>(message_bytes_max);
};

// One message to one server, and the channel that is made for it. Version 1.18 has pitfalls, which
// this avoids: a channel keeps one port for all its queries, sends the ID it is given, forgets EDNS
// for all after one FORMERR, and mixes up queries that share a TCP connection. From 1.28 on the ID
// is c-ares' own, as hard to guess, and replies over TCP are written anew from what it parsed.
class Call {
public:
    Call(Desk& desk, InquiryTable::AttemptId attempt) : desk_(desk), attempt_(attempt) {}
    ~Call() {
        over_ = true;
        if (channel_ != nullptr) ares_destroy(channel_);
    }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    void
    send(const ServerAddress& server, bool tcp, std::chrono::milliseconds timeout, Octets message) {
        query_.assign(message.begin(), message.end());
        asked_id_ = read_u16(message, 0);
        is_tcp_ = tcp;
        if (!open(server, timeout)) return finish({attempt_, false, {}});
        write_u16(query_.data(), post(message));
    }
    void process(int socket, std::uint32_t events) {
        // An error of the socket is told once, and has to be told to c-ares.
        const bool failed = (events & (EPOLLERR | EPOLLHUP)) != 0;
        if (!failed && !is_tcp_ && (events & EPOLLIN) != 0) return take_datagrams(socket);
        const bool readable = failed || (events & EPOLLIN) != 0;
        const bool writable = failed || (events & EPOLLOUT) != 0;
        ares_process_fd(
            channel_, readable ? socket : ARES_SOCKET_BAD, writable ? socket : ARES_SOCKET_BAD);
    }

private:
    // With every option given, nothing is read from /etc/resolv.conf, which may name ourselves.
    bool open(const ServerAddress& server, std::chrono::milliseconds timeout) {
        ares_options options{};
        std::string lookups = "b";
        std::string nowhere = "/dev/null";
        options.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH |
                        (is_tcp_ ? ARES_FLAG_USEVC : ARES_FLAG_IGNTC);
        // It is we who watch the time: c-ares is to be more patient than that.
        options.timeout = static_cast<int>(timeout.count()) * (1 + late_timeouts) + 1000;
        options.tries = 1;
        options.ndots = 1;
        options.lookups = lookups.data();
        options.resolvconf_path = nowhere.data();
        options.sock_state_cb = &Call::on_socket;
        options.sock_state_cb_data = this;
        const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_NDOTS |
                         ARES_OPT_LOOKUPS | ARES_OPT_RESOLVCONF | ARES_OPT_DOMAINS |
                         ARES_OPT_SOCK_STATE_CB;
        if (ares_init_options(&channel_, &options, mask) != ARES_SUCCESS) {
            channel_ = nullptr;
            return false;
        }
        return ares_set_servers_ports_csv(channel_, format(server).c_str()) == ARES_SUCCESS;
    }

    // Datagrams are not left to c-ares: it passes over every reply that does not repeat the question,
    // and from 1.28 on gives up at the first that it cannot read, whoever sent it. (Over TCP as well;
    // but whom we ask there has answered over UDP before.)
    void take_datagrams(int socket) {
        for (std::size_t i = 0; i < datagrams_per_turn && !over_; ++i) {
            const auto n =
                ::recv(socket, desk_.datagram.data(), desk_.datagram.size(), MSG_DONTWAIT);
            if (n < 0 && errno != EAGAIN && errno != EINTR) finish({attempt_, false, {}});
            if (n < 0) return;
            const auto message = Octets(desk_.datagram).first(static_cast<std::size_t>(n));
            const auto id = read_u16(query_, 0);
            if (is_bare_error(message, id) || is_reply_to(query_, message)) finish(message);
        }
    }

    void finish(Outcome outcome) {
        if (std::exchange(over_, true)) return;
        desk_.outcomes.push_back(std::move(outcome));
    }
    // With the ID that was asked with, whatever was sent; there is a header.
    void finish(Octets reply) {
        Outcome outcome{attempt_, true, {reply.begin(), reply.end()}};
        write_u16(outcome.message.data(), asked_id_);
        finish(std::move(outcome));
    }

#if ARES_VERSION >= 0x011C00  // 1.28
    // With which ID.
    std::uint16_t post(Octets message) {
        std::uint16_t id = asked_id_;
        ares_dns_record_t* record = nullptr;
        if (ares_dns_parse(message.data(), message.size(), 0, &record) != ARES_SUCCESS) {
            finish({attempt_, false, {}});
            return id;
        }
        ares_send_dnsrec(channel_, record, &Call::on_reply, this, &id);
        ares_dns_record_destroy(record);
        return id;
    }

    static void on_reply(void* self,
                         ares_status_t status,
                         std::size_t /*timeouts*/,
                         const ares_dns_record_t* record) {
        auto& call = *static_cast<Call*>(self);
        unsigned char* bytes = nullptr;
        std::size_t count = 0;
        if (status != ARES_SUCCESS || ares_dns_write(record, &bytes, &count) != ARES_SUCCESS) {
            return call.finish({call.attempt_, false, {}});
        }
        call.finish(Octets(bytes, count));
        ares_free_string(bytes);
    }
#else
    // With which ID.
    std::uint16_t post(Octets message) {
        ares_send(
            channel_, message.data(), static_cast<int>(message.size()), &Call::on_reply, this);
        return asked_id_;
    }

    static void
    on_reply(void* self, int status, int /*timeouts*/, unsigned char* bytes, int count) {
        auto& call = *static_cast<Call*>(self);
        if (status != ARES_SUCCESS || bytes == nullptr) {
            return call.finish({call.attempt_, false, {}});
        }
        call.finish(Octets(bytes, static_cast<std::size_t>(count)));
    }
#endif

    static void on_socket(void* self, ares_socket_t socket, int readable, int writable) {
        auto& call = *static_cast<Call*>(self);
        auto& desk = call.desk_;
        epoll_event event{};
        event.events = (readable != 0 ? EPOLLIN : 0U) | (writable != 0 ? EPOLLOUT : 0U);
        event.data.fd = socket;
        if (event.events == 0) {
            if (desk.attempts.erase(socket) > 0) {
                ::epoll_ctl(desk.epoll, EPOLL_CTL_DEL, socket, nullptr);
            }
            return;
        }
        const bool is_new = desk.attempts.emplace(socket, call.attempt_).second;
        ::epoll_ctl(desk.epoll, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket, &event);
    }

    Desk& desk_;
    InquiryTable::AttemptId attempt_;
    std::vector<std::uint8_t> query_;  // as it was sent
    std::uint16_t asked_id_ = 0;
    bool is_tcp_ = false;
    ares_channel channel_ = nullptr;
    bool over_ = false;
};

}  // namespace

struct Forwarder::State {
    State(ForwarderOptions with, ForwardInbox& from, const Responder& answering)
        : options(std::move(with)),
          inbox(from),
          responder(answering),
          counters(options.rules.servers().size()) {}

    class Loop;

    ForwarderOptions options;
    ForwardInbox& inbox;
    const Responder& responder;
    ForwardCounters counters;
    std::array<Counters, 3> replies;  // over UDP, TCP and TLS
    coord::Counter evicted;
    coord::Counter restarts;
    std::atomic<std::size_t> entries{0};
    std::atomic<std::size_t> bytes{0};
    std::atomic<std::size_t> under_way{0};
    std::atomic<bool> stopping{false};
};

// All that a restart throws away.
class Forwarder::State::Loop {
public:
    explicit Loop(State& state)
        : state_(state),
          cache_(state.options.cache),
          table_(state.options.rules,
                 state.responder.grammar(),
                 cache_,
                 state.options.inquiries,
                 outward(),
                 state.counters) {
        desk_.epoll = ::epoll_create1(EPOLL_CLOEXEC);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = state.inbox.wake();
        if (desk_.epoll < 0 ||
            ::epoll_ctl(desk_.epoll, EPOLL_CTL_ADD, state.inbox.wake(), &event) != 0) {
            throw std::system_error(errno, std::generic_category(), "epoll");
        }
    }
    ~Loop() {
        calls_.clear();
        ::close(desk_.epoll);
    }
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    void run() {
        while (!state_.stopping.load(std::memory_order_relaxed)) turn();
    }

private:
    using Clock = std::chrono::steady_clock;

    InquiryTable::Outward outward() {
        return {.reply = [this](const auto& query, const auto& relayed) { reply(query, relayed); },
                .ask =
                    [this](auto attempt, const auto& server, bool tcp, Octets message) {
                        auto& call = calls_.try_emplace(attempt, desk_, attempt).first->second;
                        call.send(server, tcp, state_.options.inquiries.timeout, message);
                    },
                .forget = [this](auto attempt) { calls_.erase(attempt); },
                .looped =
                    [](const auto& server) {
                        log().warn("upstream leads back to this agent, and is left alone server={}",
                                   format(server));
                    },
                .random = [this] { return secrets_.next(); }};
    }

    void turn() {
        std::array<epoll_event, events_max> events;
        const bool more = take_queries();
        const int n =
            ::epoll_wait(desk_.epoll, events.data(), events.size(), more ? 0 : patience_ms());
        for (int i = 0; i < n; ++i) process(events[static_cast<std::size_t>(i)]);
        // Also what was known at once, when it was sent.
        for (auto outcomes = std::exchange(desk_.outcomes, {}); !outcomes.empty();
             outcomes = std::exchange(desk_.outcomes, {})) {
            for (const auto& outcome : outcomes) conclude(outcome);
        }
        table_.tick(Clock::now());
        for (const auto& query : std::exchange(leading_on_, {})) table_.take(query, Clock::now());
        state_.entries = cache_.entries();
        state_.bytes = cache_.bytes();
        state_.under_way = table_.under_way();
        state_.evicted.add(cache_.evicted() - std::exchange(evicted_, cache_.evicted()));
    }

    // Whether there may be more.
    bool take_queries() {
        const auto now = Clock::now();
        bool more = false;
        for (auto& queue : state_.inbox.queues()) {
            std::size_t taken = 0;
            for (; taken < queries_per_turn; ++taken) {
                const auto* query = queue.front();
                if (query == nullptr) break;
                const ForwardedQuery copy = *query;
                queue.pop();  // first: what fails on it must not meet it again
                table_.take(copy, now);
            }
            more |= taken == queries_per_turn;
        }
        return more || !desk_.outcomes.empty() || !leading_on_.empty();
    }

    [[nodiscard]] int patience_ms() const {
        const auto next = table_.next();
        if (next == Time::max()) return -1;
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
        return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
    }

    void process(const epoll_event& event) {
        if (event.data.fd == state_.inbox.wake()) {
            std::uint64_t count = 0;
            [[maybe_unused]] const auto read = ::read(event.data.fd, &count, sizeof count);
            return;
        }
        const auto attempt = desk_.attempts.find(event.data.fd);
        if (attempt == desk_.attempts.end()) return;
        const auto call = calls_.find(attempt->second);
        if (call != calls_.end()) call->second.process(event.data.fd, event.events);
    }

    void conclude(const Outcome& outcome) {
        calls_.erase(outcome.attempt);
        const auto now = Clock::now();
        if (outcome.replied) {
            table_.replied(outcome.attempt, outcome.message, now);
        } else {
            table_.unreachable(outcome.attempt, now);
        }
    }

    void reply(const ForwardedQuery& query, const Relayed& relayed) {
        const auto made = relay(query, relayed);
        if (made.forward) return;
        const auto& transport = query.source->transport();
        auto& counters = state_.replies[transport.tls ? 2 : transport.tcp ? 1 : 0];
        if (query.source->reply(query, Octets(buffer_).first(made.bytes))) {
            counters.count_response(made);
        } else {
            counters.dropped_send.add();
        }
    }

    Reply relay(const ForwardedQuery& query, const Relayed& relayed) {
        const ReadSection section;
        std::optional<ForwardedQuery> next;
        const auto made = state_.responder.relay(query, relayed, buffer_, random_, next);
        if (next) leading_on_.push_back(std::move(*next));
        return made;
    }

    State& state_;
    Secrets secrets_;
    Random random_{secrets_.next()};
    Desk desk_;
    ForwardCache cache_;
    std::unordered_map<InquiryTable::AttemptId, Call> calls_;
    InquiryTable table_;
    // Whose names lead to ours and on to others: not taken while the table is at work.
    std::vector<ForwardedQuery> leading_on_;
    std::uint64_t evicted_ = 0;
    std::array<std::uint8_t, message_bytes_max> buffer_{};
};

// The stub of systemd-resolved asks whom its links name, perhaps us: its own servers are better.
std::vector<ServerAddress> system_servers() {
    auto servers = parse_resolv_conf(read_whole("/etc/resolv.conf"));
    const auto stub = parse_ip("127.0.0.53");
    const bool is_stub = std::any_of(servers.begin(), servers.end(), [&](const auto& server) {
        return server.address == *stub;
    });
    if (!is_stub) return servers;
    auto own = parse_resolv_conf(read_whole("/run/systemd/resolve/resolv.conf"));
    return own.empty() ? servers : own;
}

Forwarder::Forwarder(ForwarderOptions options, ForwardInbox& inbox, const Responder& responder)
    : state_(std::make_unique<State>(std::move(options), inbox, responder)) {
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
        throw std::system_error(ENOMEM, std::generic_category(), "c-ares");
    }
}

Forwarder::~Forwarder() { ares_library_cleanup(); }

void Forwarder::run() {
    auto& state = *state_;
    while (!state.stopping.load(std::memory_order_relaxed)) {
        try {
            const auto loop = std::make_unique<State::Loop>(state);
            loop->run();
        } catch (const std::exception& escaped) {
            state.restarts.add();
            log().error("forwarder begins anew why=\"{}\"", escaped.what());
            ::poll(nullptr, 0, restart_pause_ms);
        }
    }
}

void Forwarder::request_stop() {
    state_->stopping.store(true, std::memory_order_relaxed);
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(state_->inbox.wake(), &one, sizeof one);
}

std::vector<Counted> Forwarder::counters() const {
    return {{"udp", state_->replies.data()},
            {"tcp", &state_->replies[1]},
            {"tls", &state_->replies[2]}};
}

std::vector<coord::Metric> Forwarder::metrics() const {
    using coord::MetricKind;
    std::vector<coord::Metric> metrics;
    const auto count = [&](const char* name, const char* help, const coord::Counter& counter) {
        metrics.push_back({MetricKind::counter, name, help, static_cast<double>(counter.value())});
    };
    const auto gauge = [&](const char* name, const char* help, std::size_t value) {
        metrics.push_back({MetricKind::gauge, name, help, static_cast<double>(value)});
    };
    const auto& all = state_->counters.inquiries;
    count(
        "roster_dns_forward_hits_total", "Queries answered from the forwarder's cache.", all.hits);
    count(
        "roster_dns_forward_misses_total", "Queries that an upstream was needed for.", all.misses);
    count("roster_dns_forward_stale_total",
          "Queries answered with what was true, because no upstream answered in time.",
          all.stale);
    count("roster_dns_forward_coalesced_total",
          "Queries that joined another with the same question.",
          all.coalesced);
    count("roster_dns_forward_prefetches_total",
          "Popular answers asked for anew before their time was over.",
          all.prefetches);
    count("roster_dns_forward_local_total",
          "Queries answered without asking: localhost, and names that mean something only here.",
          all.local);
    count("roster_dns_forward_shed_total",
          "Queries turned away because too much was under way.",
          all.shed);
    count("roster_dns_forward_crowded_total",
          "Queries turned away because too many of their client were under way.",
          all.crowded);
    count("roster_dns_forward_hidden_total",
          "Records left out: addresses of private networks, from a public server.",
          all.hidden);
    count(
        "roster_dns_forward_loops_total", "Questions of our own that came back to us.", all.loops);
    count(
        "roster_dns_forward_failures_total", "Questions that no upstream answered.", all.failures);
    count("roster_dns_forward_evicted_total",
          "Answers driven out of the forwarder's cache before their time.",
          state_->evicted);
    count("roster_dns_forward_restarts_total",
          "Times the forwarder began anew after an error of its own.",
          state_->restarts);
    gauge("roster_dns_forward_cache_entries",
          "Answers in the forwarder's cache.",
          state_->entries.load());
    gauge(
        "roster_dns_forward_cache_bytes", "Octets in the forwarder's cache.", state_->bytes.load());
    gauge("roster_dns_forward_under_way",
          "Questions that upstreams are being asked.",
          state_->under_way.load());
    const auto by_server = [&](const char* name,
                               const char* help,
                               coord::Counter UpstreamCounters::*member) {
        const auto& servers = state_->options.rules.servers();
        for (std::size_t i = 0; i < servers.size(); ++i) {
            metrics.push_back({MetricKind::counter,
                               name,
                               help,
                               static_cast<double>((state_->counters.servers[i].*member).value()),
                               {{"server", format(servers[i])}}});
        }
    };
    by_server("roster_dns_upstream_queries_total", "Queries sent.", &UpstreamCounters::queries);
    by_server("roster_dns_upstream_tcp_total", "Of them, over TCP.", &UpstreamCounters::tcp);
    by_server("roster_dns_upstream_timeouts_total",
              "Queries without a reply in time.",
              &UpstreamCounters::timeouts);
    by_server("roster_dns_upstream_errors_total",
              "Queries that found nobody.",
              &UpstreamCounters::errors);
    by_server("roster_dns_upstream_failures_total",
              "Replies with an rcode that is neither NOERROR nor NXDOMAIN.",
              &UpstreamCounters::failures);
    by_server("roster_dns_upstream_bad_total",
              "Replies that could not be read, or were not to the question.",
              &UpstreamCounters::bad);
    return metrics;
}

}  // namespace dns
