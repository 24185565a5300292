#include "dns/transfer.hpp"

#include "dns/answer.hpp"
#include "dns/zone_serial.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace dns {

namespace {

// Of one message: larger ones save nothing, and hold up whoever shares the thread for longer.
constexpr std::size_t message_bytes = 16'384;
constexpr std::size_t opt_bytes = 11;
// However small the zone, so much of a journal is better than all of it again.
constexpr std::size_t steps_bytes_min = 65'536;

constexpr std::array<const char*, transfer_kinds> kind_names{"axfr", "ixfr", "serial"};
constexpr std::array<const char*, transfer_results> result_names{
    "sent", "aborted", "refused", "not_auth", "malformed", "busy", "not_ready"};

// RFC 1995 §3: the client's SOA is the one record of the authority section.
std::optional<std::uint32_t> read_serial(const Message& message) {
    const auto& authority = message.section(MessageSection::authority);
    if (authority.size() != 1 || authority[0].type != rr::soa || !authority[0].sound) {
        return std::nullopt;
    }
    const auto rdata = octets(authority[0].rdata);
    const auto numbers = rdata.last(20);
    return std::uint32_t{read_u16(numbers, 0)} << 16U | read_u16(numbers, 2);
}

}  // namespace

Transfer::Transfer(Request request, Reply reply, Done done)
    : request_(std::move(request)), reply_(std::move(reply)), done_(std::move(done)) {}

Transfer::~Transfer() {
    if (done_) done_(TransferResult::aborted);
}

bool Transfer::append_to(std::vector<std::uint8_t>& out) {
    const bool with_opt = is_first_ && request_.edns.has_value();
    const std::size_t reserved =
        (with_opt ? opt_bytes : 0) + (reply_.signer ? reply_.signer->bytes_max() : 0);
    TransferMessage message(request_.id, message_bytes - reserved);
    if (is_first_ && !request_.name.empty()) message.add_question(request_.name, request_.type);
    const bool more = reply_.stream && reply_.stream->fill(message);
    assert(!more || !message.empty());
    if (with_opt)
        message.add_opt(reply_.udp_bytes_max, (*request_.edns & 0x8000U) != 0, reply_.rcode);
    is_first_ = false;
    auto octets =
        message.finish(reply_.rcode,
                       (reply_.stream ? header_flag::authoritative : 0U) |
                           (request_.wants_recursion ? header_flag::wants_recursion : 0U));
    if (reply_.signer) reply_.signer->sign(octets, reply_.unix_seconds());
    append_u16(out, static_cast<std::uint16_t>(octets.size()));
    append(out, octets);
    if (!more && done_) std::exchange(done_, nullptr)(TransferResult::sent);
    return more;
}

Transfers::Transfers(boost::asio::io_context& io,
                     const Grammar& grammar,
                     AnswerTable& table,
                     TransferOptions options)
    : grammar_(grammar),
      table_(table),
      options_(std::move(options)),
      history_(grammar, options_.history),
      timer_(io),
      counters_(std::make_shared<TransferCounters>()),
      notifier_(io, {.targets = options_.notify, .unix_seconds = options_.unix_seconds}) {}

void Transfers::stop() {
    timer_.cancel();
    notifier_.stop();
}

// The first change after a quiet while makes a version at once; those that follow wait for the next.
void Transfers::take(std::uint32_t serial, ZoneChanges changes) {
    for (auto& [name, records] : changes) next_[name] = std::move(records);
    if (history_.version() && history_.version()->serial() == serial && next_.empty()) return;
    next_serial_ = serial;
    if (is_waiting_) return;
    if (std::chrono::steady_clock::now() >= next_at_) return advance();
    is_waiting_ = true;
    timer_.expires_at(next_at_);
    timer_.async_wait([this](const boost::system::error_code& cancelled) {
        is_waiting_ = false;
        if (!cancelled) advance();
    });
}

void Transfers::advance() {
    const auto zones = history_.advance(next_serial_, std::exchange(next_, {}));
    table_.set_serial(next_serial_);
    notify(zones);
    next_at_ = std::chrono::steady_clock::now() + options_.version_interval;
    counters_->versions.add();
}

void Transfers::notify(const std::set<std::uint16_t>& zones) {
    std::vector<Notice> notices;
    for (const auto number : zones) {
        const auto& zone = *grammar_.zones()[number];
        const auto soa =
            TransferZone{grammar_, zone, options_.negative_ttl}.soa(next_serial_).records;
        notices.push_back({zone.apex, std::string(text(soa->octets()))});
    }
    notifier_.tell(notices);
}

// A query of one question for AXFR or IXFR; whatever else is wrong with it is for answer() to say.
bool Transfers::is_request(Octets message) {
    if (message.size() < header_bytes || (message[2] & 0xF8U) != 0) return false;
    if (read_u16(message, 4) != 1) return false;
    const auto fixed = skip_name(message, header_bytes);
    if (!fixed || message.size() - *fixed < 4) return false;
    const auto type = read_u16(message, *fixed);
    return (type == rr::axfr || type == rr::ixfr) && read_u16(message, *fixed + 2) == class_in;
}

