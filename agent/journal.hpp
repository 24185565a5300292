#pragma once
// Why the catalog changed: the last changes of each service, in words.
//
// Fed by:  Catalog's publications (the view before and after).
// Read by: http (/v1/roster/journal), `roster explain`.
// Thread:  agent.
// Holds:   a bounded ring, oldest entries go first; the number dropped is counted. What was there
//          when the agent came is no change; neither is another output of a check.

#include "agent/catalog.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

struct JournalEntry {
    std::int64_t time_ms = 0;  // milliseconds since 1970
    CatalogIndex index{};
    std::string service;
    std::string instance;  // "<id>@<node>"; empty for the service as a whole
    std::string what;  // "registered", "gone", "passing -> critical", "changed", "maintenance on"
    std::string why;  // "check tcp:8080: connection refused", "the session of node host1 ended", …
};

class Journal {
public:
    Journal(std::size_t entries_max, std::function<std::int64_t()> clock_ms);

    void record(const Publication& publication);
    // Newest last; `service` empty: of all.
    [[nodiscard]] std::vector<JournalEntry> entries(std::string_view service,
                                                    std::size_t limit) const;
    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

private:
    void compare(const ServiceView* before, const ServiceView& after);
    void compare(const ServiceView& service, const InstanceView& before, const InstanceView& after);
    void note(const ServiceView& service,
              const InstanceView* instance,
              std::string what,
              std::string why);
    void blame_node(const std::string& node);
    [[nodiscard]] std::string why_gone(const InstanceView& instance) const;

    std::size_t entries_max_;
    std::function<std::int64_t()> clock_ms_;
    std::deque<JournalEntry> entries_;
    std::map<std::string, std::shared_ptr<const ServiceView>, std::less<>> services_;
    std::map<std::string, std::shared_ptr<const NodeView>, std::less<>> nodes_;
    bool begun_ = false;  // what the first full read finds is no change
    std::uint64_t dropped_ = 0;
};

}  // namespace agent
