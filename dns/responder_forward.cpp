// What Responder has to do with the forwarder: to hand over, and to write what came back.

#include "dns/responder.hpp"

#include <algorithm>
#include <cassert>

namespace dns {

namespace {

constexpr std::size_t completed_bytes_max = 8192;  // of what an upstream said, to be completed
constexpr std::chrono::seconds stale_ttl{30};      // RFC 8767 §4

}  // namespace

// A name in no zone of ours. Who has not shown that its address is its own comes again over TCP:
// answers of others are large, and nothing limits how often they may be asked for.
void Responder::forward(Exchange& exchange, ReplyDraft& draft, bool recursive) const {
    const bool asks = (exchange.buffer[2] & 0x01U) != 0;
    if (!recursive || !asks) {
        const bool is_prohibited = options_.forwards && asks;
        draft.explain(is_prohibited ? ExtendedError::prohibited : ExtendedError::not_authoritative);
        return draft.fail(Rcode::refused);
    }
    if (!exchange.verified) return draft.set_truncated();
    exchange.forward = true;
}

// RFC 1034 §4.3.2 3a: who asks for an alias of ours is told what it leads to, wherever that is.
void Responder::forward_target(Exchange& exchange, const ReplyDraft& draft, const Trail& trail) {
    const bool asks = (exchange.buffer[2] & 0x01U) != 0;
    const std::size_t bytes = draft.at() - exchange.query.question_end;
    if (!asks || !exchange.verified || bytes > alias_bytes_max) return;
    exchange.forward = true;
    exchange.alias_bytes = static_cast<std::uint16_t>(bytes);
    exchange.alias_count = static_cast<std::uint16_t>(trail.hops);
    exchange.target_bytes = trail.name.bytes;
    std::copy_n(trail.name.folded.begin(), trail.name.bytes, exchange.target.begin());
}

void Responder::hand_over(const Exchange& exchange, ForwardedQuery& query) {
    query.head_bytes = exchange.query.question_end;
    std::copy_n(exchange.buffer.begin(), query.head_bytes, query.head.begin());
    query.alias_bytes = exchange.alias_bytes;
    query.alias_count = exchange.alias_count;
    std::copy_n(exchange.buffer.begin() + static_cast<std::ptrdiff_t>(query.head_bytes),
                query.alias_bytes,
                query.aliases.begin());
    query.target_bytes = exchange.target_bytes;
    std::copy_n(exchange.target.begin(), query.target_bytes, query.target.begin());
    query.hops = static_cast<std::uint8_t>(exchange.alias_count);
    query.authoritative = exchange.alias_count > 0;
    query.type = exchange.query.type;
    query.edns = exchange.query.edns;
    query.has_good_cookie = exchange.has_good_cookie;
    query.client = exchange.client;
    query.signature = exchange.signature;
}

Reply Responder::relay(const ForwardedQuery& query,
                       const Relayed& relayed,
                       std::span<std::uint8_t> buffer,
                       Random& random,
                       std::optional<ForwardedQuery>& next) const {
    std::copy_n(query.head.begin(), query.head_bytes, buffer.begin());
    Query asked;
    asked.type = query.type;
    asked.question_end = query.head_bytes;
    asked.edns = query.edns;
    const auto& transport = query.source->transport();
    OptContent opt;
    if (asked.edns.present) {
        opt.payload = static_cast<std::uint16_t>(transport.udp_bytes_max);
        describe(asked.edns, query.has_good_cookie, query.client, transport, opt);
    }
    const auto& answer = *relayed.answer;
    const auto limit = limit_of(asked.edns, transport, true);
    ReplyDraft draft(buffer, without_signature(limit, asked, query.signature.get()), asked, opt);
    // Between the query and its reply is less time than any signature allows for.
    const auto finish = [&] {
        auto reply = draft.finish();
        if (query.signature) query.signature->sign(buffer, reply, query.client.now);
        return reply;
    };
    draft.set_recursive();
    if (query.checking_disabled()) draft.set_checking_disabled();
    if (!answer.home.empty() && refuse_unsynced(draft)) return finish();
    draft.set_authoritative(query.authoritative);
    // RFC 4035 §3.2.3: of all records, and ours have no signatures.
    const bool is_authentic = answer.authentic && query.alias_count == 0 && !relayed.stale;
    if (is_authentic && query.wants_authentic()) draft.set_authentic();
    draft.fail(answer.rcode);
    if (answer.why) draft.explain(*answer.why);
    if (relayed.stale) {
        const bool is_missing = answer.rcode == Rcode::name_error;
        draft.explain(is_missing ? ExtendedError::stale_name_error : ExtendedError::stale_answer);
    }
    const auto home_at = add_relayed(query, relayed, draft);
    if (home_at != 0 && complete(query, home_at, draft, random, next)) {
        return {.type = query.type, .has_cookie = query.edns.has_cookie, .forward = true};
    }
    return finish();
}

// Returns where the name of ours stands to which it leads; 0: it leads to none.
std::size_t
Responder::add_relayed(const ForwardedQuery& query, const Relayed& relayed, ReplyDraft& draft) {
    const auto& answer = *relayed.answer;
    const auto ttl = relayed.stale ? std::optional(stale_ttl) : std::nullopt;
    if (query.alias_count == 0) {
        draft.add(answer, relayed.age, ttl);
        return answer.home_at;
    }
    draft.add_aliases(query.alias_count, Octets(query.aliases).first(query.alias_bytes));
    const auto moved = move_behind(answer, query.name(), query.question(), query.alias_bytes);
    draft.add(moved, relayed.age, ttl);
    return moved.home_at;
}

// What an upstream's CNAMEs lead to in our zones is answered as it is now, behind them. True if that
// leads to a name of others again: then `next` has all that is written as its aliases.
bool Responder::complete(const ForwardedQuery& query,
                         std::size_t home_at,
                         ReplyDraft& draft,
                         Random& random,
                         std::optional<ForwardedQuery>& next) const {
    // Pointers reach 16,383: whatever CNAMEs of ours come has to begin below.
    if (draft.truncated() || draft.at() > completed_bytes_max) return false;
    QueryName name;
    Place place;
    draft.anchors.owner = home_at;
    Trail trail{query.type, name, place, nullptr, query.hops + 1U};
    const auto come_to = [&](Octets message, std::size_t at) {
        const bool whole = read_name(message, at, name);
        assert(whole);
        return trail.note(name.whole());
    };
    come_to(query.question(), 0);
    come_to(query.name(), 0);
    if (!come_to(draft.written(), home_at)) return false;
    find(trail);
    if (!follow(trail, draft, random)) return false;
    const auto aliases = draft.written().subspan(query.head_bytes);
    if (aliases.size() > alias_bytes_max) return false;
    next = query;
    std::copy(aliases.begin(), aliases.end(), next->aliases.begin());
    next->alias_bytes = static_cast<std::uint16_t>(aliases.size());
    next->alias_count = draft.answers();
    next->target_bytes = name.bytes;
    std::copy_n(name.folded.begin(), name.bytes, next->target.begin());
    next->hops = static_cast<std::uint8_t>(trail.hops);
    return true;
}

void Responder::refuse_forward(Exchange& exchange, const Transport& transport) const {
    const auto& query = exchange.query;
    OptContent opt;
    opt.payload = static_cast<std::uint16_t>(transport.udp_bytes_max);
    ReplyDraft draft(exchange.buffer, udp_bytes_min, query, opt);
    draft.set_recursive();
    draft.explain(ExtendedError::network_error);
    draft.fail(Rcode::server_failure);
    exchange.reply = draft.finish();
    const auto& signature = exchange.signature;
    if (signature) signature->sign(exchange.buffer, exchange.reply, exchange.client.now);
}

}  // namespace dns
