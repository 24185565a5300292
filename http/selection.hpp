#pragma once
// Which instances, nodes and checks a read asks for: tag, passing, node-meta, near and filter.
//
// Fed by:  the query parameters of catalog and health reads.
// Read by: catalog_api, health_api.
// Thread:  any; a Selection is a value.
// Holds:   instances keep the catalog's order (node name, then service id) unless `near` is given;
//          clients pair catalog/service and health/service by position.

#include "agent/catalog.hpp"
#include "http/api.hpp"
#include "http/blocking_query.hpp"
#include "http/filter.hpp"

#include <string>
#include <variant>
#include <vector>

namespace http {

struct Selection {
    ReadOptions read;
    Filter filter;
    std::vector<std::string> tags;  // an instance has all of them
    bool passing = false;

    [[nodiscard]] bool has_node_meta(const agent::NodeView* node) const;
    [[nodiscard]] std::vector<const agent::InstanceView*> of(const agent::ServiceView& view) const;
};

// A Response is the refusal of a bad parameter.
std::variant<Selection, Response>
parse_selection(const Api& api, const Request& request, Filtered what);

// "" and "1", "t", "true" … are true, as Go reads a boolean; nothing for what is neither.
std::optional<bool> parse_flag(std::string_view text);

}  // namespace http
