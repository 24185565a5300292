#include "dns/answer_compiler.hpp"

#include "dns/query.hpp"
#include "dns/reply_draft.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace dns {

namespace {

// What is left of a message over TCP after the longest question and OPT.
constexpr std::size_t answer_bytes_max = 65'535 - header_bytes - name_bytes_max - 4 - opt_bytes_max;
// RFC 6763 §6.2 wants TXT small; this only keeps one node's metadata from filling a message.
constexpr std::size_t txt_bytes_max = 4096;

bool is_hostname(std::string_view text) {
    return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz"
                                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                   "0123456789-_.") == std::string_view::npos;
}

std::optional<Labels> hostname(std::string_view text) {
    if (!is_hostname(text)) return std::nullopt;
    return parse_name(text);
}

std::string replaced(std::string_view text, char what, std::string_view with) {
    std::string result;
    for (const char c : text) {
        if (c == what) {
            result += with;
        } else {
            result += c;
        }
    }
    return result;
}

// RFC 1464: "key=value", with the key's own backquotes, equals signs and outer spaces quoted. A key
// that starts with rfc1035- gives its bare value, as in Consul.
std::string txt_text(const std::string& key, const std::string& value) {
    if (key.starts_with("rfc1035-")) return value;
    std::string quoted = replaced(replaced(key, '`', "``"), '=', "`=");
    const auto first = std::min(quoted.find_first_not_of(' '), quoted.size());
    const auto last = quoted.find_last_not_of(' ');
    std::string spaced;
    for (std::size_t i = 0; i < quoted.size(); ++i) {
        if (i < first || (last != std::string::npos && i > last)) spaced += '`';
        spaced += quoted[i];
    }
    return spaced + "=" + replaced(value, '`', "``");
}

std::uint32_t count_of(std::chrono::seconds ttl) { return static_cast<std::uint32_t>(ttl.count()); }

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

using Tags = std::vector<std::string>;  // lower-case, in order, each once

bool contains(const Tags& all, const Tags& some) {
    return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

// The sets in `tags` that have one more than those of `smaller`: each is made once, by appending a
// greater one. False if there is no room for one of them.
template <class Accept>
bool add_larger(const Tags& tags,
                const std::set<Tags>& smaller,
                Accept accept,
                std::size_t& room,
                std::set<Tags>& larger) {
    for (const auto& part : smaller) {
        if (!contains(tags, part)) continue;
        auto more = std::upper_bound(tags.begin(), tags.end(), part.back());
        for (; more != tags.end(); ++more) {
            auto set = part;
            set.push_back(*more);
            if (larger.contains(set) || !accept(set)) continue;
            if (room == 0) return false;
            --room;
            larger.insert(std::move(set));
        }
    }
    return true;
}

Tags tags_of(const agent::InstanceView& instance) {
    std::set<std::string> tags;
    for (const auto& tag : instance.record.service.tags) tags.insert(fold(tag));
    return {tags.begin(), tags.end()};
}

}  // namespace

// The records of one name. Duplicates are dropped: a set of records is a set (RFC 2181 §5).
class AnswerCompiler::Builder {
public:
    Builder(AnswerCompiler& compiler, std::chrono::seconds ttl)
        : compiler_(compiler), ttl_(count_of(ttl)) {}

    // An address gives A or AAAA; a hostname is kept for the case that there is no address.
    void add_address(const std::string& text, std::uint16_t weight = 1) {
        if (const auto ip = parse_ip(text)) {
            add(ip->is_v4() ? Slot::a : Slot::aaaa,
                ip->is_v4() ? rr::a : rr::aaaa,
                ip->octets(),
                weight);
        } else if (const auto host = hostname(text)) {
            add(Slot::cname, rr::cname, octets(*host), weight);
        } else if (!text.empty()) {
            compiler_.counters_.unpublishable.add();
        }
    }

