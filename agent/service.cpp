#include "agent/service.hpp"

#include "agent/body_pattern.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

namespace agent {

namespace {

constexpr std::array<std::string_view, 3> health_names{"passing", "warning", "critical"};
constexpr std::array<std::string_view, 4> kind_names{"ttl", "http", "tcp", "script"};

constexpr std::string_view hex_digits = "0123456789ABCDEF";

bool is_plain(char c) { return c > ' ' && c < '\x7f' && c != '/' && c != '%'; }

void append_escaped(std::string& out, char c) {
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += hex_digits[byte >> 4U];
    out += hex_digits[byte & 0xFU];
}

bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

struct Unit {
    std::string_view name;
    double milliseconds;
};

// As Go's time.ParseDuration; both spellings of the micro sign.
constexpr std::array<Unit, 8> units{{{"ns", 1e-6},
                                     {"us", 1e-3},
                                     {"\u00b5s", 1e-3},
                                     {"\u03bcs", 1e-3},
                                     {"ms", 1},
                                     {"s", 1e3},
                                     {"m", 60e3},
                                     {"h", 3600e3}}};
constexpr double duration_ms_max = 10.0 * 365 * 24 * 3600e3;

bool starts_number(char c) { return (c >= '0' && c <= '9') || c == '.'; }

// Takes "1.5h" off the front of `text`.
std::optional<double> take_term(std::string_view& text) {
    double number = 0;
    if (!starts_number(text.front())) return std::nullopt;
    const auto* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, number, std::chars_format::fixed);
    if (read.ec != std::errc{}) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(read.ptr - text.data()));

    const auto length = std::find_if(text.begin(), text.end(), starts_number) - text.begin();
    const auto name = text.substr(0, static_cast<std::size_t>(length));
    const auto* const unit =
        std::find_if(units.begin(), units.end(), [&](const Unit& u) { return u.name == name; });
    if (unit == units.end()) return std::nullopt;
    text.remove_prefix(name.size());
    return number * unit->milliseconds;
}

// Consul's structs.ValidateServiceMetadata; "" is fine.
std::string validate_meta(const std::map<std::string, std::string>& meta) {
    constexpr std::size_t pairs_max = 64;
    constexpr std::size_t key_max = 128;
    constexpr std::size_t value_max = 512;
    if (meta.size() > pairs_max) return "cannot contain more than 64 key/value pairs";
    const auto allowed = [](char c) { return is_letter_or_digit(c) || c == '_' || c == '-'; };
    for (const auto& [key, value] : meta) {
        std::string wrong;
        if (key.empty())
            wrong = "Key cannot be blank";
        else if (key.size() > key_max)
            wrong = "Key is too long (limit: 128 characters)";
        else if (!std::all_of(key.begin(), key.end(), allowed))
            wrong = "Key contains invalid characters";
        else if (key.starts_with("consul-"))
            wrong = "Key prefix 'consul-' is reserved for internal use";
        else if (value.size() > value_max)
            wrong = "Value is too long (limit: 512 characters)";
        else
            continue;
        return "Couldn't load metadata pair ('" + key.substr(0, key_max) + "', '" +
               value.substr(0, key_max) + "'): " + wrong;
    }
    return {};
}

// Consul's structs.CheckType.Validate; "" is fine.
std::string validate_type(const CheckDefinition& check) {
    const bool is_ttl = check.kind == CheckKind::ttl;
    if (check.interval.count() > 0 && check.ttl.count() > 0)
        return "Interval and TTL cannot both be specified";
    if (is_ttl && check.ttl.count() <= 0) return "TTL must be > 0 for TTL checks";
    if (!is_ttl && check.interval.count() <= 0)
        return "Interval must be > 0 for Script, HTTP or TCP checks";
    if (check.kind == CheckKind::http && check.http.empty()) return "HTTP URL is missing";
    if (check.kind == CheckKind::tcp && check.tcp.empty()) return "TCP address is missing";
    if (check.kind == CheckKind::script && check.args.empty()) return "ScriptArgs is empty";
    if (!check.body_match.empty() && !is_pattern(check.body_match))
        return "BodyMatch is not a regular expression";
    if (check.failures_before_critical > 0 &&
        check.failures_before_warning > check.failures_before_critical)
        return "FailuresBeforeWarning can't be higher than FailuresBeforeCritical";
    if (check.success_before_passing < 0 || check.failures_before_warning < 0 ||
        check.failures_before_critical < 0)
        return "thresholds must not be negative";
    return {};
}

std::string validate_check(const CheckDefinition& check) {
    if (check.id.size() > name_bytes_max || check.name.size() > name_bytes_max)
        return "Invalid check: CheckID and Name are limited to 1024 bytes";
    const auto wrong = validate_type(check);
    return wrong.empty() ? wrong : "Invalid check: " + wrong;
}

Health worst_of(const auto& record) {
    if (record.maintenance) return Health::critical;
    auto worst = Health::passing;
    for (const auto& check : record.checks) worst = std::max(worst, check.status.health);
    return worst;
}

}  // namespace

std::string_view format(Health health) { return health_names[static_cast<std::size_t>(health)]; }

std::optional<Health> parse_health(std::string_view text) {
    const auto* const found = std::find(health_names.begin(), health_names.end(), text);
    if (found == health_names.end()) return std::nullopt;
    return static_cast<Health>(found - health_names.begin());
}

