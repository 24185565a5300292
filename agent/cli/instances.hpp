#pragma once
// The instances of a service as the API tells them, and what changed from one answer to the next.
//
// Fed by:  services and watch, with the bodies of /v1/health/service.
// Thread:  any; pure functions.
// Fails:   a body that is not what the API promises yields no value.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

struct Instance {
    std::string node;
    std::string id;
    std::string address;  // its own, or its node's
    std::uint16_t port = 0;
    std::string health;  // passing, warning, critical, maintenance
    std::vector<std::string> tags;
    std::map<std::string, std::string> meta;

    bool operator==(const Instance&) const = default;
};

std::optional<std::vector<Instance>> parse_instances(std::string_view json);

struct InstanceChange {
    enum class Kind { added, removed, changed };

    Kind kind{};
    Instance instance;  // as it is now; removed: as it was
    std::string what;   // changed: "critical -> passing", "address"
};

// Removals first, then additions and changes in the order of `after`.
std::vector<InstanceChange> compare(const std::vector<Instance>& before,
                                    const std::vector<Instance>& after);

}  // namespace agent
