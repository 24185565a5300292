#pragma once
// The records at a name, as clients are told of them.
//
// Fed by:  Updater, for prerequisites about names that are made of something else than updates.
// Thread:  any, as the Responder's.

#include "dns/responder.hpp"
#include "dns/update_zone.hpp"

namespace dns {

// `name` is complete and lower-case; of type ANY it is enough to know that there are some.
ZoneRecords records_at(const Responder& responder, const Labels& name, std::uint16_t type);

}  // namespace dns
