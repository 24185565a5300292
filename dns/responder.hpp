#pragma once
// From the octets of a query to the octets of its reply, in place.
//
// Fed by:  UdpWorker and TcpListener, one message at a time.
// Read by: the same.
// Thread:  any number; const. The caller is inside a ReadSection and owns the Random.
// Holds:   pure but for the table: no clock, no I/O, no allocation. The question of the reply is
//          that of the query, octet for octet. No query makes SERVFAIL but an unsynced catalog.
// Fails:   Reply::bytes is 0 when nothing may be answered; `drop` says why.

#include "dns/answer_table.hpp"
#include "dns/grammar.hpp"
#include "dns/query.hpp"
#include "dns/random.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace dns {

struct ResponderOptions {
    std::chrono::seconds ttl{1};           // of <hex address>.addr
    std::chrono::seconds negative_ttl{1};  // SOA MINIMUM
    std::string identity;                  // CH TXT id.server
    std::string version;                   // CH TXT version.bind, to clients on this host only
};

struct Transport {
    bool tcp = false;
    bool loopback = false;             // the address listened on
    std::size_t udp_bytes_max = 1232;  // what we say in EDNS, and never exceed
};

enum class Drop { none, too_short, response };

struct Reply {
    std::size_t bytes = 0;
    Rcode rcode = Rcode::no_error;
    std::uint16_t type = 0;  // asked for; 0 if the question could not be read
    bool truncated = false;
    Drop drop = Drop::none;
};

class Responder {
public:
    Responder(const AnswerTable& table, const Grammar& grammar, ResponderOptions options);

    // `buffer` begins with the `query_bytes` of the query and has room for the reply: for UDP the
    // greater of 512 and udp_bytes_max, for TCP 65,535.
    Reply respond(std::span<std::uint8_t> buffer,
                  std::size_t query_bytes,
                  const Transport& transport,
                  Random& random) const;

private:
    class Draft;
    class Rdata;
    enum class Section { answer, authority, additional };

    void answer(const Query& query, const Transport& transport, Draft& draft, Random& random) const;
    void answer_chaos(const Query& query, const Transport& transport, Draft& draft) const;
    void look_up(const Query& query, Draft& draft, Random& random) const;
    bool answer_place(std::uint16_t type, const Place& place, Draft& draft, Random& random) const;
    bool answer_apex(std::uint16_t type, const Place& place, Draft& draft, Random& random) const;
    bool answer_address(std::uint16_t type, const IpAddress& address, Draft& draft) const;
    void add_soa(Section section, const Zone& zone, std::uint32_t ttl, Draft& draft) const;
    void add_domain(const Zone& zone, const Draft& draft, Rdata& rdata) const;

    const AnswerTable& table_;
    const Grammar& grammar_;
    ResponderOptions options_;
};

}  // namespace dns
