#include "agent/registrations.hpp"

#include "agent/record_json.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cassert>
#include <stdexcept>
#include <utility>

namespace agent {

namespace json = boost::json;

namespace {

constexpr std::string_view service_key = "service/";
constexpr std::string_view check_key = "check/";
constexpr std::string_view leaving_key = "leaving/";
constexpr std::string_view node_key = "node";

std::string to_key(std::string_view kind, std::string_view id) {
    return std::string(kind).append(id);
}

Rejection invalid(std::string message) { return {Rejection::Kind::invalid, std::move(message)}; }

Rejection unknown_service(const std::string& id) {
    return {Rejection::Kind::not_found,
            "Unknown service ID \"" + id +
                "\". Ensure that the service ID is passed, not the service name."};
}

Rejection unknown_check(const std::string& id) {
    return {Rejection::Kind::not_found,
            "Unknown check ID \"" + id +
                "\". Ensure that the check ID is passed, not the check name."};
}

Rejection over_limit(std::string_view what, std::size_t max) {
    return {Rejection::Kind::limit,
            "too many " + std::string(what) + " on this agent (limit: " + std::to_string(max) +
                ")"};
}

std::string_view format(Source source) { return source == Source::api ? "api" : "config"; }

Source read_source(const JsonReader& in) {
    const auto text = in.text("source");
    if (text != "api" && text != "config") in.wrong("source", "api or config");
    return text == "config" ? Source::config : Source::api;
}

json::value parse_line(const std::string& key, std::string_view text) {
    boost::system::error_code malformed;
    auto value = json::parse(text, malformed);
    if (malformed) throw std::runtime_error(key + ": not JSON");
    return value;
}

void require(const std::string& key, const std::string& error) {
    if (!error.empty()) throw std::runtime_error(key + ": " + error);
}

}  // namespace

Registrations::Registrations(NodeRecord node, std::size_t services_max, std::size_t checks_max)
    : node_(std::move(node)), services_max_(services_max), checks_max_(checks_max) {
    assert(!node_.name.empty());
    touch_node();
}

// ---- services

Verdict Registrations::put_service(ServiceDefinition service,
                                   Source source,
                                   bool replace_checks,
                                   std::int64_t now_ms) {
    complete(service);
    if (auto refused = refuse_service(service, replace_checks)) return refused;
    auto checks = std::exchange(service.checks, {});
    const auto id = service.id;
    store_service(std::move(service), source, now_ms);
    if (replace_checks) {
        for (const auto& old : std::set<std::string>(checks_of(id))) {
            const auto is_kept = [&](const CheckDefinition& check) { return check.id == old; };
            if (std::none_of(checks.begin(), checks.end(), is_kept)) erase_check(old);
        }
    }
    for (auto& check : checks) store_check(std::move(check), source);
    return {};
}

Verdict Registrations::refuse_service(const ServiceDefinition& service, bool replace) const {
    if (auto wrong = validate(service); !wrong.empty()) return invalid(std::move(wrong));
    if (json::serialize(to_json(service)).size() > service_bytes_max)
        return invalid("Validation failed: the service is larger than 64 KiB");
    if (!services_.contains(service.id) && services_.size() >= services_max_)
        return over_limit("services", services_max_);
    auto ids = replace ? std::set<std::string>{} : checks_of(service.id);
    std::size_t added = 0;
    for (const auto& check : service.checks) {
        if (auto refused = refuse_check(check)) return refused;
        ids.insert(check.id);
        if (!checks_.contains(check.id)) ++added;
    }
    if (ids.size() > checks_per_service_max)
        return invalid("Validation failed: a service may have at most 64 checks");
    if (checks_.size() + added > checks_max_) return over_limit("checks", checks_max_);
    return {};
}

Verdict Registrations::refuse_check(const CheckDefinition& check) const {
    if (auto wrong = validate(check); !wrong.empty()) return invalid(std::move(wrong));
    if (json::serialize(to_json(check, Secrets::left_out)).size() > check_bytes_max)
        return invalid("Invalid check: it is larger than 4 KiB");
    return {};
}

void Registrations::store_service(ServiceDefinition service, Source source, std::int64_t now_ms) {
    auto [found, is_new] = services_.try_emplace(service.id);
    auto& [id, local] = *found;
    if (is_new) local.registered_ms = now_ms;
    if (!is_new && local.definition == service && local.source == source) return;
    if (!is_new && local.definition.name != service.name) leave(path_of(local));
    local.definition = std::move(service);
    local.source = source;
    const auto path = path_of(local);
    service_at_[path] = id;
    confirm_gone(path);  // It shall be, after all.
    changes_.keys.insert(to_key(service_key, id));
    touch_owner(id);
}

Verdict Registrations::remove_service(const std::string& id) {
    if (!services_.contains(id)) return unknown_service(id);
    erase_service(id);
    return {};
}

void Registrations::erase_service(const std::string& id) {
    for (const auto& check : std::set<std::string>(checks_of(id))) erase_check(check);
    const auto found = services_.find(id);
    leave(path_of(found->second));
    services_.erase(found);
    changes_.keys.insert(to_key(service_key, id));
}

// The file remembers it until it is confirmed: a restarted agent finds its session's znode there.
void Registrations::leave(const std::string& path) {
    service_at_.erase(path);
    stale_outputs_.erase(path);
    leaving_.insert(path);
    changes_.keys.insert(to_key(leaving_key, path));
    changes_.paths.insert(path);
}

void Registrations::confirm_gone(const std::string& path) {
    if (leaving_.erase(path) > 0) changes_.keys.insert(to_key(leaving_key, path));
}

Verdict Registrations::set_maintenance(const std::string& id, std::optional<Maintenance> on) {
    const auto found = services_.find(id);
    if (found == services_.end()) return unknown_service(id);
    if (std::exchange(found->second.maintenance, on) == on) return {};
    changes_.keys.insert(to_key(service_key, id));
    touch_owner(id);
    return {};
}

// ---- checks

Verdict Registrations::put_check(CheckDefinition check, Source source) {
    if (check.id.empty()) check.id = check.name;
    if (auto refused = refuse_check(check)) return refused;
    if (!check.service_id.empty() && !services_.contains(check.service_id))
        return Rejection{Rejection::Kind::not_found,
                         "ServiceID \"" + check.service_id + "\" does not exist"};
    const auto& siblings = checks_of(check.service_id);
    if (!siblings.contains(check.id) && siblings.size() >= checks_per_service_max)
        return over_limit("checks of one service", checks_per_service_max);
    if (!checks_.contains(check.id) && checks_.size() >= checks_max_)
        return over_limit("checks", checks_max_);
    store_check(std::move(check), source);
    return {};
}

void Registrations::store_check(CheckDefinition check, Source source) {
    const auto id = check.id;
    auto [found, is_new] = checks_.try_emplace(id);
    auto& [definition, status] = found->second;
    if (is_new) status.health = check.initial_status.value_or(Health::critical);
    auto& mark = marks_[id];
    if (!is_new && definition == check && mark.source == source) return;
    if (!is_new && definition.service_id != check.service_id) {
        checks_of_[definition.service_id].erase(id);
        touch_owner(definition.service_id);
    }
    definition = std::move(check);
    mark.source = source;
    checks_of_[definition.service_id].insert(id);
    changes_.checks = true;
    changes_.keys.insert(to_key(check_key, id));
    touch_owner(definition.service_id);
}

Verdict Registrations::remove_check(const std::string& id) {
    if (!checks_.contains(id)) return unknown_check(id);
    erase_check(id);
    return {};
}

void Registrations::erase_check(const std::string& id) {
    const auto found = checks_.find(id);
    const auto owner = found->second.definition.service_id;
    checks_.erase(found);
    marks_.erase(id);
    const auto siblings = checks_of_.find(owner);
    siblings->second.erase(id);
    if (siblings->second.empty()) checks_of_.erase(siblings);
    changes_.checks = true;
    changes_.keys.insert(to_key(check_key, id));
    touch_owner(owner);
}

Registrations::StatusChange Registrations::set_status(const std::string& id, CheckStatus status) {
    const auto found = checks_.find(id);
    if (found == checks_.end() || found->second.status == status) return StatusChange::none;
    auto& check = found->second;
    const bool flipped = check.status.health != status.health;
    auto& mark = marks_[id];
    if (!mark.published) mark.published = std::move(check.status);
    check.status = std::move(status);
    const auto& owner = check.definition.service_id;
    if (flipped) {
        touch_owner(owner);
        return StatusChange::health;
    }
    if (owner.empty()) refresh_node_checks();
    stale_outputs_.insert(owner.empty() ? own_path() : path_of(services_.at(owner)));
    return StatusChange::output;
}

std::set<std::string> Registrations::take_stale_outputs() {
    return std::exchange(stale_outputs_, {});
}

// ---- the node

void Registrations::set_node_maintenance(std::optional<Maintenance> on) {
    if (std::exchange(node_.maintenance, on) == on) return;
    changes_.keys.insert(std::string(node_key));
    touch_node();
}

void Registrations::touch_owner(const std::string& service_id) {
    if (service_id.empty()) return touch_node();
    const auto found = services_.find(service_id);
    if (found != services_.end()) changes_.paths.insert(path_of(found->second));
}

// Its health is part of that of every instance on it.
void Registrations::touch_node() {
    refresh_node_checks();
    changes_.paths.insert(own_path());
    for (const auto& [path, id] : service_at_) changes_.paths.insert(path);
}

void Registrations::refresh_node_checks() {
    node_.checks.clear();
    for (const auto& id : checks_of("")) node_.checks.push_back(checks_.at(id));
}

// ---- configuration

Verdict Registrations::apply_config(std::vector<ServiceDefinition> services,
                                    std::vector<CheckDefinition> node_checks,
                                    std::int64_t now_ms) {
    std::set<std::string> declared_services;
    std::set<std::string> declared_checks;
    for (auto& service : services) {
        complete(service);
        if (auto refused = refuse_service(service, true)) return refused;
        declared_services.insert(service.id);
        for (const auto& check : service.checks) declared_checks.insert(check.id);
    }
    for (auto& check : node_checks) {
        if (check.id.empty()) check.id = check.name;
        if (auto refused = refuse_check(check)) return refused;
        declared_checks.insert(check.id);
    }

    std::vector<std::string> gone;
    for (const auto& [id, local] : services_) {
        if (local.source == Source::config && !declared_services.contains(id)) gone.push_back(id);
    }
    for (const auto& id : gone) erase_service(id);
    gone.clear();
    for (const auto& [id, mark] : marks_) {
        if (mark.source == Source::config && !declared_checks.contains(id)) gone.push_back(id);
    }
    for (const auto& id : gone) erase_check(id);

    Verdict verdict;
    for (auto& service : services) {
        if (auto refused = put_service(std::move(service), Source::config, false, now_ms))
            verdict = std::move(refused);
    }
    for (auto& check : node_checks) {
        if (auto refused = put_check(std::move(check), Source::config))
            verdict = std::move(refused);
    }
    return verdict;
}

// ---- what follows

Changes Registrations::take_changes() { return std::exchange(changes_, {}); }

std::string Registrations::path_of(const LocalService& service) const {
    return instance_path(service.definition.name, service.definition.id, node_.name);
}

const std::set<std::string>& Registrations::checks_of(const std::string& service_id) const {
    static const std::set<std::string> none;
    const auto found = checks_of_.find(service_id);
    return found == checks_of_.end() ? none : found->second;
}

InstanceRecord Registrations::instance(const LocalService& service) const {
    InstanceRecord record;
    record.service = service.definition;
    record.node = node_.name;
    record.node_address = node_.address;
    record.datacenter = node_.datacenter;
    record.registered_ms = service.registered_ms;
    record.maintenance = service.maintenance;
    for (const auto& id : checks_of(service.definition.id)) record.checks.push_back(checks_.at(id));
    return record;
}

Health Registrations::service_health(const std::string& id) const {
    const auto found = services_.find(id);
    assert(found != services_.end());
    return aggregate(instance(found->second), &node_);
}

std::optional<std::string> Registrations::znode(const std::string& path) {
    stale_outputs_.erase(path);
    if (path == own_path()) {
        mark_published("");
        return encode(node_);
    }
    const auto found = service_at_.find(path);
    if (found == service_at_.end()) return std::nullopt;
    mark_published(found->second);
    return encode(instance(services_.at(found->second)), &node_);
}

void Registrations::mark_published(const std::string& service_id) {
    for (const auto& id : checks_of(service_id)) {
        if (std::exchange(marks_.at(id).published, std::nullopt))
            changes_.keys.insert(to_key(check_key, id));
    }
}

// ---- the file

void Registrations::each_line(
    const std::function<void(std::string_view, std::string_view)>& write) const {
    const auto write_key = [&](const std::string& key) { write(key, line(key).value()); };
    if (node_.maintenance) write_key(std::string(node_key));
    for (const auto& [id, service] : services_) write_key(to_key(service_key, id));
    for (const auto& [id, check] : checks_) write_key(to_key(check_key, id));
    for (const auto& path : leaving_) write_key(to_key(leaving_key, path));
}

std::optional<std::string> Registrations::line(const std::string& key) const {
    if (key.starts_with(service_key)) {
        const auto found = services_.find(key.substr(service_key.size()));
        if (found == services_.end()) return std::nullopt;
        const auto& service = found->second;
        auto out = to_json(service.definition);
        out["source"] = format(service.source);
        out["registeredMs"] = service.registered_ms;
        if (service.maintenance) out["maintenance"] = to_json(*service.maintenance);
        return json::serialize(out);
    }
    if (key.starts_with(check_key)) {
        const auto id = key.substr(check_key.size());
        const auto found = checks_.find(id);
        if (found == checks_.end()) return std::nullopt;
        const auto& mark = marks_.at(id);
        // What the znode holds, so that after a restart nothing has changed.
        const Check kept{found->second.definition, mark.published.value_or(found->second.status)};
        auto out = to_json(kept, Secrets::kept, output_bytes_published_max);
        out["source"] = format(mark.source);
        return json::serialize(out);
    }
    if (key.starts_with(leaving_key)) {
        const auto is_leaving = leaving_.contains(key.substr(leaving_key.size()));
        return is_leaving ? std::optional<std::string>("true") : std::nullopt;
    }
    assert(key == node_key);
    if (!node_.maintenance) return std::nullopt;
    return json::serialize(json::object{{"maintenance", to_json(*node_.maintenance)}});
}

void Registrations::restore(const std::map<std::string, std::string>& lines) {
    // Keys come in order: checks before their services.
    for (const auto& [key, text] : lines) {
        if (key.starts_with(service_key)) restore_service(key, text);
    }
    for (const auto& [key, text] : lines) {
        if (key.starts_with(check_key)) restore_check(key, text);
        if (key.starts_with(leaving_key)) leaving_.insert(key.substr(leaving_key.size()));
        if (key != node_key) continue;
        std::string error;
        const auto value = parse_line(key, text);
        node_.maintenance = read_maintenance(JsonReader(value, error));
        require(key, error);
    }
    // A path that is left and taken at once is taken.
    for (const auto& [path, id] : service_at_) leaving_.erase(path);
    changes_.paths.insert(leaving_.begin(), leaving_.end());
    touch_node();
    changes_.checks = true;
    changes_.keys.clear();  // They come from there.
}

void Registrations::restore_service(const std::string& key, std::string_view text) {
    std::string error;
    const auto value = parse_line(key, text);
    const JsonReader in(value, error);
    LocalService service;
    service.definition = read_service(in);
    service.source = read_source(in);
    service.registered_ms = in.number("registeredMs");
    service.maintenance = read_maintenance(in);
    require(key, error);
    require(key, validate(service.definition));
    const auto id = service.definition.id;
    if (key != to_key(service_key, id)) require(key, "the id in it is another: " + id);
    service_at_[path_of(service)] = id;
    services_[id] = std::move(service);
}

void Registrations::restore_check(const std::string& key, std::string_view text) {
    std::string error;
    const auto value = parse_line(key, text);
    const JsonReader in(value, error);
    auto check = read_check(in);
    CheckMark mark{read_source(in), std::nullopt};
    require(key, error);
    require(key, validate(check.definition));
    const auto& [id, service_id] = std::tie(check.definition.id, check.definition.service_id);
    if (key != to_key(check_key, id)) require(key, "the id in it is another: " + id);
    if (!service_id.empty() && !services_.contains(service_id))
        require(key, "its service is not registered: " + service_id);
    checks_of_[service_id].insert(id);
    marks_[id] = std::move(mark);
    const auto name = id;
    checks_[name] = std::move(check);
}

}  // namespace agent
