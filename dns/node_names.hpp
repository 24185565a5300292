#pragma once
// <node>.node, and ns: this agent.
//
// Fed by:  AnswerCompiler, with the nodes that the catalog publishes.
// Read by: AnswerTable; ReverseNames.
// Thread:  agent.
// Fails:   a name that DNS cannot carry is left out and counted.

#include "agent/catalog.hpp"
#include "dns/compilation.hpp"
#include "dns/reverse_names.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace dns {

class NodeNames {
public:
    NodeNames(Compilation& compilation, ReverseNames& reverse);

    void update(const std::shared_ptr<const agent::NodeView>& view);
    void remove(std::string_view name);
    // What the reverse names of a node's addresses lead to.
    [[nodiscard]] std::optional<Labels> reverse_target(const Labels& key) const;

private:
    struct Node {
        // Names that differ only in case are one name of DNS: it answers for all of them.
        std::map<std::string, std::shared_ptr<const agent::NodeView>, std::less<>> views;
        std::set<IpAddress> addresses;  // whose reverse names are ours
    };

    void rebuild(const Labels& key, Node& node);
    [[nodiscard]] AnswerSet compile(const Node& node);
    void publish_name_server();

    Compilation& compilation_;
    ReverseNames& reverse_;
    std::map<Labels, Node, std::less<>> nodes_;  // by key
};

}  // namespace dns
