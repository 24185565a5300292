#include "dns/notifier.hpp"

#include "dns/message.hpp"
#include "dns/transfer_message.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <optional>
#include <random>
#include <utility>

namespace dns {

namespace {

namespace asio = boost::asio;
using asio::ip::udp;
using Clock = std::chrono::steady_clock;

constexpr std::size_t message_bytes_max = 1232;
constexpr std::size_t reply_bytes_max = 4096;
constexpr std::uint8_t notify_opcode = 4;

// What one secondary is to know of one zone.
struct Matter {
    std::string soa;   // the newest
    bool open = true;  // not answered yet
    std::uint16_t id = 0;
    std::string mac;  // of what was sent last
    std::chrono::milliseconds patience{0};
    Clock::time_point last{};
    Clock::time_point next{};
};

struct Secondary {
    Secondary(asio::io_context& io, const NotifyTarget& to)
        : target(to), socket(io, to.endpoint.protocol()) {
        boost::system::error_code ignored;  // The kernel says it again at the first sending.
        socket.connect(target.endpoint, ignored);
    }

    NotifyTarget target;
    udp::socket socket;
    std::map<Labels, Matter> matters;  // by apex
};

}  // namespace

struct Notifier::State {
    State(asio::io_context& with, NotifierOptions how)
        : io(with), options(std::move(how)), timer(io) {
        for (const auto& target : options.targets) {
            secondaries.push_back(std::make_unique<Secondary>(io, target));
        }
    }

    [[nodiscard]] std::uint32_t now() const {
        return options.unix_seconds ? options.unix_seconds() : 0;
    }
    void send_due(const std::shared_ptr<State>& self);
    void send(Secondary& secondary, const Labels& apex, Matter& matter);
    void take(Secondary& secondary, Octets reply);
    coord::Task<void> receive(Secondary& secondary, std::shared_ptr<State> alive);

    asio::io_context& io;
    NotifierOptions options;
    asio::steady_timer timer;
    std::vector<std::unique_ptr<Secondary>> secondaries;
    std::random_device random;  // of ids: who guesses them could keep a secondary behind
    bool receiving = false;
    bool stopped = false;
    std::atomic<std::size_t> waiting{0};
    coord::Counter sent;
    coord::Counter unsent;
    coord::Counter answered;
    coord::Counter refused;
    coord::Counter ignored;
};

// Sends what is due, and comes again when the next is.
void Notifier::State::send_due(const std::shared_ptr<State>& self) {
    if (stopped) return;
    const auto current = Clock::now();
    std::optional<Clock::time_point> next;
    for (auto& secondary : secondaries) {
        for (auto& [apex, matter] : secondary->matters) {
            if (!matter.open) continue;
            if (matter.next <= current) send(*secondary, apex, matter);
            next = next ? std::min(*next, matter.next) : matter.next;
        }
    }
    if (!next) return;
    timer.expires_at(*next);
    timer.async_wait([self](const boost::system::error_code& cancelled) {
        if (!cancelled) self->send_due(self);
    });
}

// RFC 1996 §3.7: AA, the question, and the new SOA as an answer.
void Notifier::State::send(Secondary& secondary, const Labels& apex, Matter& matter) {
    matter.id = static_cast<std::uint16_t>(random());
    TransferMessage message(matter.id, message_bytes_max);
    message.add_question(apex, rr::soa);
    message.add(apex, {octets(matter.soa)});
    auto bytes = message.finish(header_flag::authoritative | notify_opcode << 11U);
    matter.mac.clear();
    if (secondary.target.key != nullptr) {
        TsigSigner signer(*secondary.target.key);
        signer.sign(bytes, now());
        matter.mac = signer.mac();
    }
    boost::system::error_code error;
    secondary.socket.send(asio::buffer(bytes), 0, error);
    (error ? unsent : sent).add();
    matter.patience = std::clamp(matter.patience * 2, options.interval, options.retry_max);
    matter.last = Clock::now();
    matter.next = matter.last + matter.patience;
}

void Notifier::State::take(Secondary& secondary, Octets reply) {
    const auto message = parse_message(reply);
    if (!message || !message->response || message->opcode != notify_opcode ||
        message->questions.size() != 1) {
        return ignored.add();
    }
    const auto found = secondary.matters.find(fold(message->questions[0].name));
    if (found == secondary.matters.end() || found->second.id != message->id) return ignored.add();
    auto& matter = found->second;
    if (secondary.target.key != nullptr) {
        TsigVerifier verifier(*secondary.target.key, matter.mac);
        if (!verifier.verify(reply, *message, now())) return ignored.add();
    }
    if (!std::exchange(matter.open, false)) return;
    --waiting;
    (message->rcode == 0 ? answered : refused).add();
}

coord::Task<void> Notifier::State::receive(Secondary& secondary,
                                           [[maybe_unused]] std::shared_ptr<State> alive) {
    std::array<std::uint8_t, reply_bytes_max> room;
    while (!stopped) {
        const auto into = asio::buffer(room);
        const auto [error, size] = co_await secondary.socket.async_receive(into, coord::use_tuple);
        // Nobody listens there now: told again later, as if there were no reply.
        if (stopped || error == asio::error::operation_aborted) co_return;
        if (!error) take(secondary, Octets(room).first(size));
    }
}

Notifier::Notifier(asio::io_context& io, NotifierOptions options)
    : state_(std::make_shared<State>(io, std::move(options))) {}

Notifier::~Notifier() { stop(); }

void Notifier::tell(const std::vector<Notice>& notices) {
    auto& state = *state_;
    if (state.stopped) return;
    if (!std::exchange(state.receiving, true)) {
        for (auto& secondary : state.secondaries) {
            coord::spawn(state.io, "dns.notify receive", state.receive(*secondary, state_));
        }
    }
    for (auto& secondary : state.secondaries) {
        for (const auto& notice : notices) {
            const auto [at, is_new] = secondary->matters.try_emplace(notice.apex);
            auto& matter = at->second;
            if (is_new || !std::exchange(matter.open, true)) ++state.waiting;
            matter.soa = notice.soa;
            matter.patience = {};
            matter.next = matter.last + state.options.interval;
        }
    }
    state.send_due(state_);
}

void Notifier::stop() {
    state_->stopped = true;
    state_->timer.cancel();
    boost::system::error_code ignored;
    for (auto& secondary : state_->secondaries) secondary->socket.close(ignored);
}

std::vector<coord::Metric> Notifier::metrics() const {
    using enum coord::MetricKind;
    const auto& s = *state_;
    std::vector<coord::Metric> metrics;
    const auto add = [&](const char* result, const coord::Counter& count) {
        metrics.push_back({counter,
                           "roster_dns_notifies_total",
                           "NOTIFY messages to secondaries, and what came of them.",
                           static_cast<double>(count.value()),
                           {{"result", result}}});
    };
    add("sent", s.sent);
    add("unsent", s.unsent);
    add("answered", s.answered);
    add("refused", s.refused);
    add("ignored", s.ignored);
    metrics.push_back({gauge,
                       "roster_dns_notifies_waiting",
                       "Zones of which a secondary has not answered yet.",
                       static_cast<double>(s.waiting.load())});
    return metrics;
}

}  // namespace dns
