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
#include "dns/service_bindings.hpp"
#include "dns/target.hpp"

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
#include <vector>

namespace dns {

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
    // A pointer to an instance of DNS-SD along with its own records, if `described`.
    void add_instance(const Labels& name, const Selected& selected, bool described);
    // HTTPS or SVCB, whose `own` name is that of the service: "" where that is this name.
    void add_binding(Slot slot, const Binding& binding, const Labels& own = {});
    // The one TXT record of an instance of DNS-SD; it has at least an empty string.
    void add_attributes(const std::map<std::string, std::string>& meta);

    [[nodiscard]] AnswerSet build();

private:
    AnswerBuilder& at(Slot slot) { return builders_[static_cast<std::size_t>(slot)]; }
    bool add(Slot slot, std::uint16_t type, Octets rdata, std::uint16_t weight = 1);
    void add_address_of(const Target& target, Slot beside);

    Compilation& compilation_;
    std::uint32_t ttl_;
    std::array<AnswerBuilder, slot_count> builders_;
    std::map<std::pair<Slot, std::string>, std::size_t> seen_;
    std::set<std::pair<Slot, Labels>> owners_;  // of additional addresses
};

}  // namespace dns
