#include "dns/service_names.hpp"

#include "dns/name_records.hpp"

#include <utility>

namespace dns {

namespace {

// Tagged addresses that have a port are named ports, but for Consul's own tags.
bool is_port_name(std::string_view tag, const agent::TaggedAddress& address) {
    return address.port != 0 && tag != "lan" && tag != "wan" && agent::is_dns_label(tag);
}

// Where an instance listens, by default or under the name of a port, lower-case.
agent::TaggedAddress endpoint(const agent::InstanceView& instance, std::string_view port) {
    const auto& service = instance.record.service;
    if (port.empty()) return {instance.address(), service.port};
    for (const auto& [tag, tagged] : service.tagged_addresses) {
        if (fold(tag) != port || !is_port_name(tag, tagged)) continue;
        return {tagged.address.empty() ? instance.address() : tagged.address, tagged.port};
    }
    return {};
}

}  // namespace

ServiceNames::ServiceNames(Compilation& compilation, ReverseNames& reverse)
    : compilation_(compilation), reverse_(reverse) {
    compilation_.table.hold(Space::forward, "\7service");
    compilation_.table.hold(Space::forward, "\4addr");
}

void ServiceNames::update(const std::shared_ptr<const agent::ServiceView>& view) {
    const auto key = Grammar::service_key(view->name);
    if (!key) return compilation_.counters.unpublishable.add();
    auto& service = services_[*key];
    if (service.views.empty()) hold_implied("tcp");
    service.views[view->name] = view;
    rebuild(*key, service);
}

void ServiceNames::remove(std::string_view name) {
    const auto key = Grammar::service_key(name);
    const auto found = key ? services_.find(*key) : services_.end();
    if (found == services_.end()) return;
    auto& service = found->second;
    const auto view = service.views.find(name);
    if (view == service.views.end()) return;
    if (service.views.size() > 1) {
        service.views.erase(view);
        return rebuild(*key, service);
    }
    for (const auto& tags : service.tags) remove_tags(view->first, tags);
    rebuild_ports(service, {});
    reverse_.track(ReverseNames::Side::service, *key, service.addresses, {});
    compilation_.table.remove(Space::forward, *key);
    release_implied("tcp");
    services_.erase(found);
}

void ServiceNames::rebuild(const Labels& key, Service& service) {
    compilation_.counters.rebuilt.add();
    std::vector<Candidate> candidates;
    std::set<IpAddress> addresses;
    for (const auto& [name, view] : service.views) {
        for (const auto& instance : view->instances) {
            reverse_.collect(instance.address(), addresses);
            candidates.emplace_back(instance);
            compilation_.counters.settings_ignored.add(candidates.back().faults);
        }
    }
    Candidates all;
    for (const auto& candidate : candidates) all.push_back(&candidate);
    compilation_.table.put(Space::forward, key, compile(service.views.begin()->first, all));
    rebuild_tags(service, candidates);
    rebuild_ports(service, candidates);
    reverse_.track(ReverseNames::Side::service, key, service.addresses, std::move(addresses));
}

// A tag exists, whatever the health of those that have it; so do tags that an instance has together.
void ServiceNames::rebuild_tags(Service& service, const std::vector<Candidate>& candidates) {
    const auto& name = service.views.begin()->first;
    std::map<Tags, Candidates> groups;  // those that have exactly these
    for (const auto& candidate : candidates) {
        auto tags = tags_of(candidate.instance->record.service.tags);
        if (!tags.empty()) groups[std::move(tags)].push_back(&candidate);
    }
    std::map<std::string_view, std::vector<const std::pair<const Tags, Candidates>*>> groups_of;
    for (const auto& group : groups) {
        for (const auto& tag : group.first) groups_of[tag].push_back(&group);
    }
    std::set<Tags> kinds;
    for (const auto& [tags, having] : groups) kinds.insert(tags);
    auto chosen = choose_tag_sets(name, kinds, compilation_.options, compilation_.counters);
    for (const auto& tags : chosen) {
        Candidates tagged;
        for (const auto* group : groups_of.at(tags.front())) {
            if (!has_all(group->first, tags)) continue;
            tagged.insert(tagged.end(), group->second.begin(), group->second.end());
        }
        compilation_.table.put(
            Space::forward, Grammar::tags_key(tags, name).value(), compile(name, tagged));
        if (tags.size() == 1 && !service.tags.contains(tags)) hold_implied(tags.front());
    }
    for (const auto& tags : service.tags) {
        if (!chosen.contains(tags)) remove_tags(name, tags);
    }
    service.tags = std::move(chosen);
}

void ServiceNames::remove_tags(const std::string& service, const Tags& tags) {
    compilation_.table.remove(Space::forward, Grammar::tags_key(tags, service).value());
    if (tags.size() == 1) release_implied(tags.front());
}

// A port's name exists, whatever the health of those that have it.
void ServiceNames::rebuild_ports(Service& service, const std::vector<Candidate>& candidates) {
    const auto& name = service.views.begin()->first;
    std::map<std::string, Candidates> by_port;
    for (const auto& candidate : candidates) {
        for (const auto& [port, address] : candidate.instance->record.service.tagged_addresses) {
            if (!is_port_name(port, address)) continue;
            auto& having = by_port[fold(port)];
            if (having.empty() || having.back() != &candidate) having.push_back(&candidate);
        }
    }
    std::set<std::string> ports;
    for (const auto& [port, having] : by_port) {
        const auto key = Grammar::port_key(port, name);
        if (!key) {
            compilation_.counters.unpublishable.add();
        } else if (ports.size() >= compilation_.options.ports_max) {
            compilation_.counters.ports_left_out.add();
        } else {
            compilation_.table.put(Space::forward, *key, compile(name, having, port));
            ports.insert(port);
        }
    }
    for (const auto& port : service.ports) {
        if (ports.contains(port)) continue;
        compilation_.table.remove(Space::forward, Grammar::port_key(port, name).value());
    }
    service.ports = std::move(ports);
}

void ServiceNames::hold_implied(std::string_view tag) {
    for (const auto& name : Grammar::implied_by_tag(tag))
        compilation_.table.hold(Space::forward, name);
}

void ServiceNames::release_implied(std::string_view tag) {
    for (const auto& name : Grammar::implied_by_tag(tag))
        compilation_.table.release(Space::forward, name);
}

// A, AAAA and CNAME have no priority to tell by: they have only those that come first.
AnswerSet ServiceNames::compile(const std::string& service,
                                const Candidates& candidates,
                                std::string_view port) {
    const auto selection = select(candidates, compilation_.options.selection);
    NameRecords records(compilation_, selection.ttl ? *selection.ttl : ttl_of(service));
    bool weighted = false;
    for (const auto& selected : selection.instances) {
        weighted |= selected.weight != selection.instances.front().weight;
    }
    for (const auto& selected : selection.instances) {
        const auto at_port = endpoint(*selected.instance, port);
        if (selected.first) records.add_address(at_port.address, weighted ? selected.weight : 1);
        records.add_srv(selected, at_port);
        records.add_txt(selected.instance->record.service.meta);
    }
    return records.build();
}

std::chrono::seconds ServiceNames::ttl_of(const std::string& service) const {
    const auto& configured = compilation_.options.service_ttl;
    if (configured.empty()) return compilation_.options.ttl;
    if (const auto exact = configured.find(service); exact != configured.end()) {
        return exact->second;
    }
    for (std::size_t length = service.size() + 1; length > 0; --length) {
        const auto prefix = configured.find(service.substr(0, length - 1) + "*");
        if (prefix != configured.end()) return prefix->second;
    }
    return compilation_.options.ttl;
}

std::optional<Labels> ServiceNames::reverse_target(const Labels& key) const {
    return compilation_.grammar.service_target(services_.at(key).views.begin()->first);
}

}  // namespace dns