    void add_txt(const std::map<std::string, std::string>& meta) {
        for (const auto& [key, value] : meta) {
            if (is_setting(key)) continue;
            const auto rdata = text_rdata(txt_text(key, value));
            if (rdata.size() <= txt_bytes_max) {
                add(Slot::txt, rr::txt, rdata);
            } else {
                compiler_.counters_.records_left_out.add();
            }
        }
    }

    void add_srv(const Selected& selected, const agent::TaggedAddress& at_port) {
        const auto& instance = *selected.instance;
        const auto& address = at_port.address;
        std::vector<std::uint8_t> rdata;
        append_u16(rdata, selected.priority);
        append_u16(rdata, selected.weight);
        append_u16(rdata, at_port.port);
        if (const auto ip = parse_ip(address)) {
            const Labels owner = target_owner(instance, address, *ip);
            append(rdata, octets(owner));
            append(rdata, octets(compiler_.grammar_.domain()));
            if (add(Slot::srv, rr::srv, rdata)) add_extra(owner, *ip);
        } else if (const auto host = hostname(address)) {
            append(rdata, octets(*host));
            add(Slot::srv, rr::srv, rdata);
        }
    }

    void add_ptr(const Labels& target) {
        add(Slot::ptr, rr::ptr, octets(target + compiler_.grammar_.domain()));
    }

    AnswerSet build() {
        AnswerSet set;
        // A CNAME stands alone (RFC 2181 §10.1), so an address beats it.
        if (!at(Slot::a).empty() || !at(Slot::aaaa).empty()) at(Slot::cname) = {};
        at(Slot::cname).pick_one();
        for (std::size_t i = 0; i < slot_count; ++i) set.slots[i] = builders_[i].build();
        return set;
    }

private:
    AnswerBuilder& at(Slot slot) { return builders_[static_cast<std::size_t>(slot)]; }

    // A record that is there already has the weights of both: it stands for two instances.
    bool add(Slot slot, std::uint16_t type, Octets rdata, std::uint16_t weight = 1) {
        auto& builder = at(slot);
        const auto [seen, is_new] =
            seen_.try_emplace(std::pair(slot, std::string(text(rdata))), builder.count());
        if (!is_new) {
            if (seen->second < builder.count()) builder.add_weight(seen->second, weight);
            return false;
        }
        if (builder.count() >= compiler_.options_.records_max ||
            builder.bytes() + 12 + rdata.size() > answer_bytes_max) {
            seen->second = SIZE_MAX;
            compiler_.counters_.records_left_out.add();
            return false;
        }
        builder.add(type, ttl_, rdata, weight);
        return true;
    }

    void add_extra(const Labels& owner, const IpAddress& ip) {
        if (!owners_.insert(owner).second) return;
        at(Slot::srv).add_extra(
            owner, ip.is_v4() ? rr::a : rr::aaaa, count_of(compiler_.options_.ttl), ip.octets());
    }

    // The node's name if it leads to this address; it does not while the node is not published.
    Labels target_owner(const agent::InstanceView& instance,
                        const std::string& address,
                        const IpAddress& ip) {
        if (instance.node && address == instance.node->record.address) {
            if (auto node = compiler_.grammar_.node_target(instance.record.node)) return *node;
        }
        return compiler_.grammar_.address_target(ip);
    }

    AnswerCompiler& compiler_;
    std::uint32_t ttl_;
    std::array<AnswerBuilder, slot_count> builders_;
    std::map<std::pair<Slot, std::string>, std::size_t> seen_;
    std::set<Labels> owners_;
};

AnswerCompiler::AnswerCompiler(AnswerTable& table, const Grammar& grammar, CompilerOptions options)
    : table_(table), grammar_(grammar), options_(std::move(options)) {
    // The kinds exist before anything is registered, and so does the name server.
    for (const auto* kind : {"\7service", "\4node", "\4addr"}) table_.hold(Space::forward, kind);
    publish_name_server();
}

