#pragma once
// The records of one name, made from what instances and nodes say.
//
// Fed by:  AnswerCompiler and its parts, one instance or node at a time.
// Read by: AnswerTable, with what build() yields.
// Thread:  agent; a NameRecords is for one name.
// Holds:   duplicates are dropped: a set of records is a set (RFC 2181 §5). An answer fits one message.
// Fails:   what DNS cannot carry, and what is above the limits, is left out and counted.

#include "agent/service.hpp"
#include "dns/address.hpp"
#include "dns/answer.hpp"
#include "dns/compilation.hpp"
#include "dns/selection.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace dns {

// A name fit for hosts, in wire form.
std::optional<Labels> parse_hostname(std::string_view text);

class NameRecords {
public:
    NameRecords(Compilation& compilation, std::chrono::seconds ttl);

    // An address gives A or AAAA; a hostname is kept for the case that there is no address.
    void add_address(const std::string& text, std::uint16_t weight = 1);
    // One record of each entry, as Consul's.
    void add_txt(const std::map<std::string, std::string>& meta);
    // With the target's address among the additional records, if the target is ours.
    void add_srv(const Selected& selected, const agent::TaggedAddress& at_port);
    void add_ptr(const Labels& target);  // relative to the domain

    [[nodiscard]] AnswerSet build();

private:
    AnswerBuilder& at(Slot slot) { return builders_[static_cast<std::size_t>(slot)]; }
    bool add(Slot slot, std::uint16_t type, Octets rdata, std::uint16_t weight = 1);
    void add_extra(const Labels& owner, const IpAddress& ip);
    [[nodiscard]] Labels target_owner(const agent::InstanceView& instance,
                                      const std::string& address,
                                      const IpAddress& ip) const;

    Compilation& compilation_;
    std::uint32_t ttl_;
    std::array<AnswerBuilder, slot_count> builders_;
    std::map<std::pair<Slot, std::string>, std::size_t> seen_;
    std::set<Labels> owners_;
};

}  // namespace dns
