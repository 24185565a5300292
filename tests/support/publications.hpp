#pragma once
// Publications made by hand: nodes and services as the catalog would publish them.
//
// Fed by:  tests of the rooms that read the catalog.
// Thread:  the test's.

#include "agent/catalog.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace support {

inline std::shared_ptr<const agent::NodeView>
make_node(const std::string& name, const std::string& address, agent::NodeRecord record = {}) {
    record.name = name;
    record.address = address;
    record.datacenter = "dc1";
    return std::make_shared<const agent::NodeView>(agent::NodeView{std::move(record)});
}

// An instance on a node; `address` empty means the node's.
struct Instance {
    std::shared_ptr<const agent::NodeView> node;
    std::string address = {};
    std::uint16_t port = 8080;
    std::vector<std::string> tags = {};
    agent::Health health = agent::Health::passing;
    bool maintenance = false;
    agent::Weights weights = {};
    std::map<std::string, std::string> meta = {};
    std::string zone = {};
    std::map<std::string, agent::TaggedAddress> tagged_addresses = {};
};

inline std::shared_ptr<const agent::ServiceView>
make_service(const std::string& name, const std::vector<Instance>& instances) {
    agent::ServiceView view;
    view.name = name;
    view.instances.reserve(instances.size());  // As the catalog does.
    for (const auto& from : instances) {
        agent::InstanceRecord record;
        record.service.id = name + "-" + std::to_string(view.instances.size() + 1);
        record.service.name = name;
        record.service.address = from.address;
        record.service.port = from.port;
        record.service.tags = from.tags;
        record.service.weights = from.weights;
        record.service.meta = from.meta;
        record.service.zone = from.zone;
        record.service.tagged_addresses = from.tagged_addresses;
        record.datacenter = "dc1";
        if (from.node) {
            record.node = from.node->record.name;
            record.node_address = from.node->record.address;
        }
        view.instances.push_back({.record = agent::PackedRecord(record),
                                  .node = from.node,
                                  .health = from.health,
                                  .maintenance = from.maintenance});
    }
    return std::make_shared<const agent::ServiceView>(std::move(view));
}

// As if its znode held what `edit` makes of it.
template <class Edit>
void change_record(agent::InstanceView& instance, Edit edit) {
    auto record = instance.record.unpack();
    edit(record);
    instance.record = agent::PackedRecord(record);
}

inline agent::Publication publication(std::uint64_t index) {
    agent::Publication result;
    result.index = agent::CatalogIndex{index};
    result.synced = true;
    result.connected = true;
    result.exact = true;
    result.changed_at = result.index;
    return result;
}

}  // namespace support