void AnswerCompiler::apply(const agent::Publication& publication) {
    for (const auto& node : publication.nodes) update_node(node);
    for (const auto& service : publication.services) update_service(service);
    for (const auto& name : publication.removed_services) remove_service(name);
    for (const auto& name : publication.removed_nodes) remove_node(name);
    rebuild_reverse();
    const auto known = publication.connected ? Freshness::current : Freshness::stale;
    table_.commit(static_cast<std::uint32_t>(publication.index),
                  publication.synced ? known : Freshness::unsynced);
}

void AnswerCompiler::update_node(const std::shared_ptr<const agent::NodeView>& view) {
    const auto key = Grammar::node_key(view->record.name);
    if (!key) return counters_.unpublishable.add();
    auto& node = nodes_[*key];
    node.views[view->record.name] = view;
    rebuild_node(*key, node);
    if (view->record.name == options_.node) publish_name_server();
}

void AnswerCompiler::remove_node(std::string_view name) {
    const auto key = Grammar::node_key(name);
    const auto node = key ? nodes_.find(*key) : nodes_.end();
    if (node == nodes_.end() || node->second.views.erase(std::string(name)) == 0) return;
    if (node->second.views.empty()) {
        track(*key, &Reverse::nodes, node->second.addresses, {});
        table_.remove(Space::forward, *key);
        nodes_.erase(node);
    } else {
        rebuild_node(*key, node->second);
    }
    if (name == options_.node) publish_name_server();
}

void AnswerCompiler::rebuild_node(const Labels& key, Node& node) {
    counters_.rebuilt.add();
    table_.put(Space::forward, key, compile(node));
    std::set<IpAddress> addresses;
    for (const auto& [name, view] : node.views) {
        const auto ip = parse_ip(view->record.address);
        if (ip && grammar_.is_ours(*ip)) addresses.insert(*ip);
    }
    track(key, &Reverse::nodes, node.addresses, std::move(addresses));
}

AnswerSet AnswerCompiler::compile(const Node& node) {
    Builder builder(*this, options_.ttl);
    for (const auto& [name, view] : node.views) {
        builder.add_address(view->record.address);
        builder.add_txt(view->record.meta);
    }
    return builder.build();
}

// ns.<domain> is this agent: whoever got an answer from it can ask it again.
void AnswerCompiler::publish_name_server() {
    const auto key = Grammar::node_key(options_.node);
    const auto node = key ? nodes_.find(*key) : nodes_.end();
    Builder builder(*this, options_.ttl);
    if (node != nodes_.end() && node->second.views.contains(options_.node)) {
        builder.add_address(node->second.views.at(options_.node)->record.address);
    } else {
        builder.add_address(options_.address);
    }
    table_.put(Space::forward, "\2ns", builder.build());
}

void AnswerCompiler::update_service(const std::shared_ptr<const agent::ServiceView>& view) {
    const auto key = Grammar::service_key(view->name);
    if (!key) return counters_.unpublishable.add();
    auto& service = services_[*key];
    if (service.views.empty()) hold_implied("tcp");
    service.views[view->name] = view;
    rebuild_service(*key, service);
}

void AnswerCompiler::remove_service(std::string_view name) {
    const auto key = Grammar::service_key(name);
    const auto found = key ? services_.find(*key) : services_.end();
    if (found == services_.end()) return;
    auto& service = found->second;
    const auto view = service.views.find(name);
    if (view == service.views.end()) return;
    if (service.views.size() > 1) {
        service.views.erase(view);
        return rebuild_service(*key, service);
    }
    for (const auto& tags : service.tags) remove_tags(view->first, tags);
    rebuild_ports(service, {});
    track(*key, &Reverse::services, service.addresses, {});
    table_.remove(Space::forward, *key);
    release_implied("tcp");
    services_.erase(found);
}

