#include "dns/node_names.hpp"

#include "dns/name_records.hpp"

#include <utility>

namespace dns {

NodeNames::NodeNames(Compilation& compilation, ReverseNames& reverse)
    : compilation_(compilation), reverse_(reverse) {
    compilation_.table.hold(Space::forward, "\4node");
    publish_name_server();
}

void NodeNames::update(const std::shared_ptr<const agent::NodeView>& view) {
    const auto key = Grammar::node_key(view->record.name);
    if (!key) return compilation_.counters.unpublishable.add();
    auto& node = nodes_[*key];
    node.views[view->record.name] = view;
    rebuild(*key, node);
    if (view->record.name == compilation_.options.node) publish_name_server();
}

void NodeNames::remove(std::string_view name) {
    const auto key = Grammar::node_key(name);
    const auto node = key ? nodes_.find(*key) : nodes_.end();
    if (node == nodes_.end() || node->second.views.erase(std::string(name)) == 0) return;
    if (node->second.views.empty()) {
        reverse_.track(ReverseNames::Side::node, *key, node->second.addresses, {});
        compilation_.table.remove(Space::forward, *key);
        nodes_.erase(node);
    } else {
        rebuild(*key, node->second);
    }
    if (name == compilation_.options.node) publish_name_server();
}

void NodeNames::rebuild(const Labels& key, Node& node) {
    compilation_.counters.rebuilt.add();
    compilation_.table.put(Space::forward, key, compile(node));
    std::set<IpAddress> addresses;
    for (const auto& [name, view] : node.views) {
        reverse_.collect(view->record.address, addresses);
    }
    reverse_.track(ReverseNames::Side::node, key, node.addresses, std::move(addresses));
}

AnswerSet NodeNames::compile(const Node& node) {
    NameRecords records(compilation_, compilation_.options.ttl);
    for (const auto& [name, view] : node.views) {
        records.add_address(view->record.address);
        records.add_txt(view->record.meta);
    }
    return records.build();
}

// ns.<domain> is this agent: whoever got an answer from it can ask it again.
void NodeNames::publish_name_server() {
    const auto key = Grammar::node_key(compilation_.options.node);
    const auto node = key ? nodes_.find(*key) : nodes_.end();
    NameRecords records(compilation_, compilation_.options.ttl);
    if (node != nodes_.end() && node->second.views.contains(compilation_.options.node)) {
        records.add_address(node->second.views.at(compilation_.options.node)->record.address);
    } else {
        records.add_address(compilation_.options.address);
    }
    compilation_.table.put(Space::forward, "\2ns", records.build());
}

std::optional<Labels> NodeNames::reverse_target(const Labels& key) const {
    return compilation_.grammar.node_target(nodes_.at(key).views.begin()->first);
}

}  // namespace dns
