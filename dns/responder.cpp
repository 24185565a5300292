#include "dns/responder.hpp"

#include "dns/apex.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <utility>

namespace dns {

namespace {

constexpr std::size_t message_bytes_max = 65'535;

struct SlotOfType {
    std::uint16_t type;
    Slot slot;
};
// RFC 8482: ANY gets the first of these that there is.
constexpr std::array<SlotOfType, slot_count> slots_of_types{{{rr::a, Slot::a},
                                                             {rr::aaaa, Slot::aaaa},
                                                             {rr::cname, Slot::cname},
                                                             {rr::ptr, Slot::ptr},
                                                             {rr::txt, Slot::txt},
                                                             {rr::srv, Slot::srv},
                                                             {rr::svcb, Slot::svcb},
                                                             {rr::https, Slot::https}}};

// With `hidden` as if there were no CNAME.
const Answer* find_answer(const Answers& answers, std::uint16_t type, bool hidden = false) {
    for (const auto& [of, slot] : slots_of_types) {
        if (type != of && type != rr::any) continue;
        if (slot == Slot::cname && hidden) continue;
        if (const auto* answer = answers.find(slot)) return answer;
    }
    return nullptr;
}

// A hostname stands for what is asked for with or without an HTTPS record (RFC 9460 §3).
bool leads_to_address(std::uint16_t type) {
    return type == rr::a || type == rr::aaaa || type == rr::https;
}

// A datagram from a loopback address was sent on this host: the kernel takes none from outside.
bool is_local(const Client& client, const Transport& transport) {
    return transport.loopback || client.address.is_loopback();
}

// TKEY, TSIG and OPT are no types to ask for; RFC 9824 §3.5 says the same of NXNAME.
Rcode check_type(std::uint16_t type) {
    if (type == rr::opt || type == rr::tkey || type == rr::tsig || type == rr::nxname) {
        return Rcode::format_error;
    }
    // The mail-box groups (MAILA, MAILB).
    if (type > rr::axfr && type <= rr::maila) return Rcode::not_implemented;
    return Rcode::no_error;
}

}  // namespace

// Rdata of a few names and numbers, on the stack.
class Responder::Rdata {
public:
    void add(std::string_view bytes) {
        std::memcpy(bytes_.data() + size_, bytes.data(), bytes.size());
        size_ += bytes.size();
    }
    void add_pointer(std::size_t target) {
        write_u16(bytes_.data() + size_, 0xC000U | target);
        size_ += 2;
    }
    void add_u32(std::uint32_t value) {
        write_u32(bytes_.data() + size_, value);
        size_ += 4;
    }
    [[nodiscard]] Octets octets() const { return Octets(bytes_).first(size_); }

private:
    std::array<std::uint8_t, 2 * name_bytes_max + 20> bytes_;
    std::size_t size_ = 0;
};

Responder::Responder(const AnswerTable& table, const Grammar& grammar, ResponderOptions options)
    : table_(table), grammar_(grammar), options_(std::move(options)) {
    options_.identity.resize(std::min(options_.identity.size(), identity_bytes_max));
    options_.version.resize(std::min<std::size_t>(options_.version.size(), 255));
}

void Responder::respond(std::span<Exchange> batch,
                        const Transport& transport,
                        Random& random) const {
    for (auto& exchange : batch) read(exchange);
    for (const auto& exchange : batch) {
        if (!exchange.place.key.empty()) table_.fetch_name(exchange.hash);
    }
    for (auto& exchange : batch) look_up(exchange);
    for (auto& exchange : batch) write(exchange, transport, random);
}

void Responder::read(Exchange& exchange) const {
    assert(exchange.query_bytes <= exchange.buffer.size());
    exchange.fault = parse_query(exchange.buffer.first(exchange.query_bytes), exchange.query);
    exchange.place.key = {};
    if (exchange.fault != QueryFault::none || exchange.query.klass != class_in) return;
    grammar_.locate(exchange.query.name, exchange.place);
    if (exchange.place.key.empty()) return;
    exchange.hash = table_.hash(exchange.place.zone->space, exchange.place.key);
    table_.fetch_slot(exchange.hash);
}

void Responder::look_up(Exchange& exchange) const {
    exchange.answers = nullptr;
    exchange.is_wildcard = false;
    const auto& place = exchange.place;
    if (place.key.empty()) return;
    exchange.answers = table_.find(place.zone->space, place.key, exchange.hash);
    if (exchange.answers == nullptr) {
        exchange.answers = find_wildcard(exchange.query.name, place);
        exchange.is_wildcard = exchange.answers != nullptr;
    }
    if (exchange.answers == nullptr) return;
    if (const auto* answer = find_answer(*exchange.answers, exchange.query.type)) answer->fetch();
}

// RFC 4592 §3.3.1: for a name that does not exist, the asterisk below its closest encloser answers;
// so a name that exists, if only because of others below it, stands in the way.
const Answers* Responder::find_wildcard(const QueryName& name, const Place& place) const {
    if (!table_.has_wildcards() || place.zone->space != Space::forward) return nullptr;
    std::array<std::uint8_t, 2 + name_bytes_max> source;
    std::memcpy(source.data(), "\1*", 2);
    const auto relative = name.whole().first(place.end);
    for (std::size_t i = 1;; ++i) {
        const auto encloser = relative.subspan(i < name.labels ? name.label_at[i] : place.end);
        if (!encloser.empty() && table_.find(Space::forward, encloser) == nullptr) continue;
        std::memcpy(&source[2], encloser.data(), encloser.size());
        return table_.find(Space::forward, Octets(source).first(2 + encloser.size()));
    }
}

void Responder::write(Exchange& exchange, const Transport& transport, Random& random) const {
    const auto& query = exchange.query;
    const auto finish = [&](const Reply& reply) { exchange.reply = reply; };
    switch (exchange.fault) {
        case QueryFault::too_short: return finish({.drop = Drop::too_short});
        case QueryFault::response: return finish({.drop = Drop::response});
        case QueryFault::not_implemented:
        case QueryFault::format_error: {
            const bool is_format = exchange.fault == QueryFault::format_error;
            finish(reply_with_header(exchange.buffer,
                                     is_format ? Rcode::format_error : Rcode::not_implemented));
            exchange.reply.verified = is_trusted(exchange.client, transport);
            return;
        }
        default: break;
    }
    exchange.verified = is_verified(exchange, transport);
    exchange.forward = false;
    exchange.alias_bytes = exchange.alias_count = exchange.target_bytes = 0;
    OptContent opt;
    if (query.edns.present) opt.payload = static_cast<std::uint16_t>(transport.udp_bytes_max);
    if (query.edns.present && exchange.fault == QueryFault::none) {
        describe(exchange.query.edns, exchange.has_good_cookie, exchange.client, transport, opt);
    }
    exchange.signature = check_signature(exchange);
    const auto& signature = exchange.signature;
    if (signature && signature->rcode() == Rcode::format_error) {
        return finish(reply_with_header(exchange.buffer, Rcode::format_error));
    }
    const auto limit =
        std::min(limit_of(query.edns, transport, exchange.verified), exchange.buffer.size());
    ReplyDraft draft(exchange.buffer, without_signature(limit, query, signature.get()), query, opt);
    if (exchange.fault == QueryFault::bad_version) {
        draft.fail(Rcode::bad_version);
    } else if (exchange.fault == QueryFault::bad_option) {
        draft.fail(Rcode::format_error);
    } else if (signature && signature->rcode() != Rcode::no_error) {
        draft.fail(signature->rcode());
    } else {
        answer(exchange, transport, draft, random);
    }
    if (exchange.forward) {
        return finish({.type = query.type, .has_cookie = query.edns.has_cookie, .forward = true});
    }
    finish(draft.finish());
    if (signature) signature->sign(exchange.buffer, exchange.reply, exchange.client.now);
    exchange.reply.verified = exchange.verified;
    if (!exchange.verified) exchange.reply.subject = subject_of(exchange);
}

// It has to be looked at before the reply is written over it.
std::shared_ptr<SignedQuery> Responder::check_signature(const Exchange& exchange) const {
    if (!exchange.query.is_signed || options_.keys == nullptr) return nullptr;
    return std::make_shared<SignedQuery>(
        exchange.buffer.first(exchange.query_bytes), *options_.keys, exchange.client.now);
}

// What the client can take, but no more than we say in EDNS, nor than a stranger may be sent.
std::size_t Responder::limit_of(const Edns& edns, const Transport& transport, bool verified) const {
    if (transport.tcp) return message_bytes_max;
    const std::size_t asked = edns.present ? edns.payload : 0;
    const std::size_t ours = verified ? transport.udp_bytes_max : options_.unverified_bytes_max;
    return std::max(udp_bytes_min, std::min({asked, transport.udp_bytes_max, ours}));
}

// RFC 8945 §5.3: what is left for the reply when its signature has room. The question and OPT have
// theirs in any case.
std::size_t
Responder::without_signature(std::size_t limit, const Query& query, const SignedQuery* signature) {
    if (signature == nullptr) return limit;
    const auto least = query.question_end + (query.edns.present ? opt_bytes_max : 0);
    return std::max(limit - std::min(limit, signature->bytes_max()), least);
}

// What OPT is to say. A cookie that is still good for a while is given back as it is.
void Responder::describe(Edns& edns,
                         bool has_good_cookie,
                         const Client& client,
                         const Transport& transport,
                         OptContent& opt) const {
    if (edns.wants_identity) opt.identity = options_.identity;
    if (edns.wants_keepalive && transport.tcp) opt.keepalive = transport.keepalive;
    opt.padded = edns.wants_padding && transport.tls;
    if (!edns.has_cookie) return;
    if (!has_good_cookie || !Cookies::is_fresh(edns.cookie, client.now)) {
        options_.cookies.make(edns.cookie, client.address, client.now);
    }
    opt.cookie = &edns.cookie;
}

// Also whoever gave back our cookie.
bool Responder::is_verified(Exchange& exchange, const Transport& transport) const {
    const auto& edns = exchange.query.edns;
    exchange.has_good_cookie =
        edns.has_server_cookie &&
        options_.cookies.verify(edns.cookie, exchange.client.address, exchange.client.now);
    return exchange.has_good_cookie || is_trusted(exchange.client, transport);
}

bool Responder::is_trusted(const Client& client, const Transport& transport) const {
    return transport.tcp || is_local(client, transport) ||
           contains(options_.trusted, client.address);
}

// Limits count together what is alike: the answers of one name, the negative ones of one zone (a
// flood asks for names that do not exist, each once) and its wildcards, and all errors.
std::uint64_t Responder::subject_of(const Exchange& exchange) {
    const auto rcode = exchange.reply.rcode;
    const bool is_error = rcode != Rcode::no_error && rcode != Rcode::name_error;
    if (is_error || exchange.query.klass != class_in) return 0;
    constexpr std::uint64_t seed = 1;
    // The zone is that of the last name, if CNAMEs led there.
    const bool is_any_name = exchange.reply.is_negative || exchange.is_wildcard;
    const auto subject =
        is_any_name ? octets(exchange.place.zone->apex) : exchange.query.name.whole();
    return hash_octets(subject, seed) | 1U;
}

void Responder::answer(Exchange& exchange,
                       const Transport& transport,
                       ReplyDraft& draft,
                       Random& random) const {
    const auto& query = exchange.query;
    if (!query.has_question) return;
    const bool local = is_local(exchange.client, transport);
    if (!local && !contains(options_.allow, exchange.client.address)) {
        draft.explain(ExtendedError::prohibited);
        return draft.fail(Rcode::refused);
    }
    if (query.klass == class_chaos) {
        return answer_chaos(query, local || options_.version_for_all, draft);
    }
    if (query.klass != class_in) return draft.fail(Rcode::refused);
    if (query.type == rr::axfr || query.type == rr::ixfr) {
        return answer_transfer(exchange, transport, draft);
    }
    const Rcode type_error = check_type(query.type);
    if (query.type == rr::nxname) draft.explain(ExtendedError::invalid_type);
    if (type_error == Rcode::not_implemented) draft.explain(ExtendedError::not_supported);
    if (type_error != Rcode::no_error) return draft.fail(type_error);
    const bool recursive =
        options_.forwards && (local || contains(options_.recursion, exchange.client.address));
    if (recursive) draft.set_recursive();
    answer_zones(exchange, draft, recursive, random);
}

// Transfers over TCP go another way (TcpListener), if there are any. Over UDP there is no AXFR
// (RFC 5936 §4.2), and IXFR is answered with the SOA alone: so it may be, and the client comes again
// over TCP if it is an older one that it has (RFC 1995 §2).
void Responder::answer_transfer(const Exchange& exchange,
                                const Transport& transport,
                                ReplyDraft& draft) const {
    const auto key = exchange.signature ? exchange.signature->key() : "";
    if (transport.tcp || !may_transfer(options_.transfers, exchange.client.address, key)) {
        draft.explain(ExtendedError::prohibited);
        return draft.fail(Rcode::refused);
    }
    if (exchange.query.type == rr::axfr) {
        draft.explain(ExtendedError::not_supported);
        return draft.fail(Rcode::not_implemented);
    }
    if (!exchange.query.has_serial) return draft.fail(Rcode::format_error);
    if (exchange.place.kind != Place::Kind::apex) return draft.fail(Rcode::not_auth);
    if (table_.freshness() == Freshness::unsynced) {
        draft.explain(ExtendedError::not_ready);
        return draft.fail(Rcode::server_failure);
    }
    draft.set_authoritative(true);
    draft.anchors.apex = draft.anchors.owner + exchange.place.apex_at;
    add_soa(Section::answer, *exchange.place.zone, apex::ttl, draft);
}

void Responder::answer_chaos(const Query& query, bool tell_version, ReplyDraft& draft) const {
    using std::string_view_literals::operator""sv;
    const auto name = text(query.name.whole());
    std::string_view value;
    if (name == "\2id\6server\0"sv || name == "\10hostname\4bind\0"sv) value = options_.identity;
    if (name == "\7version\6server\0"sv || name == "\7version\4bind\0"sv) {
        if (tell_version) value = options_.version;
    }
    if (value.empty() || (query.type != rr::txt && query.type != rr::any)) {
        return draft.fail(Rcode::refused);
    }
    Rdata rdata;
    const char length = static_cast<char>(value.size());
    rdata.add({&length, 1});
    rdata.add(value);
    draft.add(Section::answer, header_bytes, rr::txt, class_chaos, 0, rdata.octets());
}

// RFC 1034 §4.3.2, for zones without cuts. A CNAME is followed while it stays in our
// zones; the rcode is that of the last name (RFC 6604).
void Responder::answer_zones(Exchange& exchange,
                             ReplyDraft& draft,
                             bool recursive,
                             Random& random) const {
    if (exchange.place.kind == Place::Kind::outside) return forward(exchange, draft, recursive);
    if (refuse_unsynced(draft)) return;
    draft.set_authoritative(true);
    QueryName target;
    Trail trail{exchange.query.type, target, exchange.place, exchange.answers};
    trail.note(exchange.query.name.whole());
    if (follow(trail, draft, random) && recursive) forward_target(exchange, draft, trail);
}

// An empty catalog must not be cached as "no such service".
bool Responder::refuse_unsynced(ReplyDraft& draft) const {
    if (table_.freshness() != Freshness::unsynced) return false;
    draft.explain(ExtendedError::not_ready);
    draft.fail(Rcode::server_failure);
    return true;
}

void Responder::find(Trail& trail) const {
    auto& place = trail.place;
    grammar_.locate(trail.name, place);
    trail.answers = place.key.empty() ? nullptr : table_.find(place.zone->space, place.key);
    if (trail.answers == nullptr && !place.key.empty()) {
        trail.answers = find_wildcard(trail.name, place);
    }
}

bool Responder::Trail::note(Octets octets) {
    const auto hash = hash_octets(octets, 0);
    const auto* const end = seen.cbegin() + seen_count;
    if (std::find(seen.cbegin(), end, hash) != end) return false;
    seen[seen_count++] = hash;
    return true;
}

// Whether it ends at a name of others. An alias that leads back to itself is told once.
bool Responder::follow(Trail& trail, ReplyDraft& draft, Random& random) const {
    for (; trail.hops <= cname_hops_max; ++trail.hops) {
        if (trail.place.kind == Place::Kind::outside) return true;
        draft.anchors.apex = draft.anchors.owner + trail.place.apex_at;
        const std::size_t cname_at = draft.at();
        const bool leads_on = answer_place(trail.type, trail.place, trail.answers, draft, random);
        // The core is gone: what is known goes on being answered, and says so (RFC 8914 §4.4).
        if (table_.freshness() == Freshness::stale) {
            draft.explain(draft.rcode() == Rcode::name_error ? ExtendedError::stale_name_error
                                                             : ExtendedError::stale_answer);
        }
        if (!leads_on || draft.truncated()) return false;
        draft.anchors.owner = cname_at + 12;
        const bool whole = read_name(draft.written(), draft.anchors.owner, trail.name);
        assert(whole);
        if (trail.hops == cname_hops_max || !trail.note(trail.name.whole())) return false;
        find(trail);
    }
    return false;
}

// Returns whether a CNAME was written that is to be followed.
bool Responder::answer_place(std::uint16_t type,
                             const Place& place,
                             const Answers* answers,
                             ReplyDraft& draft,
                             Random& random) const {
    if (place.kind == Place::Kind::apex && answer_apex(type, place, draft, random)) return false;
    if (place.kind == Place::Kind::address && answer_address(type, place.address, draft)) {
        return false;
    }
    const bool is_missing = place.kind == Place::Kind::missing ||
                            (place.kind == Place::Kind::key && answers == nullptr);
    if (is_missing) draft.fail(Rcode::name_error);
    if (answers != nullptr) {
        // Resolvers that ask for A on their way to SRV would take a CNAME beside it for all there is
        // (RFC 9156 §3, RFC 1034 §3.6.2); and nobody looks for a host below an underscore.
        const bool hidden = place.underscored && !answers->is_alias();
        if (const auto* found = find_answer(*answers, type, hidden)) {
            draft.add(Section::answer, *found, draft.anchors, random);
            return false;
        }
        const auto* cname = hidden ? nullptr : answers->find(Slot::cname);
        if (cname != nullptr && (leads_to_address(type) || answers->is_alias())) {
            draft.add(Section::answer, *cname, draft.anchors, random);
            return true;
        }
    }
    // RFC 2308 §3: the SOA of a negative answer has the time it may be cached for.
    const auto ttl = static_cast<std::uint32_t>(options_.negative_ttl.count());
    add_soa(Section::authority, *place.zone, std::min(ttl, apex::ttl), draft);
    return false;
}

// SOA and NS are the apex's own; ANY gets the SOA.
bool Responder::answer_apex(std::uint16_t type,
                            const Place& place,
                            ReplyDraft& draft,
                            Random& random) const {
    if (type == rr::soa || type == rr::any) {
        add_soa(Section::answer, *place.zone, apex::ttl, draft);
        return true;
    }
    if (type != rr::ns) return false;
    Rdata rdata;
    rdata.add(apex::name_server);
    add_domain(*place.zone, draft, rdata);
    const std::size_t target_at = draft.at() + 12;
    draft.add(Section::answer, draft.anchors.owner, rr::ns, class_in, apex::ttl, rdata.octets());
    const auto* server = table_.find(Space::forward, octets(apex::name_server));
    if (server == nullptr || place.zone->space != Space::forward) return true;
    for (const auto slot : {Slot::a, Slot::aaaa}) {
        const auto* address = server->find(slot);
        if (address == nullptr) continue;
        draft.add(Section::additional, *address, {target_at, draft.anchors.apex}, random);
    }
    return true;
}

// <hex address>.addr owns just that address.
bool Responder::answer_address(std::uint16_t type,
                               const IpAddress& address,
                               ReplyDraft& draft) const {
    const std::uint16_t own = address.is_v4() ? rr::a : rr::aaaa;
    if (type != own && type != rr::any) return false;
    draft.add(Section::answer,
              draft.anchors.owner,
              own,
              class_in,
              static_cast<std::uint32_t>(options_.ttl.count()),
              address.octets());
    return true;
}

// The domain at the end of a name in rdata: it is in the question, unless that is a reverse name.
void Responder::add_domain(const Zone& zone, const ReplyDraft& draft, Rdata& rdata) const {
    if (zone.space == Space::forward) {
        rdata.add_pointer(draft.anchors.apex);
    } else {
        rdata.add(grammar_.domain());
    }
}

void Responder::add_soa(Section section,
                        const Zone& zone,
                        std::uint32_t ttl,
                        ReplyDraft& draft) const {
    Rdata rdata;
    rdata.add(apex::name_server);
    add_domain(zone, draft, rdata);
    rdata.add(apex::hostmaster);
    add_domain(zone, draft, rdata);
    rdata.add_u32(table_.serial());
    rdata.add_u32(apex::refresh);
    rdata.add_u32(apex::retry);
    rdata.add_u32(apex::expire);
    rdata.add_u32(static_cast<std::uint32_t>(options_.negative_ttl.count()));
    draft.add(section, draft.anchors.apex, rr::soa, class_in, ttl, rdata.octets());
}

}  // namespace dns
