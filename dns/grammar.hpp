#pragma once
// The names we answer: which zone a name is in, and what it stands for there.
//
// Fed by:  the configuration (domain, datacenter, reverse prefixes), once.
// Read by: Responder (locate, for each query), AnswerCompiler (the same names, made).
// Thread:  any; immutable once built.
// Holds:   the two directions agree: what the compiler puts under a key is what locate finds.
// Fails:   construction throws std::runtime_error with one line (a domain that is no name).
//
//   <service>.service   [<tag>. …]<tag>.<service>.service   _<service>._<tag|tcp>[.service]
//   _<port>._tcp.<service>.service   _<number>._<scheme>.<service>.service
//   <node>.node         <hex address>.addr        ns
//   <instance>._<service>._tcp   _<tag>._sub._<service>._tcp   <what>._dns-sd._udp   (RFC 6763)
//
// each with an optional .<datacenter> before the domain. A service, or a service with a tag, has one
// key however it was asked for, with several tags in whatever order. A node's name may have dots, a
// service's or a tag's may not. No name begins with an asterisk: it would answer for others (RFC 4592).

#include "dns/address.hpp"
#include "dns/name.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dns {

// Keys of the table are relative: to the domain, or to "arpa".
enum class Space : std::uint8_t { forward, reverse };

struct Zone {
    Space space = Space::forward;
    Labels apex;  // lower-case, complete
    // Among zones(); none: of loopback, where every host is its own.
    std::optional<std::uint16_t> number = {};
};

struct Place {
    enum class Kind {
        outside,  // in no zone of ours
        apex,
        implied,  // exists, but owns nothing: the parent of other names
        missing,  // no such name, whatever is registered
        address,  // of one <hex address>.addr
        key,      // ask the table
    };
    Kind kind = Kind::outside;
    const Zone* zone = nullptr;
    std::size_t apex_at = 0;  // offset of the zone's apex in the name
    std::size_t end = 0;      // of the labels below the domain, and below the datacenter
    bool underscored = false;  // RFC 8552: a name for SRV and its like, no host's
    Octets key;               // into the QueryName, or into `composed`
    IpAddress address;
    std::array<std::uint8_t, 272> composed;
};

class Grammar {
public:
    Grammar(std::string_view domain,
            std::string_view datacenter,
            const std::vector<std::string>& reverse_prefixes);
    Grammar(const Grammar&) = delete;  // zones_ points into it
    Grammar& operator=(const Grammar&) = delete;

    // `place` points into `name` afterwards.
    void locate(const QueryName& name, Place& place) const;
    // Is this address's reverse name in one of our zones?
    [[nodiscard]] bool is_ours(const IpAddress& address) const;

    [[nodiscard]] const Labels& domain() const { return forward_.apex; }
    [[nodiscard]] const std::string& datacenter() const { return datacenter_; }
    // Those that can be transferred: the domain first, then the reverse zones of the configuration.
    [[nodiscard]] const std::vector<const Zone*>& zones() const { return zones_; }
    // Null if the key is in none.
    [[nodiscard]] const Zone* zone_of(Space space, std::string_view key) const;
    // Every name that is answered from this key, complete and lower-case; of several tags only in
    // the key's own order.
    [[nodiscard]] std::vector<Labels> spellings(Space space, std::string_view key) const;

    // Keys, lower-case; empty if DNS cannot carry the name.
    static std::optional<Labels> service_key(std::string_view service);
    // `tags` are in order, lower-case and different; at most so many of them.
    static constexpr std::size_t tags_together_max = 4;
    static std::optional<Labels> tags_key(const std::vector<std::string>& tags,
                                          std::string_view service);
    // _<port>._tcp.<service>.service
    static std::optional<Labels> port_key(std::string_view port, std::string_view service);
    // _<port>._<scheme>.<service>.service; without a port for 0
    static std::optional<Labels>
    binding_key(std::uint16_t port, std::string_view scheme, std::string_view service);
    static std::optional<Labels> node_key(std::string_view node);
    // _<service>._tcp, as DNS-SD calls the service; case kept.
    static std::optional<Labels> type_of(std::string_view service);
    // _<tag>._sub._<service>._tcp
    static std::optional<Labels> subtype_key(std::string_view tag, std::string_view service);
    // Whether a name is short enough below the domain.
    [[nodiscard]] bool fits(const Labels& labels) const {
        return labels.size() + forward_.apex.size() <= name_bytes_max;
    }
    // The names that exist only because _<service>._<tag> does; "tcp" stands for every service.
    static std::vector<Labels> implied_by_tag(std::string_view tag);

    // The same names with their datacenter, as targets: case kept, relative to the domain. Empty
    // if the whole name would not fit.
    [[nodiscard]] std::optional<Labels> node_target(std::string_view node) const;
    [[nodiscard]] std::optional<Labels> service_target(std::string_view service) const;
    [[nodiscard]] Labels address_target(const IpAddress& address) const;

private:
    void locate_forward(const QueryName& name, std::size_t labels, Place& place) const;
    void locate_reverse(const QueryName& name, Place& place) const;
    void add_reverse(const IpPrefix& prefix, bool is_numbered);
    void number(Zone& zone);
    [[nodiscard]] std::optional<Labels> target(std::optional<Labels> labels) const;

    Zone forward_;
    std::string datacenter_;        // as configured
    std::string datacenter_label_;  // lower-case
    std::map<Labels, Zone, std::less<>> reverse_;
    std::vector<IpPrefix> prefixes_;
    std::vector<const Zone*> zones_;
};

}  // namespace dns