void AnswerCompiler::rebuild_service(const Labels& key, Service& service) {
    counters_.rebuilt.add();
    std::vector<Candidate> candidates;
    std::set<IpAddress> addresses;
    for (const auto& [name, view] : service.views) {
        for (const auto& instance : view->instances) {
            const auto ip = parse_ip(instance.address());
            if (ip && grammar_.is_ours(*ip)) addresses.insert(*ip);
            candidates.emplace_back(instance);
            counters_.settings_ignored.add(candidates.back().faults);
        }
    }
    Candidates all;
    for (const auto& candidate : candidates) all.push_back(&candidate);
    table_.put(Space::forward, key, compile(service.views.begin()->first, all));
    rebuild_tags(service, candidates);
    rebuild_ports(service, candidates);
    track(key, &Reverse::services, service.addresses, std::move(addresses));
}

// A tag exists, whatever the health of those that have it; so do tags that an instance has together.
void AnswerCompiler::rebuild_tags(Service& service, const std::vector<Candidate>& candidates) {
    const auto& name = service.views.begin()->first;
    std::map<Tags, Candidates> groups;  // those that have exactly these
    for (const auto& candidate : candidates) {
        auto tags = tags_of(*candidate.instance);
        if (!tags.empty()) groups[std::move(tags)].push_back(&candidate);
    }
    std::map<std::string_view, std::vector<const std::pair<const Tags, Candidates>*>> groups_of;
    for (const auto& group : groups) {
        for (const auto& tag : group.first) groups_of[tag].push_back(&group);
    }
    auto chosen = choose_tags(name, groups);
    for (const auto& tags : chosen) {
        Candidates tagged;
        for (const auto* group : groups_of.at(tags.front())) {
            if (!contains(group->first, tags)) continue;
            tagged.insert(tagged.end(), group->second.begin(), group->second.end());
        }
        table_.put(Space::forward, Grammar::tags_key(tags, name).value(), compile(name, tagged));
        if (tags.size() == 1 && !service.tags.contains(tags)) hold_implied(tags.front());
    }
    for (const auto& tags : service.tags) {
        if (!chosen.contains(tags)) remove_tags(name, tags);
    }
    service.tags = std::move(chosen);
}

void AnswerCompiler::remove_tags(const std::string& service, const Tags& tags) {
    table_.remove(Space::forward, Grammar::tags_key(tags, service).value());
    if (tags.size() == 1) release_implied(tags.front());
}

// A port's name exists, whatever the health of those that have it.
void AnswerCompiler::rebuild_ports(Service& service, const std::vector<Candidate>& candidates) {
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
            counters_.unpublishable.add();
        } else if (ports.size() >= options_.ports_max) {
            counters_.ports_left_out.add();
        } else {
            table_.put(Space::forward, *key, compile(name, having, port));
            ports.insert(port);
        }
    }
    for (const auto& port : service.ports) {
        if (ports.contains(port)) continue;
        table_.remove(Space::forward, Grammar::port_key(port, name).value());
    }
    service.ports = std::move(ports);
}

// Which tags, alone and together, are names. Where a limit cuts, the smaller sets stay.
std::set<AnswerCompiler::Tags>
AnswerCompiler::choose_tags(std::string_view service, const std::map<Tags, Candidates>& groups) {
    std::set<Tags> chosen;
    std::set<std::string> singles;
    for (const auto& [tags, having] : groups) singles.insert(tags.begin(), tags.end());
    for (const auto& tag : singles) {
        if (!Grammar::tags_key({tag}, service)) {
            counters_.unpublishable.add();
        } else if (chosen.size() >= options_.tags_max) {
            counters_.tags_left_out.add();
        } else {
            chosen.insert({tag});
        }
    }
    std::set<Tags> smaller = chosen;
    std::size_t room = options_.tag_sets_max;
    for (std::size_t size = 2; size <= Grammar::tags_together_max; ++size) {
        std::set<Tags> larger;
        for (const auto& [tags, having] : groups) {
            if (tags.size() < size) continue;
            const auto is_name = [&](const Tags& set) {
                return chosen.contains({set.back()}) && Grammar::tags_key(set, service);
            };
            if (add_larger(tags, smaller, is_name, room, larger)) continue;
            counters_.tags_left_out.add();
            chosen.merge(larger);
            return chosen;
        }
        chosen.insert(larger.begin(), larger.end());
        smaller = std::move(larger);
    }
    return chosen;
}

