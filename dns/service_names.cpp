#include "dns/service_names.hpp"

#include "coord/base/log.hpp"
#include "dns/name_records.hpp"

#include <utility>

namespace dns {

namespace {

// Tagged addresses that have a port are named ports, but for Consul's own tags.
bool is_port_name(std::string_view tag, const agent::TaggedAddress& address) {
    return address.port != 0 && tag != "lan" && tag != "wan" && agent::is_dns_label(tag);
}

constexpr std::string_view web_scheme = "https";

// Where an instance listens, by default or under the name of a port, lower-case.
agent::TaggedAddress endpoint(const agent::InstanceView& instance, std::string_view port) {
    std::string address(instance.address());
    if (port.empty()) return {std::move(address), instance.record.port()};
    for (const auto& [tag, tagged] : instance.record.tagged_addresses()) {
        if (fold(tag) != port || !is_port_name(tag, tagged)) continue;
        return {tagged.address.empty() ? std::move(address) : tagged.address, tagged.port};
    }
    return {};
}

spdlog::logger& log() {
    static auto& logger = coord::logger("dns");
    return logger;
}

}  // namespace

ServiceNames::ServiceNames(Compilation& compilation, ReverseNames& reverse)
    : compilation_(compilation), reverse_(reverse), browse_(compilation) {
    compilation_.table.hold(Space::forward, "\7service");
    compilation_.table.hold(Space::forward, "\4addr");
    compilation_.table.hold(Space::forward, "\2dc");
}

void ServiceNames::update(const std::shared_ptr<const agent::ServiceView>& view) {
    const auto key = Grammar::service_key(view->name);
    if (!key) return compilation_.counters.unpublishable.add();
    auto& service = services_[*key];
    if (service.views.empty()) {
        hold_implied("tcp");
        service.browsable = browse_.covers(view->name);
        if (service.browsable) browse_.add_type(*key, view->name);
    }
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
    for (const auto& tags : service.tags) remove_tags(service, tags);
    rebuild_ports(service, {});
    rebuild_bindings(service, {}, {});
    if (service.browsable) {
        browse_.remove_type(*key);
        browse_.put_instances(name, {}, {}, {}, service.instances);
    }
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
    const auto& counters = compilation_.counters;
    const auto before = counters.unpublishable.value() + counters.records_left_out.value();
    put_names(key, service, candidates);
    tell(service, counters.unpublishable.value() + counters.records_left_out.value() - before);
    reverse_.track(ReverseNames::Side::service, key, service.addresses, std::move(addresses));
}

// Once, until nothing is left out any more: a service may be compiled a hundred times a second.
void ServiceNames::tell(Service& service, std::uint64_t left_out) {
    if (left_out > 0 && !service.is_told) {
        log().warn("of service {} something is not in the DNS: names or addresses that it cannot "
                   "carry, or records above its limits",
                   service.views.begin()->first);
    }
    service.is_told = left_out > 0;
}

// Zones that are transferred are the same on every agent, wherever it is.
void ServiceNames::put_names(const Labels& key,
                             Service& service,
                             const std::vector<Candidate>& candidates) {
    auto& table = compilation_.table;
    auto& near = compilation_.options.selection;
    const bool differs = table.has_draft() && !near.zone.empty();
    if (differs) table.aim(NameWriter::Aim::table);
    put_selected(key, service, candidates);
    if (!differs) return;
    table.aim(NameWriter::Aim::draft);
    const auto zone = std::exchange(near.zone, {});
    put_selected(key, service, candidates);
    near.zone = zone;
    table.aim(NameWriter::Aim::both);
}

void ServiceNames::put_selected(const Labels& key,
                                Service& service,
                                const std::vector<Candidate>& candidates) {
    Candidates all;
    for (const auto& candidate : candidates) all.push_back(&candidate);
    const auto& name = service.views.begin()->first;
    const auto selection = select(all, compilation_.options.selection);
    auto records = compile(name, selection);
    if (service.browsable) {
        browse_.add_pointers(name, selection, records);
        browse_.put_instances(name, all, selection, ttl_of(name, selection), service.instances);
    }
    compilation_.table.put(Space::forward, key, records.build());
    rebuild_tags(service, candidates);
    rebuild_ports(service, candidates);
    rebuild_bindings(service, candidates, selection);
}

// A tag exists, whatever the health of those that have it; so do tags that an instance has together.
void ServiceNames::rebuild_tags(Service& service, const std::vector<Candidate>& candidates) {
    const auto& name = service.views.begin()->first;
    std::map<Tags, Candidates> groups;  // those that have exactly these
    for (const auto& candidate : candidates) {
        auto tags = tags_of(candidate.instance->record.tags());
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
        put_tags(service, tags, select(tagged, compilation_.options.selection));
        if (tags.size() == 1 && !service.tags.contains(tags)) hold_implied(tags.front());
    }
    for (const auto& tags : service.tags) {
        if (!chosen.contains(tags)) remove_tags(service, tags);
    }
    service.tags = std::move(chosen);
}

void ServiceNames::put_tags(const Service& service, const Tags& tags, const Selection& selection) {
    const auto& name = service.views.begin()->first;
    compilation_.table.put(
        Space::forward, Grammar::tags_key(tags, name).value(), compile(name, selection).build());
    if (const auto key = subtype_of(service, tags)) {
        NameRecords pointers(compilation_, ttl_of(name, selection));
        browse_.add_pointers(name, selection, pointers);
        compilation_.table.put(Space::forward, *key, pointers.build());
    }
}

void ServiceNames::remove_tags(const Service& service, const Tags& tags) {
    const auto& name = service.views.begin()->first;
    compilation_.table.remove(Space::forward, Grammar::tags_key(tags, name).value());
    if (const auto key = subtype_of(service, tags)) compilation_.table.remove(Space::forward, *key);
    if (tags.size() == 1) release_implied(tags.front());
}

// RFC 6763 §7.1: a tag is a subtype, if it is one tag.
std::optional<Labels> ServiceNames::subtype_of(const Service& service, const Tags& tags) const {
    if (!service.browsable || tags.size() != 1) return std::nullopt;
    auto key = Grammar::subtype_key(tags.front(), service.views.begin()->first);
    if (!key || !compilation_.grammar.fits(*key)) return std::nullopt;
    return key;
}

// A port's name exists, whatever the health of those that have it.
void ServiceNames::rebuild_ports(Service& service, const std::vector<Candidate>& candidates) {
    const auto& name = service.views.begin()->first;
    std::map<std::string, Candidates> by_port;
    for (const auto& candidate : candidates) {
        for (const auto& [port, address] : candidate.instance->record.tagged_addresses()) {
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
            const auto selection = select(having, compilation_.options.selection);
            compilation_.table.put(Space::forward, *key, compile(name, selection, port).build());
            ports.insert(port);
        }
    }
    for (const auto& port : service.ports) {
        if (ports.contains(port)) continue;
        compilation_.table.remove(Space::forward, Grammar::port_key(port, name).value());
    }
    service.ports = std::move(ports);
}

// Where RFC 9460 §2.3 looks for a scheme, or for an origin with a port in its URL.
void ServiceNames::rebuild_bindings(Service& service,
                                    const std::vector<Candidate>& candidates,
                                    const Selection& selection) {
    const auto& name = service.views.begin()->first;
    std::map<Labels, NameRecords> records;
    const auto each_key = [&](const BindingSettings& settings, std::uint16_t port, auto use) {
        const bool is_web = settings.scheme == web_scheme;
        if (!is_web) use(Grammar::binding_key(0, settings.scheme, name));
        if (port != 0) use(Grammar::binding_key(port, settings.scheme, name));
    };
    for (const auto& candidate : candidates) {
        if (!candidate.binding) continue;
        const auto port = candidate.instance->record.port();
        each_key(*candidate.binding, port, [&](const auto& key) {
            if (!key) return compilation_.counters.unpublishable.add();
            if (records.contains(*key)) return;
            if (records.size() >= compilation_.options.ports_max) {
                return compilation_.counters.ports_left_out.add();
            }
            records.try_emplace(*key, compilation_, ttl_of(name, selection));
        });
    }
    const auto own = compilation_.grammar.service_target(name);
    for (const auto& binding : bindings_of(selection, compilation_.grammar)) {
        const auto slot = binding.settings.scheme == web_scheme ? Slot::https : Slot::svcb;
        each_key(binding.settings, binding.port, [&](const auto& key) {
            const auto found = key ? records.find(*key) : records.end();
            if (found != records.end() && own) found->second.add_binding(slot, binding, *own);
        });
    }
    for (auto& [key, made] : records) {
        compilation_.table.put(Space::forward, key, made.build());
    }
    for (const auto& key : service.bindings) {
        if (!records.contains(key)) compilation_.table.remove(Space::forward, key);
    }
    service.bindings.clear();
    for (const auto& [key, made] : records) service.bindings.insert(key);
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
NameRecords ServiceNames::compile(const std::string& service,
                                  const Selection& selection,
                                  std::string_view port) {
    NameRecords records(compilation_, ttl_of(service, selection));
    bool weighted = false;
    for (const auto& selected : selection.instances) {
        weighted |= selected.weight != selection.instances.front().weight;
    }
    for (const auto& selected : selection.instances) {
        const auto at_port = endpoint(*selected.instance, port);
        if (selected.first) records.add_address(at_port.address, weighted ? selected.weight : 1);
        records.add_srv(selected, at_port);
        records.add_txt(selected.instance->record.meta());
    }
    if (port.empty()) {
        for (const auto& binding : bindings_of(selection, compilation_.grammar)) {
            if (binding.settings.scheme == web_scheme) records.add_binding(Slot::https, binding);
        }
    }
    return records;
}

std::chrono::seconds ServiceNames::ttl_of(const std::string& service,
                                          const Selection& selection) const {
    if (selection.ttl) return *selection.ttl;
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
