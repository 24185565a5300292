#pragma once
// Consul's filter expressions (go-bexpr), over the very objects that are sent.
//
// Fed by:  ?filter of catalog, health and agent reads.
// Read by: the handlers of those.
// Thread:  any; a Filter is a value.
// Holds:   every selector and its operator were checked when it was parsed: matches() cannot fail.
//          A path that goes through a list of objects (Checks.Status) matches if any element does.
// Fails:   a sentence fit for a 400 reply; also for expressions above 4 KiB, nested deeper than 32,
//          and regular expressions above 256 bytes.

#include <boost/json/fwd.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace http {

// The objects that can be filtered, which decides the selectors there are.
enum class Filtered {
    node,             // catalog/nodes
    service,          // agent/services, catalog/node, catalog/node-services
    service_entry,    // health/service
    catalog_service,  // catalog/service
    check,            // health/checks, health/node, health/state, agent/checks
    service_name,     // catalog/services: {ServiceName, ServiceTags}
};

class Filter {
public:
    struct Expression;

    Filter() = default;  // matches everything
    explicit Filter(std::shared_ptr<const Expression> root) : root_(std::move(root)) {}

    [[nodiscard]] bool matches(const boost::json::object& object) const;
    [[nodiscard]] bool empty() const { return root_ == nullptr; }

private:
    std::shared_ptr<const Expression> root_;
};

struct ParsedFilter {
    Filter filter;
    std::string error;  // a sentence; empty: fine
};

// An empty text matches everything.
ParsedFilter parse_filter(std::string_view text, Filtered what);

}  // namespace http
