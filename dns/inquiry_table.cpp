#include "dns/inquiry_table.hpp"

#include <algorithm>
#include <cassert>

namespace dns {

namespace {

// RFC 8767 §5: what clients wait before a stale answer will do, its TTL, and how long those that
// failed are left in peace.
constexpr std::chrono::milliseconds stale_patience{1800};
constexpr std::chrono::seconds failure_pause{30};
constexpr std::chrono::seconds failure_ttl{2};  // RFC 9520 §3.2: at least a second
constexpr std::size_t down_failures = 3;        // in a row
constexpr std::chrono::seconds down_probe_interval{5};
constexpr std::chrono::seconds loop_pause{600};
constexpr std::uint32_t local_ttl = 86'400;

Record record_of(const QueryName& name, std::uint16_t type, std::string_view rdata) {
    Record record;
    record.owner = text(name.whole());
    record.type = type;
    record.klass = class_in;
    record.ttl = local_ttl;
    record.rdata = rdata;
    return record;
}

// RFC 6303 §3: of a zone that is here, and empty, so that nobody else is asked for it. A denial may be
// kept for as long as it says (RFC 2308 §3).
Record soa_of(Octets zone, std::uint32_t ttl_max) {
    using std::string_view_literals::operator""sv;
    constexpr std::uint32_t ttl = 10'800;
    Record record;
    record.owner = text(zone);
    record.type = rr::soa;
    record.klass = class_in;
    record.ttl = std::min(ttl, ttl_max);
    record.rdata = record.owner;
    record.rdata += "\6nobody\7invalid\0"sv;
    for (const std::uint32_t number : {1U, 3600U, 1200U, 604'800U, record.ttl}) {
        for (const unsigned shift : {24U, 16U, 8U, 0U}) {
            record.rdata += static_cast<char>(number >> shift);
        }
    }
    return record;
}

// Whoever has one address of IPv6 has a whole /64 of them.
IpAddress client_of(const ForwardedQuery& query) {
    auto client = query.client.address;
    if (!client.is_v4()) std::fill(client.bytes.begin() + 8, client.bytes.end(), std::uint8_t{0});
    return client;
}

Relayed relayed(ForwardAnswer answer) {
    return {std::make_shared<const ForwardAnswer>(std::move(answer))};
}

std::string key_of(const ForwardedQuery& query, const QueryName& name) {
    std::string key(text(name.whole()));
    key += static_cast<char>(query.type >> 8U);
    key += static_cast<char>(query.type);
    key += static_cast<char>((query.edns.dnssec_ok ? 1 : 0) | (query.checking_disabled() ? 2 : 0));
    return key;
}

}  // namespace

InquiryTable::InquiryTable(const ForwardRules& rules,
                           const Grammar& ours,
                           ForwardCache& cache,
                           InquiryLimits limits,
                           Outward outward,
                           ForwardCounters& counters)
    : rules_(rules),
      ours_(ours),
      cache_(cache),
      limits_(limits),
      outward_(std::move(outward)),
      servers_(rules.servers().size()),
      counters_(counters.inquiries) {
    assert(counters.servers.size() == servers_.size());
    for (std::size_t i = 0; i < servers_.size(); ++i) {
        servers_[i].address = rules.servers()[i];
        servers_[i].counters = &counters.servers[i];
    }
    if (limits_.loop_probe_interval == std::chrono::seconds(0)) look_for_loops_at_ = Time::max();
}

void InquiryTable::take(const ForwardedQuery& query, Time now) {
    QueryName name;
    const bool whole = read_name(query.name(), 0, name);
    assert(whole);
    if (query.type == rr::hinfo && is_loop(name, now)) {
        return fail(query, Rcode::server_failure, ExtendedError::network_error);
    }
    const auto decision = rules_.decide(name, query.type);
    if (query.type == rr::any || decision.kind != ForwardRules::Kind::ask) {
        return answer_here(query, name, decision);
    }
    const auto key = key_of(query, name);
    const auto cached = cache_.find(key, now);
    const auto inquiry = inquiries_.find(key);
    if (cached && !cached->stale) {
        counters_.hits.add();
        outward_.reply(query, {cached->answer, cached->age});
        if (!cached->wants_refresh || inquiry != inquiries_.end()) return;
        counters_.prefetches.add();
        return begin(query, name, *decision.route, key, cached, now);
    }
    if (cached && cached->deferred) return relay_stale(query, *cached);
    counters_.misses.add();
    if (is_crowded(query)) return turn_away(query, cached, counters_.crowded);
    if (inquiry != inquiries_.end()) return join(query, inquiry->second, cached, now);
    begin(query, name, *decision.route, key, cached, now);
}

// With a cached answer that is not stale, nobody waits for the new one.
void InquiryTable::begin(const ForwardedQuery& query,
                         const QueryName& name,
                         const ForwardRoute& route,
                         const std::string& key,
                         const Cached& cached,
                         Time now) {
    const bool is_prefetch = cached && !cached->stale;
    auto order = order_of(route, now);
    const bool is_full =
        inquiries_.size() >= limits_.inquiries_max || waiting_ >= limits_.waiting_max;
    if (is_full || order.empty()) {
        if (!is_prefetch) turn_away(query, cached, counters_.shed);
        return;
    }
    auto& inquiry = inquiries_[key];
    inquiry.key = key;
    inquiry.name = name;
    inquiry.type = query.type;
    inquiry.dnssec_ok = query.edns.dnssec_ok;
    inquiry.checking_disabled = query.checking_disabled();
    inquiry.route = &route;
    inquiry.order = std::move(order);
    if (!is_prefetch) wait(query, inquiry);
    if (cached && cached->stale) {
        inquiry.stale_at = now + stale_patience;
        stale_deadlines_.emplace(inquiry.stale_at, key);
    }
    probe_those_down(inquiry, now);
    try_next(inquiry, now);
}

void InquiryTable::join(const ForwardedQuery& query,
                        Inquiry& inquiry,
                        const Cached& cached,
                        Time now) {
    if (cached && inquiry.stale_at <= now) return relay_stale(query, *cached);
    const bool is_full =
        inquiry.waiters.size() >= limits_.waiters_max || waiting_ >= limits_.waiting_max;
    if (is_full) return turn_away(query, cached, counters_.shed);
    counters_.coalesced.add();
    wait(query, inquiry);
}

// The programs of this host are one client, and hundreds.
bool InquiryTable::is_crowded(const ForwardedQuery& query) const {
    if (query.client.address.is_loopback()) return false;
    const auto found = waiting_of_.find(client_of(query));
    return found != waiting_of_.end() && found->second >= limits_.waiting_max_per_client;
}

void InquiryTable::wait(const ForwardedQuery& query, Inquiry& inquiry) {
    inquiry.waiters.push_back(query);
    ++waiting_;
    ++waiting_of_[client_of(query)];
}

void InquiryTable::leave(const ForwardedQuery& waiter) {
    --waiting_;
    const auto of_client = waiting_of_.find(client_of(waiter));
    if (--of_client->second == 0) waiting_of_.erase(of_client);
}

void InquiryTable::relay_stale(const ForwardedQuery& query, const ForwardCache::Found& cached) {
    counters_.stale.add();
    outward_.reply(query, {cached.answer, cached.age, true});
}

void InquiryTable::fail(const ForwardedQuery& query, Rcode rcode, ExtendedError why) {
    ForwardAnswer answer;
    answer.rcode = rcode;
    answer.why = why;
    outward_.reply(query, relayed(std::move(answer)));
}

void InquiryTable::turn_away(const ForwardedQuery& query,
                             const Cached& cached,
                             coord::Counter& counter) {
    counter.add();
    if (cached) return relay_stale(query, *cached);
    fail(query, Rcode::server_failure, ExtendedError::network_error);
}

void InquiryTable::answer_here(const ForwardedQuery& query,
                               const QueryName& name,
                               const ForwardRules::Decision& decision) {
    const auto kind = decision.kind;
    using std::string_view_literals::operator""sv;
    counters_.local.add();
    if (kind == ForwardRules::Kind::nobody) {
        return fail(query, Rcode::refused, ExtendedError::not_authoritative);
    }
    ForwardAnswerWriter writer(name.whole());
    const bool is_localhost = kind == ForwardRules::Kind::localhost;
    if (is_localhost && query.type == rr::a) {
        writer.add(MessageSection::answer, record_of(name, rr::a, "\x7F\0\0\1"sv));
    } else if (is_localhost && query.type == rr::aaaa) {
        writer.add(MessageSection::answer,
                   record_of(name, rr::aaaa, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"sv));
    } else if (kind == ForwardRules::Kind::ask) {  // RFC 8482 §4.2: type ANY
        writer.add(MessageSection::answer, record_of(name, rr::hinfo, "\7RFC8482\0"sv));
    } else {
        writer.add(MessageSection::authority,
                   soa_of(name.whole().subspan(decision.zone_at),
                          static_cast<std::uint32_t>(limits_.negative_ttl_max.count())));
    }
    auto answer = writer.finish();
    if (kind == ForwardRules::Kind::no_such_name) answer.rcode = Rcode::name_error;
    outward_.reply(query, relayed(std::move(answer)));
}

// The next try of the next server, until each has had its tries.
void InquiryTable::try_next(Inquiry& inquiry, Time now) {
    if (inquiry.tries == inquiry.order.size() * limits_.tries) {
        return conclude_without(inquiry, now);
    }
    const auto server = inquiry.order[inquiry.tries % inquiry.order.size()];
    ++inquiry.tries;
    attempt(inquiry, server, false, now);
}

void InquiryTable::attempt(const Inquiry& inquiry, std::size_t server, bool spare, Time now) {
    Attempt attempt{.key = inquiry.key, .route = inquiry.route, .server = server, .spare = spare};
    attempt.question.type = inquiry.type;
    attempt.question.dnssec_ok = inquiry.dnssec_ok;
    attempt.question.checking_disabled = inquiry.checking_disabled;
    attempt.question.name = text(inquiry.name.whole());
    attempt.question.exact_case = servers_[server].keeps_case;
    start(std::move(attempt), now);
}

void InquiryTable::start(Attempt attempt, Time now) {
    auto& server = servers_[attempt.server];
    server.counters->queries.add();
    if (attempt.tcp) server.counters->tcp.add();
    attempt.question.id = static_cast<std::uint16_t>(outward_.random());
    attempt.question.name = in_random_case(std::move(attempt.question.name));
    attempt.deadline = now + limits_.timeout;
    const auto id = ++last_attempt_;
    deadlines_.emplace(attempt.deadline, id);
    const auto& placed = attempts_.emplace(id, std::move(attempt)).first->second;
    outward_.ask(id, server.address, placed.tcp, make_upstream_query(placed.question));
}

// Who forges a reply without having seen the query has to guess it too (draft-vixie-dnsext-dns0x20).
Labels InquiryTable::in_random_case(Labels name) const {
    std::uint64_t bits = 0;
    std::size_t left = 0;
    for (char& c : name) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        if (c < 'a' || c > 'z') continue;
        if (left == 0) {
            bits = outward_.random();
            left = 64;
        }
        if ((bits & 1U) != 0) c = static_cast<char>(c - 'a' + 'A');
        bits >>= 1U;
        --left;
    }
    return name;
}

std::optional<InquiryTable::Attempt> InquiryTable::end(AttemptId id) {
    auto node = attempts_.extract(id);
    if (node.empty()) return std::nullopt;
    deadlines_.erase({node.mapped().deadline, id});
    if (node.mapped().late) --late_;
    return std::move(node.mapped());
}

void InquiryTable::replied(AttemptId id, Octets message, Time now) {
    auto attempt = end(id);
    if (!attempt) return;
    auto& server = servers_[attempt->server];
    server.failures = 0;
    if (attempt->key.empty()) return;
    QueryName name;
    read_name(octets(attempt->question.name), 0, name);
    auto reply =
        read_upstream_reply(message,
                            attempt->question,
                            {.ttl_max = limits_.ttl_max,
                             .negative_ttl_max = limits_.negative_ttl_max,
                             .believed = server.address.address.is_loopback(),
                             .hidden = rules_.hidden(name, *attempt->route, attempt->server),
                             .ours = &ours_});
    // Not exact over TCP either, where nobody forges it: that server has letters of its own.
    if (!reply.kept_case && attempt->tcp) server.keeps_case = false;
    switch (reply.fault) {
        case UpstreamFault::none:
            counters_.hidden.add(reply.hidden);
            return conclude(attempt->key, std::move(reply.answer), now);
        case UpstreamFault::truncated: return retry_over_tcp(std::move(*attempt), now);
        case UpstreamFault::no_edns:
            attempt->question.edns = false;
            return ask_again(std::move(*attempt), now);
        case UpstreamFault::malformed:
        case UpstreamFault::mismatched:
            server.counters->bad.add();
            return retry_over_tcp(std::move(*attempt), now);
        case UpstreamFault::failed: {
            server.counters->failures.add();
            const auto why = reply.answer.why.value_or(ExtendedError::no_reachable_authority);
            return go_on_without(*attempt, why, now);
        }
    }
}

void InquiryTable::unreachable(AttemptId id, Time now) {
    const auto attempt = end(id);
    if (!attempt) return;
    auto& server = servers_[attempt->server];
    server.counters->errors.add();
    note_failure(server, now);
    go_on_without(*attempt, ExtendedError::network_error, now);
}

void InquiryTable::go_on_without(const Attempt& attempt, ExtendedError why, Time now) {
    if (attempt.spare) return;
    const auto inquiry = inquiries_.find(attempt.key);
    if (inquiry == inquiries_.end()) return;
    inquiry->second.why = why;
    try_next(inquiry->second, now);
}

// The same server, in a way that nobody forges and nothing cuts short.
void InquiryTable::retry_over_tcp(Attempt attempt, Time now) {
    if (attempt.tcp) return go_on_without(attempt, ExtendedError::no_reachable_authority, now);
    attempt.tcp = true;
    attempt.question.exact_case = false;
    ask_again(std::move(attempt), now);
}

// The same server, in another way, if somebody waits for it.
void InquiryTable::ask_again(Attempt attempt, Time now) {
    if (attempt.spare || !inquiries_.contains(attempt.key)) return;
    start(std::move(attempt), now);
}

void InquiryTable::conclude(const std::string& key, ForwardAnswer answer, Time now) {
    const auto shared = std::make_shared<const ForwardAnswer>(std::move(answer));
    cache_.put(key, shared, now);
    const auto inquiry = inquiries_.extract(key);
    if (inquiry.empty()) return;
    stale_deadlines_.erase({inquiry.mapped().stale_at, key});
    for (const auto& waiter : inquiry.mapped().waiters) {
        leave(waiter);
        outward_.reply(waiter, {shared});
    }
}

void InquiryTable::conclude_without(Inquiry& inquiry, Time now) {
    counters_.failures.add();
    const std::string key = inquiry.key;
    const auto cached = cache_.find(key, now);
    if (!cached) {
        ForwardAnswer failure;
        failure.rcode = Rcode::server_failure;
        failure.why = inquiry.why;
        failure.ttl = failure_ttl;
        return conclude(key, std::move(failure), now);
    }
    cache_.defer(key, now + failure_pause);
    release(inquiry, *cached);
    stale_deadlines_.erase({inquiry.stale_at, key});
    inquiries_.erase(key);
}

void InquiryTable::release(Inquiry& inquiry, const ForwardCache::Found& stale) {
    for (const auto& waiter : inquiry.waiters) {
        leave(waiter);
        relay_stale(waiter, stale);
    }
    inquiry.waiters.clear();
}

void InquiryTable::tick(Time now) {
    if (now >= look_for_loops_at_) look_for_loops(now);
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
        time_out(deadlines_.begin()->second, now);
    }
    while (!stale_deadlines_.empty() && stale_deadlines_.begin()->first <= now) {
        const auto key = stale_deadlines_.begin()->second;
        stale_deadlines_.erase(stale_deadlines_.begin());
        // If it was driven out of the cache meanwhile, its clients wait for the upstream.
        const auto cached = cache_.find(key, now);
        if (cached) release(inquiries_.at(key), *cached);
    }
}

// The next try begins, and for a while this one goes on: a slow server's answer may come of either.
void InquiryTable::time_out(AttemptId id, Time now) {
    const auto attempt = end(id).value();
    if (attempt.late) return outward_.forget(id);
    if (late_ < limits_.late_max) {
        auto late = attempt;
        late.late = late.spare = true;
        late.deadline = now + limits_.timeout * late_timeouts;
        deadlines_.emplace(late.deadline, id);
        attempts_.emplace(id, std::move(late));
        ++late_;
    } else {
        outward_.forget(id);
    }
    auto& server = servers_[attempt.server];
    server.counters->timeouts.add();
    note_failure(server, now);
    go_on_without(attempt, ExtendedError::no_reachable_authority, now);
}

Time InquiryTable::next() const {
    Time next = look_for_loops_at_;
    if (!deadlines_.empty()) next = std::min(next, deadlines_.begin()->first);
    if (!stale_deadlines_.empty()) next = std::min(next, stale_deadlines_.begin()->first);
    return next;
}

void InquiryTable::note_failure(Server& server, Time now) {
    if (++server.failures >= down_failures) server.probe_at = now + down_probe_interval;
}

// As configured, but those that are down come last, and those that lead back to us not at all.
std::vector<std::size_t> InquiryTable::order_of(const ForwardRoute& route, Time now) const {
    std::vector<std::size_t> order;
    for (const auto server : route.servers) {
        if (servers_[server].looping_until <= now) order.push_back(server);
    }
    std::stable_partition(order.begin(), order.end(), [&](std::size_t server) {
        return servers_[server].failures < down_failures;
    });
    return order;
}

// Whether a server is up again is found out with a question that another one answers.
void InquiryTable::probe_those_down(const Inquiry& inquiry, Time now) {
    for (const auto i : inquiry.order) {
        auto& server = servers_[i];
        if (i == inquiry.order.front() || server.failures < down_failures) continue;
        if (now < server.probe_at) continue;
        server.probe_at = now + down_probe_interval;
        attempt(inquiry, i, true, now);
    }
}

// A name that nobody else asks for: if it comes to us, then from ourselves.
void InquiryTable::look_for_loops(Time now) {
    look_for_loops_at_ = now + limits_.loop_probe_interval;
    loop_names_.clear();
    for (std::size_t i = 0; i < servers_.size(); ++i) {
        Labels name;
        for (int label = 0; label < 2; ++label) {
            std::string digits;
            for (auto bits = outward_.random(); digits.size() < 16; bits >>= 4U) {
                digits += "0123456789abcdef"[bits & 15U];
            }
            append_label(name, digits);
        }
        name += '\0';
        loop_names_.emplace(name, i);
        Attempt probe{.server = i};
        probe.question.name = name;
        probe.question.type = rr::hinfo;
        start(std::move(probe), now);
    }
}

bool InquiryTable::is_loop(const QueryName& name, Time now) {
    if (loop_names_.empty()) return false;
    const auto found = loop_names_.find(Labels(text(name.whole())));
    if (found == loop_names_.end()) return false;
    auto& server = servers_[found->second];
    counters_.loops.add();
    if (server.looping_until <= now) outward_.looped(server.address);
    server.looping_until = now + loop_pause;
    return true;
}

}  // namespace dns
