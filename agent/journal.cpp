#include "agent/journal.hpp"

#include <algorithm>
#include <cassert>
#include <tuple>
#include <utility>

namespace agent {
namespace {

constexpr std::size_t output_bytes_max = 200;  // of a check, quoted as the reason
// A session's znodes all go at once, but are told by two watches: the instances' and the node's.
constexpr std::int64_t same_moment_ms = 2000;

constexpr std::string_view gone = "gone";
constexpr std::string_view deregistered = "deregistered";

auto order_of(const InstanceView& instance) {
    const auto& record = instance.record;
    return std::tuple(record.node(), record.id(), record.znode());
}

std::string name_of(const InstanceView& instance) {
    return std::string(instance.record.id()).append("@").append(instance.record.node());
}

std::string first_line(std::string_view output) {
    const auto line = output.substr(0, output.find('\n'));
    return std::string(line.substr(0, output_bytes_max));
}

std::string describe(const Check& check) {
    const auto& id = check.definition.id;
    const auto owner = check.definition.service_id.empty() ? "check of the node " : "check ";
    const auto output = first_line(check.status.output);
    return owner + id + (output.empty() ? "" : ": " + output);
}

const Check* find_check(const std::vector<Check>& checks, const std::string& id) {
    const auto found = std::find_if(
        checks.begin(), checks.end(), [&](const Check& c) { return c.definition.id == id; });
    return found == checks.end() ? nullptr : &*found;
}

// The check whose own health went the way of the whole.
const Check*
culprit(const std::vector<Check>& before, const std::vector<Check>& after, Health now) {
    const Check* changed = nullptr;
    for (const auto& check : after) {
        const auto* old = find_check(before, check.definition.id);
        if (old != nullptr && old->status.health == check.status.health) continue;
        if (check.status.health == now) return &check;
        if (changed == nullptr) changed = &check;
    }
    return changed;
}

const std::vector<Check>& node_checks(const InstanceView& instance) {
    static const std::vector<Check> none;
    return instance.node ? instance.node->record.checks : none;
}

std::string why_health(const InstanceView& before, const InstanceView& after) {
    const auto had = before.record.checks();
    const auto has = after.record.checks();
    const auto* own = culprit(had, has, after.health);
    const auto* of_node = culprit(node_checks(before), node_checks(after), after.health);
    if (own == nullptr || (of_node != nullptr && own->status.health != after.health)) own = of_node;
    if (own != nullptr) return describe(*own);
    if (had.size() > has.size()) return "a check was removed";
    return after.node ? "" : "its node is not known";
}

std::string why_maintenance(const InstanceView& instance) {
    if (const auto own = instance.record.maintenance()) return own->reason;
    const auto& reason = instance.node->record.maintenance->reason;
    return "of the node" + (reason.empty() ? "" : ": " + reason);
}

std::string why_registered(const InstanceView& instance) {
    const auto& record = instance.record;
    if (!record.external()) return "by node " + std::string(record.node());
    return record.znode().find('@') == std::string_view::npos ? "by another program"
                                                              : "through the catalog";
}

bool are_defined_alike(const std::vector<Check>& before, const std::vector<Check>& after) {
    const auto is_alike = [](const Check& x, const Check& y) {
        return x.definition == y.definition;
    };
    return std::equal(before.begin(), before.end(), after.begin(), after.end(), is_alike);
}

// Names of what differs, as the user gave it.
std::string differences(const InstanceView& before, const InstanceView& after) {
    std::string names;
    const auto differs = [&](bool is_different, std::string_view name) {
        if (is_different) names.append(names.empty() ? "" : ", ").append(name);
    };
    const auto& a = before.record;
    const auto& b = after.record;
    const bool is_new = !a.is_same(b);
    differs(before.address() != after.address(), "address");
    differs(is_new && a.port() != b.port(), "port");
    differs(is_new && a.tags() != b.tags(), "tags");
    differs(is_new && a.meta() != b.meta(), "meta");
    differs(is_new && a.tagged_addresses() != b.tagged_addresses(), "tagged addresses");
    differs(is_new && a.weights() != b.weights(), "weights");
    differs(before.zone() != after.zone(), "zone");
    differs(is_new && !are_defined_alike(a.checks(), b.checks()), "checks");
    return names;
}

}  // namespace

Journal::Journal(std::size_t entries_max, std::function<std::int64_t()> clock_ms)
    : entries_max_(entries_max), clock_ms_(std::move(clock_ms)) {
    assert(clock_ms_);
}

void Journal::record(const Publication& publication) {
    for (const auto& name : publication.removed_nodes) {
        if (nodes_.erase(name) > 0) blame_node(name);
    }
    for (const auto& node : publication.nodes) nodes_[node->record.name] = node;
    for (const auto& after : publication.services) {
        auto& before = services_[after->name];
        if (begun_) compare(before.get(), *after);
        before = after;
    }
    for (const auto& name : publication.removed_services) {
        const auto found = services_.find(name);
        if (found == services_.end()) continue;
        auto empty = *found->second;
        empty.index = publication.index;
        empty.instances.clear();
        compare(found->second.get(), empty);
        note(empty, nullptr, std::string(gone), "it had no instances any more");
        services_.erase(found);
    }
    begun_ = begun_ || publication.synced;
}

std::vector<JournalEntry> Journal::entries(std::string_view service, std::size_t limit) const {
    std::vector<JournalEntry> found;
    for (auto entry = entries_.rbegin(); entry != entries_.rend() && found.size() < limit;
         ++entry) {
        if (service.empty() || entry->service == service) found.push_back(*entry);
    }
    std::reverse(found.begin(), found.end());
    return found;
}

// Both lists are in order: one pass over the two.
void Journal::compare(const ServiceView* before, const ServiceView& after) {
    static const std::vector<InstanceView> none;
    if (before == nullptr) note(after, nullptr, "registered", "its first instance");
    const auto& old = before == nullptr ? none : before->instances;
    auto was = old.begin();
    auto is = after.instances.begin();
    while (was != old.end() || is != after.instances.end()) {
        const bool is_new =
            was == old.end() || (is != after.instances.end() && order_of(*is) < order_of(*was));
        const bool is_gone =
            !is_new && (is == after.instances.end() || order_of(*was) < order_of(*is));
        if (is_new) {
            note(after, &*is, "registered", why_registered(*is));
            ++is;
        } else if (is_gone) {
            note(after, &*was, std::string(gone), why_gone(*was));
            ++was;
        } else {
            compare(after, *was++, *is++);
        }
    }
}

void Journal::compare(const ServiceView& service,
                      const InstanceView& before,
                      const InstanceView& after) {
    if (before.maintenance != after.maintenance) {
        note(service,
             &after,
             after.maintenance ? "maintenance on" : "maintenance off",
             after.maintenance ? why_maintenance(after) : "");
    }
    if (before.health != after.health && !after.maintenance && !before.maintenance) {
        auto what = std::string(format(before.health));
        what.append(" -> ").append(format(after.health));
        note(service, &after, std::move(what), why_health(before, after));
    }
    if (auto names = differences(before, after); !names.empty())
        note(service, &after, "changed", std::move(names));
}

std::string Journal::why_gone(const InstanceView& instance) const {
    const std::string node(instance.record.node());
    if (instance.node && !nodes_.contains(node)) return "the session of node " + node + " ended";
    return std::string(deregistered);
}

// What went a moment ago without a reason went with its node.
void Journal::blame_node(const std::string& node) {
    const auto now = clock_ms_();
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
        if (entry->time_ms + same_moment_ms < now) return;
        if (entry->what == gone && entry->why == deregistered &&
            entry->instance.ends_with("@" + node))
            entry->why = "the session of node " + node + " ended";
    }
}

void Journal::note(const ServiceView& service,
                   const InstanceView* instance,
                   std::string what,
                   std::string why) {
    entries_.push_back({clock_ms_(),
                        service.index,
                        service.name,
                        instance == nullptr ? "" : name_of(*instance),
                        std::move(what),
                        std::move(why)});
    if (entries_.size() <= entries_max_) return;
    entries_.pop_front();
    ++dropped_;
}

}  // namespace agent