std::unique_ptr<Transfer> Transfers::answer(Octets octets, const IpAddress& client) {
    const auto message = parse_message(octets);
    Transfer::Request request;
    request.id = read_u16(octets, 0);
    request.wants_recursion = (octets[2] & 0x01U) != 0;
    request.type = read_u16(octets, *skip_name(octets, header_bytes));
    const auto kind = request.type == rr::axfr ? TransferKind::axfr : TransferKind::ixfr;
    Decision decision{kind, TransferResult::malformed, Rcode::format_error};
    Transfer::Reply reply;
    reply.unix_seconds = [this] { return now(); };
    if (message) {
        request.name = message->questions[0].name;
        if (message->opt) request.edns = message->opt->ttl;
        request.serial = read_serial(*message);
        Asker asker{client, {}};
        TsigVerdict verdict;
        if (message->tsig) {
            verdict = verify(octets, *message, *options_.keys, now());
            if (verdict.rcode != Rcode::format_error) reply.signer.emplace(verdict);
        }
        if (verdict.rcode == Rcode::no_error) {
            if (verdict.key != nullptr) asker.key = verdict.key->name;
            decision = decide(request, asker);
        } else if (verdict.rcode == Rcode::not_auth) {
            decision = {kind, TransferResult::not_auth, Rcode::not_auth};
        }
    }
    Transfer::Done done;
    if (decision.result == TransferResult::sent) {
        ++counters_->active;
        done = [counters = counters_, sent = decision.kind](TransferResult result) {
            --counters->active;
            counters->count(sent, result);
        };
    } else {
        counters_->count(decision.kind, decision.result);
    }
    reply.rcode = decision.rcode;
    reply.stream = std::move(decision.stream);
    reply.udp_bytes_max = options_.udp_bytes_max;
    return std::make_unique<Transfer>(std::move(request), std::move(reply), std::move(done));
}

Transfers::Decision Transfers::decide(const Transfer::Request& request, const Asker& asker) const {
    const auto kind = request.type == rr::axfr ? TransferKind::axfr : TransferKind::ixfr;
    const auto fail = [kind](TransferResult result, Rcode rcode) {
        return Decision{kind, result, rcode};
    };
    if (request.edns && (*request.edns >> 16U & 0xFFU) != 0) {
        return fail(TransferResult::malformed, Rcode::bad_version);
    }
    if (kind == TransferKind::ixfr && !request.serial) {
        return fail(TransferResult::malformed, Rcode::format_error);
    }
    if (!may_transfer(options_.rules, asker.address, asker.key)) {
        return fail(TransferResult::refused, Rcode::refused);
    }
    QueryName name;
    Place place;
    const bool whole = read_name(octets(request.name), 0, name);
    assert(whole);
    grammar_.locate(name, place);
    if (place.kind != Place::Kind::apex || !place.zone->number) {
        return fail(TransferResult::not_auth, Rcode::not_auth);
    }
    if (!history_.version()) return fail(TransferResult::not_ready, Rcode::server_failure);
    if (counters_->active >= options_.transfers_max) {
        return fail(TransferResult::busy, Rcode::server_failure);
    }
    return begin(request, *place.zone);
}

Transfers::Decision Transfers::begin(const Transfer::Request& request, const Zone& zone) const {
    const auto& version = history_.version();
    const TransferZone of{grammar_, zone, options_.negative_ttl};
    if (request.type == rr::axfr) return {.stream = TransferStream::whole(of, version)};
    if (!is_later(version->serial(), *request.serial)) {
        return {.kind = TransferKind::serial,
                .stream = TransferStream::serial(of, version->serial())};
    }
    auto steps = history_.journal().since(*request.serial);
    std::size_t bytes = 0;
    if (steps) {
        for (const auto& step : *steps) bytes += step->bytes();
    }
    // RFC 1995 §2: where the whole zone is less than what changed in it, it is sent instead.
    if (!steps || bytes > std::max(version->bytes(), steps_bytes_min)) {
        return {.stream = TransferStream::whole(of, version)};
    }
    return {.kind = TransferKind::ixfr,
            .stream = TransferStream::steps(of, *request.serial, std::move(*steps))};
}

std::vector<coord::Metric> Transfers::metrics() const {
    using enum coord::MetricKind;
    std::vector<coord::Metric> metrics;
    for (std::size_t kind = 0; kind < transfer_kinds; ++kind) {
        for (std::size_t result = 0; result < transfer_results; ++result) {
            const auto value = counters_->transfers[kind][result].value();
            metrics.push_back({counter,
                               "roster_dns_transfers_total",
                               "Zone transfers asked for, by what was sent and what came of it.",
                               static_cast<double>(value),
                               {{"kind", kind_names[kind]}, {"result", result_names[result]}}});
        }
    }
    const auto add = [&](coord::MetricKind kind, const char* name, const char* help, auto value) {
        metrics.push_back({kind, name, help, static_cast<double>(value)});
    };
    add(gauge,
        "roster_dns_transfers_active",
        "Zone transfers under way.",
        counters_->active.load());
    add(counter,
        "roster_dns_zone_versions_total",
        "Serials of the zones that were made.",
        counters_->versions.value());
    const auto& journal = history_.journal();
    add(gauge,
        "roster_dns_journal_bytes",
        "Memory of what changed between serials.",
        journal.bytes());
    add(counter,
        "roster_dns_journal_dropped_total",
        "Steps from serial to serial that found no more room.",
        journal.dropped().value());
    for (auto& metric : notifier_.metrics()) metrics.push_back(std::move(metric));
    return metrics;
}

}  // namespace dns
