#pragma once
// Names that DNS UPDATE has made: one znode for each, all of them in memory on every agent.
//
// Fed by:  a TreeCache on /roster/dns; DynamicEntries writes there.
// Read by: dns, through DynamicPublications; LeaseReaper.
// Thread:  agent. Names are immutable and may be handed to any thread.
// Holds:   a name is told of exactly when its znode changed. The znode's own name is the name.
// Fails:   a znode that is none is skipped and counted, as is what goes beyond the limit.

#include "agent/catalog.hpp"
#include "coord/client/client.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

struct DynamicRecord {
    std::uint16_t type = 0;
    std::uint32_t ttl = 0;
    std::string rdata;            // on the wire, uncompressed
    std::string key = {};         // that signed its update
    std::int64_t expires_ms = 0;  // since 1970: the end of its lease; 0: until it is removed

    bool operator==(const DynamicRecord&) const = default;
};

struct DynamicName {
    std::string name;  // lower-case, below the domain: "printer.office"; dots in labels are escaped
    std::vector<DynamicRecord> records;

    bool operator==(const DynamicName&) const = default;
};

// What the znode holds: JSON, with rdata in hexadecimal.
std::string encode(const DynamicName& name);
Parsed<DynamicName> decode_dynamic_name(std::string_view json);  // its `name` is not in there

inline constexpr std::string_view dynamic_root = "/roster/dns";
std::string dynamic_path(std::string_view name);

inline constexpr std::size_t dynamic_names_max = 100'000;

struct DynamicPublication {
    CatalogIndex index{};
    std::vector<std::shared_ptr<const DynamicName>> names;
    std::vector<std::string> removed;
};

using DynamicSubscriber = std::function<void(const std::shared_ptr<const DynamicPublication>&)>;

class DynamicNames {
public:
    explicit DynamicNames(coord::Client& client);
    ~DynamicNames();
    DynamicNames(const DynamicNames&) = delete;
    DynamicNames& operator=(const DynamicNames&) = delete;

    // Before start(). Told first when everything has been read once, even if there is nothing.
    void subscribe(DynamicSubscriber subscriber);
    void start();
    void stop();

    // Completes once everything up to `zxid` was published.
    coord::Task<coord::Result<void>> reached(coord::Zxid zxid, std::chrono::milliseconds patience);
    [[nodiscard]] bool is_full() const;
    // The newest transaction that changed a name, if all that there is has been told.
    [[nodiscard]] std::optional<CatalogIndex> exact_at() const;
    // Of any thread.
    [[nodiscard]] std::vector<coord::Metric> metrics() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace agent
