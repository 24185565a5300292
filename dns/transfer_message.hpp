#pragma once
// One message of a transfer as it is written: records behind a header, names compressed.
//
// Fed by:  TransferStream; Notifier.
// Read by: Transfers and Notifier, which sign and send it.
// Thread:  its owner's.
// Holds:   names are compressed where RFC 3597 §4 allows it: owners, and the rdata of NS, CNAME, SOA
//          and PTR; never the target of SRV. Octets that are shared are the same in case too.

#include "dns/name.hpp"
#include "dns/query.hpp"
#include "dns/stored_records.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace dns {

namespace header_flag {
inline constexpr unsigned response = 0x8000;
inline constexpr unsigned authoritative = 0x0400;
inline constexpr unsigned wants_recursion = 0x0100;  // RD
}  // namespace header_flag

class TransferMessage {
public:
    // A reply with the id of `request`, and with its question if it has one to repeat.
    TransferMessage(std::uint16_t id, std::size_t bytes_max);

    void add_question(std::string_view name, std::uint16_t type);
    // To the answer section. False, and nothing is written, if there is no room.
    bool add(std::string_view owner, const StoredRecord& record);
    // Behind the last record. What answers a version of EDNS that is not ours says so.
    void add_opt(std::uint16_t payload, bool dnssec_ok, Rcode rcode);

    [[nodiscard]] bool empty() const { return answers_ == 0; }
    std::vector<std::uint8_t> finish(Rcode rcode, unsigned flags);
    std::vector<std::uint8_t> finish(unsigned flags);  // those of the header

private:
    void put_name(std::string_view name);
    void put_rdata(const StoredRecord& record);

    std::size_t bytes_max_;
    std::vector<std::uint8_t> octets_;
    std::unordered_map<std::string, std::uint16_t> names_;  // where each of them is
    std::vector<std::string> fresh_;                        // those of the record being written
    std::string last_owner_;
    std::size_t last_owner_at_ = 0;
    std::uint16_t answers_ = 0;
    std::uint16_t extras_ = 0;
    bool has_question_ = false;
};

}  // namespace dns
