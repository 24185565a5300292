#pragma once
// HTTPS and SVCB records (RFC 9460): where a service is, and which protocols it speaks there.
//
//   <service>.service                          HTTPS
//   _<port>._https.<service>.service           HTTPS  for https://<service>.service…:<port>
//   _<scheme>.<service>.service,
//   _<port>._<scheme>.<service>.service        SVCB   of any other scheme
//
// Fed by:  ServiceNames, with the instances that are answered.
// Read by: NameRecords.
// Thread:  any; pure functions.
// Holds:   if all that a name's addresses lead to are alike, one record leads to that name; else
//          each instance has its own. Parameters ascend (RFC 9460 §2.2).

#include "dns/address.hpp"
#include "dns/grammar.hpp"
#include "dns/selection.hpp"
#include "dns/target.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dns {

struct Binding {
    BindingSettings settings;
    std::uint16_t priority = 1;
    std::uint16_t port = 0;
    std::optional<Target> target = {};  // none: the name that has the service's addresses
    std::vector<IpAddress> hints = {};
};

std::vector<Binding> bindings_of(const Selection& selection, const Grammar& grammar);
// Its rdata; `own` is what it leads to if it has no target of its own.
std::vector<std::uint8_t> encode(const Binding& binding, const Labels& own);

}  // namespace dns