std::string_view format(CheckKind kind) { return kind_names[static_cast<std::size_t>(kind)]; }

std::optional<CheckKind> parse_check_kind(std::string_view text) {
    const auto* const found = std::find(kind_names.begin(), kind_names.end(), text);
    if (found == kind_names.end()) return std::nullopt;
    return static_cast<CheckKind>(found - kind_names.begin());
}

Health aggregate(const InstanceRecord& instance, const NodeRecord* node) {
    const auto own = worst_of(instance);
    return node == nullptr ? own : std::max(own, aggregate(*node));
}

Health aggregate(const NodeRecord& node) { return worst_of(node); }

std::string escape_component(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    const bool is_dots = text == "." || text == "..";  // ZooKeeper refuses relative paths.
    for (const char c : text) {
        if (is_plain(c) && !is_dots)
            out += c;
        else
            append_escaped(out, c);
    }
    return out;
}

std::string unescape_component(std::string_view component) {
    std::string out;
    out.reserve(component.size());
    while (!component.empty()) {
        unsigned char byte = 0;
        if (component.front() == '%' && component.size() > 2) {
            const auto* const digits = component.data() + 1;
            if (std::from_chars(digits, digits + 2, byte, 16).ptr == digits + 2) {
                out += static_cast<char>(byte);
                component.remove_prefix(3);
                continue;
            }
        }
        out += component.front();
        component.remove_prefix(1);
    }
    return out;
}

std::string instance_name(std::string_view id, std::string_view node) {
    auto name = escape_component(id) + '@';
    // The last '@' is ours: one in the node would make two pairs of id and node one name.
    for (const char c : escape_component(node)) {
        if (c == '@')
            append_escaped(name, c);
        else
            name += c;
    }
    return name;
}

std::string service_path(std::string_view service) {
    return std::string(services_root) + '/' + escape_component(service);
}

std::string instance_path(std::string_view service, std::string_view id, std::string_view node) {
    return service_path(service) + '/' + instance_name(id, node);
}

std::string node_path(std::string_view node) {
    return std::string(nodes_root) + '/' + escape_component(node);
}

bool is_dns_label(std::string_view name) {
    constexpr std::size_t octets_max = 63;  // RFC 1035 §2.3.4
    if (name.empty() || name.size() > octets_max) return false;
    if (name.front() == '-' || name.back() == '-') return false;
    return std::all_of(
        name.begin(), name.end(), [](char c) { return is_letter_or_digit(c) || c == '-'; });
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
    if (text.starts_with('+')) text.remove_prefix(1);
    if (text.empty()) return std::nullopt;
    if (text == "0") return std::chrono::milliseconds{0};
    double total = 0;
    while (!text.empty()) {
        const auto term = take_term(text);
        if (!term) return std::nullopt;
        total += *term;
    }
    if (!(total <= duration_ms_max)) return std::nullopt;
    // Something below our resolution is not nothing.
    if (total > 0 && total < 1) return std::chrono::milliseconds{1};
    return std::chrono::milliseconds{std::llround(total)};
}

std::string format_duration(std::chrono::milliseconds duration) {
    const auto total = duration.count();
    if (total == 0) return "0s";
    if (total < 0) return "-" + format_duration(-duration);
    if (total < 1000) return std::to_string(total) + "ms";
    std::string out;
    const auto hours = total / 3'600'000;
    const auto minutes = total / 60'000 % 60;
    if (hours > 0) out += std::to_string(hours) + "h";
    if (hours > 0 || minutes > 0) out += std::to_string(minutes) + "m";
    out += std::to_string(total / 1000 % 60);
    if (total % 1000 != 0) {
        auto fraction = std::to_string(1000 + total % 1000);
        fraction.front() = '.';
        fraction.erase(fraction.find_last_not_of('0') + 1);
        out += fraction;
    }
    return out + "s";
}

std::string validate(const ServiceDefinition& service) {
    if (service.name.empty()) return "Missing service name";
    if (service.name.size() > name_bytes_max || service.id.size() > name_bytes_max)
        return "Invalid service name: Name and ID are limited to 1024 bytes";
    const auto& address = service.address;
    if (address == "0.0.0.0" || address == "::" || address == "[::]")
        return "Invalid service address";
    if (address.size() > name_bytes_max) return "Invalid service address";
    if (const auto wrong = validate_meta(service.meta); !wrong.empty())
        return "Invalid Service Meta: " + wrong;
    if (service.weights.passing < 1) return "Invalid Weights: Passing must be greater than 0";
    if (service.checks.size() > checks_per_service_max)
        return "Validation failed: a service may have at most 64 checks";
    for (const auto& check : service.checks) {
        if (auto wrong = validate_check(check); !wrong.empty()) return wrong;
    }
    return {};
}

std::string validate(const CheckDefinition& check) {
    if (check.name.empty()) return "Missing check name";
    return validate_check(check);
}

void complete(ServiceDefinition& service) {
    if (service.id.empty()) service.id = service.name;
    std::size_t number = 0;
    for (auto& check : service.checks) {
        ++number;
        check.service_id = service.id;
        if (check.name.empty()) check.name = "Service '" + service.name + "' check";
        if (!check.id.empty()) continue;
        check.id = "service:" + service.id;
        if (service.checks.size() > 1) check.id += ":" + std::to_string(number);
    }
}

}  // namespace agent
