#pragma once
// An InstanceRecord, small: all of it in one immutable piece of memory.
//
// Fed by:  Catalog, with what a znode holds.
// Read by: InstanceView, and who reads one: a million of them are held, and few are looked at.
// Thread:  any; a value. Copies share the memory.
// Holds:   unpack() gives what was packed. The views and texts given are valid as long as any copy.
//          What is asked for all the time costs no allocation; lists are made anew at every call.

#include "agent/service.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

class PackedRecord {
public:
    explicit PackedRecord(const InstanceRecord& record);  // of a znode with the name it should have
    PackedRecord(const InstanceRecord& record, std::string_view znode);

    [[nodiscard]] InstanceRecord unpack() const;

    [[nodiscard]] std::string_view id() const;
    [[nodiscard]] std::string_view node() const;
    [[nodiscard]] std::string_view znode() const;  // its znode's name, unique within the service
    [[nodiscard]] std::string_view service() const;
    [[nodiscard]] std::string_view address() const;  // its own
    [[nodiscard]] std::string_view zone() const;     // its own
    [[nodiscard]] std::string_view node_address() const;
    [[nodiscard]] std::string_view datacenter() const;
    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] Weights weights() const;
    [[nodiscard]] Health health() const;  // of its checks and its maintenance, not its node's
    [[nodiscard]] bool external() const;

    [[nodiscard]] std::vector<std::string_view> tags() const;
    [[nodiscard]] std::map<std::string, std::string> meta() const;
    [[nodiscard]] std::map<std::string, TaggedAddress> tagged_addresses() const;
    [[nodiscard]] std::optional<DnsOrigin> dns() const;
    [[nodiscard]] std::optional<Maintenance> maintenance() const;
    [[nodiscard]] std::vector<Check> checks() const;

    // Whether both are copies of one: then nothing differs.
    [[nodiscard]] bool is_same(const PackedRecord& other) const { return octets_ == other.octets_; }

private:
    std::shared_ptr<const char[]> octets_;  // NOLINT(*-avoid-c-arrays): sized at run time
};

}  // namespace agent