void AnswerCompiler::hold_implied(std::string_view tag) {
    for (const auto& name : Grammar::implied_by_tag(tag)) table_.hold(Space::forward, name);
}

void AnswerCompiler::release_implied(std::string_view tag) {
    for (const auto& name : Grammar::implied_by_tag(tag)) table_.release(Space::forward, name);
}

// A, AAAA and CNAME have no priority to tell by: they have only those that come first.
AnswerSet AnswerCompiler::compile(const std::string& service,
                                  const Candidates& candidates,
                                  std::string_view port) {
    const auto selection = select(candidates, options_.selection);
    Builder builder(*this, selection.ttl ? *selection.ttl : ttl_of(service));
    bool weighted = false;
    for (const auto& selected : selection.instances) {
        weighted |= selected.weight != selection.instances.front().weight;
    }
    for (const auto& selected : selection.instances) {
        const auto at_port = endpoint(*selected.instance, port);
        if (selected.first) builder.add_address(at_port.address, weighted ? selected.weight : 1);
        builder.add_srv(selected, at_port);
        builder.add_txt(selected.instance->record.service.meta);
    }
    return builder.build();
}

std::chrono::seconds AnswerCompiler::ttl_of(const std::string& service) const {
    const auto& configured = options_.service_ttl;
    if (configured.empty()) return options_.ttl;
    if (const auto exact = configured.find(service); exact != configured.end()) {
        return exact->second;
    }
    for (std::size_t length = service.size() + 1; length > 0; --length) {
        const auto prefix = configured.find(service.substr(0, length - 1) + "*");
        if (prefix != configured.end()) return prefix->second;
    }
    return options_.ttl;
}

// Notes who has which of the addresses whose reverse names are ours; the pointers of those that changed are rebuilt at the end.
void AnswerCompiler::track(const Labels& key,
                           std::set<Labels> Reverse::*side,
                           std::set<IpAddress>& before,
                           std::set<IpAddress> after) {
    for (const auto& ip : before) {
        if (after.contains(ip)) continue;
        (reverse_.at(ip).*side).erase(key);
        reverse_changed_.insert(ip);
    }
    for (const auto& ip : after) {
        if (before.contains(ip)) continue;
        (reverse_[ip].*side).insert(key);
        reverse_changed_.insert(ip);
    }
    before = std::move(after);
}

// A node's name goes before the services on its address, as in Consul.
void AnswerCompiler::rebuild_reverse() {
    for (const auto& ip : std::exchange(reverse_changed_, {})) {
        auto& owners = reverse_.at(ip);
        const auto key = reverse_labels(ip);
        if (owners.nodes.empty() && owners.services.empty()) {
            if (owners.published) table_.remove(Space::reverse, key);
            reverse_.erase(ip);
            continue;
        }
        owners.published = true;
        Builder builder(*this, options_.ttl);
        for (const auto& owner : owners.nodes) {
            const auto& name = nodes_.at(owner).views.begin()->first;
            if (const auto target = grammar_.node_target(name)) builder.add_ptr(*target);
        }
        for (const auto& owner : owners.services) {
            if (!owners.nodes.empty()) break;
            const auto& name = services_.at(owner).views.begin()->first;
            if (const auto target = grammar_.service_target(name)) builder.add_ptr(*target);
        }
        table_.put(Space::reverse, key, builder.build());
    }
}

}  // namespace dns
