#include "dns/update_lease.hpp"

#include "dns/answer.hpp"
#include "dns/query.hpp"

#include <algorithm>

namespace dns {

namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr std::uint16_t update_lease_option = 2;
constexpr seconds least{30};  // RFC 9664 §8
constexpr seconds most_of_all = hours(24);
constexpr seconds most_of_key = hours(24 * 7);

seconds read_seconds(Octets from) {
    return seconds(std::uint32_t{read_u16(from, 0)} << 16U | read_u16(from, 2));
}

// What the rule says goes before what is usual, also if it is less than that.
seconds within(seconds asked, seconds most) { return std::min(std::max(asked, least), most); }

}  // namespace

bool read_update_lease(Octets options, std::optional<UpdateLease>& lease) {
    while (!options.empty()) {
        if (options.size() < 4) return false;
        const auto code = read_u16(options, 0);
        const std::size_t size = read_u16(options, 2);
        options = options.subspan(4);
        if (options.size() < size) return false;
        const auto value = options.first(size);
        options = options.subspan(size);
        if (code != update_lease_option) continue;
        if (lease || (size != 4 && size != 8)) return false;
        lease = UpdateLease{.all = read_seconds(value)};
        if (size == 8) lease->key = read_seconds(value.subspan(4));
    }
    return true;
}

void append_update_lease(std::vector<std::uint8_t>& to, const UpdateLease& lease) {
    append_u16(to, update_lease_option);
    append_u16(to, lease.key ? 8 : 4);
    append_u32(to, static_cast<std::uint32_t>(lease.all.count()));
    if (lease.key) append_u32(to, static_cast<std::uint32_t>(lease.key->count()));
}

UpdateLease grant(const UpdateLease& asked, seconds most) {
    const bool is_usual = most.count() == 0;
    UpdateLease granted{within(asked.all, is_usual ? most_of_all : most)};
    if (asked.key) granted.key = within(*asked.key, is_usual ? most_of_key : most);
    return granted;
}

}  // namespace dns
