#pragma once
// From the octets of queries to the octets of their replies, in place.
//
// Fed by:  UdpWorker and TcpListener, a batch of messages at a time.
// Read by: the same.
// Thread:  any number; const. The caller is inside a ReadSection and owns the Random.
// Holds:   pure but for the table: no clock, no I/O, no allocation but for signed queries. The question of the reply is
//          that of the query, octet for octet. No query makes SERVFAIL but an unsynced catalog.
//          A batch is looked up as one: while one name's memory is on its way, others are read.
// Fails:   Reply::bytes is 0 when nothing may be answered; `drop` says why.

#include "dns/address.hpp"
#include "dns/answer_table.hpp"
#include "dns/cookie.hpp"
#include "dns/forward_query.hpp"
#include "dns/grammar.hpp"
#include "dns/query.hpp"
#include "dns/random.hpp"
#include "dns/reply_draft.hpp"
#include "dns/signed_query.hpp"
#include "dns/transfer_rule.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace dns {

// RFC 1035 §4.2.1, and RFC 6891 §6.2.3 for less.
inline constexpr std::size_t udp_bytes_min = 512;

struct ResponderOptions {
    std::chrono::seconds ttl{1};           // of <hex address>.addr
    std::chrono::seconds negative_ttl{1};  // SOA MINIMUM
    std::string identity = {};             // CH TXT id.server, and NSID; empty: refused, and none
    std::string version = {};              // CH TXT version.bind; empty: refused
    bool version_for_all = false;          // not only to clients on this host
    std::vector<IpPrefix> allow = {};      // who is answered; clients on this host always are
    // Whose addresses are not forged: neither limited in rate nor, without a cookie, in size.
    std::vector<IpPrefix> trusted = {};
    std::vector<TransferRule> transfers = {};  // who is told by IXFR over UDP to come over TCP
    const TsigKeyring* keys = nullptr;         // of signed queries; null: signatures are ignored
    std::size_t unverified_bytes_max = 512;    // of a reply over UDP to anybody else
    Cookies cookies{{}, {}};
    bool forwards = false;                 // there is a forwarder ...
    std::vector<IpPrefix> recursion = {};  // ... for these, and for clients on this host
};

// Of a socket.
struct Transport {
    bool tcp = false;
    bool tls = false;
    bool loopback = false;             // the address listened on
    std::size_t udp_bytes_max = 1232;  // what we say in EDNS, and never exceed
    std::uint16_t keepalive = 0;       // of TCP, in units of 100 ms (RFC 7828)
};

// One query and its reply.
struct Exchange {
    // It begins with the `query_bytes` of the query and has room for the reply: for UDP the greater
    // of 512 and udp_bytes_max, for TCP 65,535.
    std::span<std::uint8_t> buffer;
    std::size_t query_bytes = 0;
    Client client;
    Reply reply;

private:
    friend class Responder;
    QueryFault fault = QueryFault::none;
    bool has_good_cookie = false;
    bool verified = false;
    bool forward = false;
    // The name of others that aliases of ours lead to, which stand behind the question already.
    std::array<std::uint8_t, name_bytes_max> target;
    std::uint8_t target_bytes = 0;
    std::uint16_t alias_count = 0;
    std::uint16_t alias_bytes = 0;
    bool is_wildcard = false;  // the name does not exist, but is answered by a wildcard
    std::shared_ptr<SignedQuery> signature;
    std::uint64_t hash = 0;
    const Answers* answers = nullptr;
    Query query;
    Place place;
};

class Responder {
public:
    Responder(const AnswerTable& table, const Grammar& grammar, ResponderOptions options);

    // Writes a reply into each buffer. Batches of a dozen are enough to hide the memory.
    void respond(std::span<Exchange> batch, const Transport& transport, Random& random) const;

