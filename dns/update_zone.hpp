#pragma once
// Instances and dynamic names as the records of a zone, and back.
//
// Fed by:  Updater, with what it read from the tree.
// Read by: UpdateTransaction, which changes the records; Updater (the changes of the tree).
// Thread:  any; pure.
// Holds:   an instance of UPDATE's is its records: to_change(to_records(x)) changes nothing.
//
// An instance with an address has A or AAAA; with a port it has SRV too, whose target is
// <hexadecimal address>.addr or, without an address, its hostname. Instances that UPDATE has made
// are called by address and port.

#include "agent/dynamic_entries.hpp"
#include "dns/grammar.hpp"
#include "dns/query.hpp"
#include "dns/update_message.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace dns {

struct ZoneRecord {
    enum class Hold : std::uint8_t {
        own,         // of UPDATE
        implied,     // of UPDATE too: the address of an own SRV
        registered,  // through the API, by nobody's session; this key may remove it
        fixed,       // through the API, or held by an agent: not to be touched
    };
    std::uint16_t type = 0;
    std::uint32_t ttl = 0;
    std::string rdata;
    Hold hold = Hold::own;
    std::string key = {};         // of own ones: that signed the update
    std::int64_t expires_ms = 0;  // likewise; 0: until it is removed
    std::string path = {};        // of the instance it was made of

    [[nodiscard]] bool is_own() const { return hold == Hold::own || hold == Hold::implied; }
};

using ZoneRecords = std::vector<ZoneRecord>;
using ZoneState = std::map<UpdateTarget, ZoneRecords>;

std::optional<IpAddress> ip_of(std::string_view rdata);  // of A or AAAA

// Names in rdata have no case.
std::string canonical_rdata(std::uint16_t type, std::string rdata);

class UpdateZone {
public:
    explicit UpdateZone(const Grammar& grammar) : grammar_(grammar) {}

    // `may_remove`: of registered instances that no session holds.
    [[nodiscard]] ZoneRecords to_records(const std::vector<agent::HeldInstance>& instances,
                                         bool may_remove) const;
    [[nodiscard]] static ZoneRecords to_records(const agent::DynamicName& name);

    // What two rdata of one meaning have in common: names have no case, and an address in a target
    // has several spellings.
    [[nodiscard]] std::string canonical(std::uint16_t type, const std::string& rdata) const;

    // The address behind the target of an SRV, if it is one of <hexadecimal address>.addr.
    [[nodiscard]] std::optional<IpAddress> address_of(std::string_view srv_rdata) const;

    // What has to be written so that the service has these records.
    void add_service_change(const std::string& service,
                            const ZoneRecords& records,
                            const agent::DynamicView& view,
                            std::int64_t now_ms,
                            agent::DynamicChange& change) const;
    static void add_name_change(const std::string& name,
                                const ZoneRecords& records,
                                const agent::DynamicView& view,
                                agent::DynamicChange& change);

private:
    [[nodiscard]] ZoneRecords records_of(const agent::HeldInstance& instance,
                                         bool may_remove) const;
    [[nodiscard]] agent::InstanceRecord instance_of(const std::string& service,
                                                    const ZoneRecord& record) const;
    [[nodiscard]] std::map<std::string, agent::InstanceRecord>
    instances_of(const std::string& service, const ZoneRecords& records) const;

    const Grammar& grammar_;
};

}  // namespace dns
