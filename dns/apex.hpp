#pragma once
// What stands at the apex of each of our zones.
//
// Fed by:  constants.
// Read by: Responder (answers), TransferStream (zones).
// Thread:  any.

#include <cstdint>
#include <string_view>

namespace dns::apex {

inline constexpr std::string_view name_server{"\2ns"};          // below the domain
inline constexpr std::string_view hostmaster{"\12hostmaster"};  // likewise
inline constexpr std::uint32_t ttl = 3600;                      // of SOA and NS
inline constexpr std::uint32_t refresh = 3600;
inline constexpr std::uint32_t retry = 600;
inline constexpr std::uint32_t expire = 86'400;

}  // namespace dns::apex