    // For Reply::forward: what the forwarder has to know of the query ...
    static void hand_over(const Exchange& exchange, ForwardedQuery& query);
    // ... the reply from what it found out, in a buffer of 65,535 octets; or, if that leads to one
    // of our names and on to others, Reply::forward again, and `next` is what to find out ...
    [[nodiscard]] Reply relay(const ForwardedQuery& query,
                              const Relayed& relayed,
                              std::span<std::uint8_t> buffer,
                              Random& random,
                              std::optional<ForwardedQuery>& next) const;
    // ... and the reply if it cannot be handed over.
    void refuse_forward(Exchange& exchange, const Transport& transport) const;

    // Whether its address is its own: it shook hands, or asks from where nobody forges addresses.
    [[nodiscard]] bool is_trusted(const Client& client, const Transport& transport) const;
    [[nodiscard]] const Grammar& grammar() const { return grammar_; }

private:
    class Rdata;
    static constexpr std::size_t cname_hops_max = 8;
    // From CNAME to CNAME: the name that is next, where it is and what is there.
    struct Trail {
        std::uint16_t type;
        QueryName& name;
        Place& place;
        const Answers* answers = nullptr;
        std::size_t hops = 0;
        std::array<std::uint64_t, cname_hops_max + 3> seen = {};
        std::size_t seen_count = 0;

        bool note(Octets name);  // false if it has been there
    };

    void read(Exchange& exchange) const;
    void look_up(Exchange& exchange) const;
    [[nodiscard]] const Answers* find_wildcard(const QueryName& name, const Place& place) const;
    void write(Exchange& exchange, const Transport& transport, Random& random) const;
    void describe(Edns& edns,
                  bool has_good_cookie,
                  const Client& client,
                  const Transport& transport,
                  OptContent& opt) const;
    [[nodiscard]] static std::size_t
    without_signature(std::size_t limit, const Query& query, const SignedQuery* signature);
    [[nodiscard]] std::size_t
    limit_of(const Edns& edns, const Transport& transport, bool verified) const;
    void forward(Exchange& exchange, ReplyDraft& draft, bool recursive) const;
    static void forward_target(Exchange& exchange, const ReplyDraft& draft, const Trail& trail);
    static std::size_t
    add_relayed(const ForwardedQuery& query, const Relayed& relayed, ReplyDraft& draft);
    bool complete(const ForwardedQuery& query,
                  std::size_t home_at,
                  ReplyDraft& draft,
                  Random& random,
                  std::optional<ForwardedQuery>& next) const;
    [[nodiscard]] std::shared_ptr<SignedQuery> check_signature(const Exchange& exchange) const;
    [[nodiscard]] bool is_verified(Exchange& exchange, const Transport& transport) const;
    [[nodiscard]] static std::uint64_t subject_of(const Exchange& exchange);
    void
    answer(Exchange& exchange, const Transport& transport, ReplyDraft& draft, Random& random) const;
    void
    answer_transfer(const Exchange& exchange, const Transport& transport, ReplyDraft& draft) const;
    void answer_chaos(const Query& query, bool tell_version, ReplyDraft& draft) const;
    void answer_zones(Exchange& exchange, ReplyDraft& draft, bool recursive, Random& random) const;
    bool refuse_unsynced(ReplyDraft& draft) const;
    void find(Trail& trail) const;
    bool follow(Trail& trail, ReplyDraft& draft, Random& random) const;
    bool answer_place(std::uint16_t type,
                      const Place& place,
                      const Answers* answers,
                      ReplyDraft& draft,
                      Random& random) const;
    bool
    answer_apex(std::uint16_t type, const Place& place, ReplyDraft& draft, Random& random) const;
    bool answer_address(std::uint16_t type, const IpAddress& address, ReplyDraft& draft) const;
    void add_soa(Section section, const Zone& zone, std::uint32_t ttl, ReplyDraft& draft) const;
    void add_domain(const Zone& zone, const ReplyDraft& draft, Rdata& rdata) const;

    const AnswerTable& table_;
    const Grammar& grammar_;
    ResponderOptions options_;
};

}  // namespace dns
