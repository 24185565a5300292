#include "dns/selection.hpp"

#include "dns/name.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace dns {

namespace {

using agent::Health;
using std::chrono::seconds;

constexpr std::string_view ttl_key = "dns-ttl";
constexpr std::string_view priority_key = "dns-priority";
constexpr std::string_view none_healthy_key = "dns-none-healthy";
constexpr std::string_view alpn_key = "dns-alpn";
constexpr std::string_view scheme_key = "dns-scheme";

// Twice it, and one, are priorities of SRV where zones count.
constexpr unsigned priority_max = 32'767;
constexpr std::size_t alpn_bytes_max = 255;
constexpr seconds ttl_max = std::chrono::hours(24 * 7);

std::optional<seconds> parse_ttl(std::string_view text) {
    const auto duration = agent::parse_duration(text);
    if (!duration || *duration > ttl_max) return std::nullopt;
    return std::chrono::duration_cast<seconds>(*duration);
}

std::optional<std::uint16_t> parse_priority(std::string_view text) {
    unsigned number = 0;
    const auto* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, number);
    if (read.ec != std::errc{} || read.ptr != end) return std::nullopt;
    if (number < 1 || number > priority_max) return std::nullopt;
    return static_cast<std::uint16_t>(number);
}

// "h2, h3" as RFC 9460 §7.1 has it on the wire. A comma within a protocol's name cannot be said.
std::optional<std::string> parse_alpn(std::string_view text) {
    std::string wire;
    for (;;) {
        const auto comma = std::min(text.find(','), text.size());
        auto protocol = text.substr(0, comma);
        while (protocol.starts_with(' ')) protocol.remove_prefix(1);
        while (protocol.ends_with(' ')) protocol.remove_suffix(1);
        if (protocol.empty() || wire.size() + 1 + protocol.size() > alpn_bytes_max) {
            return std::nullopt;
        }
        wire += static_cast<char>(protocol.size());
        wire += protocol;
        if (comma == text.size()) return wire;
        text.remove_prefix(comma + 1);
    }
}

// It becomes a label with an underscore; _tcp is taken by named ports.
std::optional<std::string> parse_scheme(std::string_view text) {
    auto scheme = fold(text);
    if (!agent::is_dns_label(scheme) || scheme.size() >= label_bytes_max || scheme == "tcp") {
        return std::nullopt;
    }
    if (scheme == "http" || scheme == "ws" || scheme == "wss") scheme = "https";
    return scheme;
}

bool is_healthy(const agent::InstanceView& instance, bool only_passing) {
    if (instance.maintenance || instance.health == Health::critical) return false;
    return instance.health == Health::passing || !only_passing;
}

std::uint16_t weight_of(const agent::InstanceView& instance) {
    const auto weights = instance.record.weights();
    return instance.health == Health::passing ? weights.passing : weights.warning;
}

// Whether those in our own zone come first: not if it has nobody, or too few healthy.
bool prefers_zone(const std::vector<const Candidate*>& candidates,
                  const SelectionOptions& options) {
    if (options.zone.empty()) return false;
    std::size_t here = 0;
    std::size_t healthy = 0;
    for (const auto* candidate : candidates) {
        const auto& instance = *candidate->instance;
        if (instance.maintenance || instance.zone() != options.zone) continue;
        ++here;
        if (is_healthy(instance, options.only_passing)) ++healthy;
    }
    return healthy > 0 && healthy * 100 >= here * options.zone_healthy_percent_min;
}

// Priority before zone: who stands by does so for the other zones' instances too.
std::uint16_t rank(const Candidate& candidate, const std::string& zone, bool by_zone) {
    if (!by_zone) return candidate.priority;
    const unsigned here = candidate.instance->zone() == zone ? 1 : 0;
    return static_cast<std::uint16_t>(2U * candidate.priority - here);
}

}  // namespace

Candidate::Candidate(const agent::InstanceView& of) : instance(&of) {
    const auto meta = of.record.meta();
    if (meta.empty()) return;
    const auto read = [&](std::string_view key, auto take) {
        const auto found = meta.find(std::string(key));
        if (found != meta.end() && !take(found->second)) ++faults;
    };
    read(ttl_key, [this](const auto& text) { return (ttl = parse_ttl(text)).has_value(); });
    read(priority_key, [this](const auto& text) {
        const auto number = parse_priority(text);
        priority = number.value_or(priority);
        return number.has_value();
    });
    read(alpn_key, [this](const auto& text) {
        const auto alpn = parse_alpn(text);
        if (alpn) binding = {.alpn = *alpn};
        return alpn.has_value();
    });
    read(scheme_key, [this](const auto& text) {
        const auto scheme = parse_scheme(text);
        if (scheme && !binding) binding.emplace();
        if (scheme) binding->scheme = *scheme;
        return scheme.has_value();
    });
    read(none_healthy_key, [this](const auto& text) {
        fail_open = text == "all";
        return fail_open || text == "none";
    });
}

bool is_setting(std::string_view meta_key) {
    constexpr std::array keys{ttl_key, priority_key, none_healthy_key, alpn_key, scheme_key};
    return std::find(keys.begin(), keys.end(), meta_key) != keys.end();
}

Selection select(const std::vector<const Candidate*>& candidates, const SelectionOptions& options) {
    std::vector<const Candidate*> chosen;
    for (const auto* candidate : candidates) {
        if (is_healthy(*candidate->instance, options.only_passing)) chosen.push_back(candidate);
    }
    const auto is_open = [](const Candidate* candidate) { return candidate->fail_open; };
    if (chosen.empty() && std::any_of(candidates.begin(), candidates.end(), is_open)) {
        for (const auto* candidate : candidates) {
            if (!candidate->instance->maintenance) chosen.push_back(candidate);
        }
    }
    const bool by_zone = prefers_zone(candidates, options);
    Selection selection;
    selection.instances.reserve(chosen.size());
    std::uint16_t least = UINT16_MAX;
    for (const auto* candidate : chosen) {
        const auto priority = rank(*candidate, options.zone, by_zone);
        least = std::min(least, priority);
        const auto& instance = *candidate->instance;
        selection.instances.push_back({candidate, &instance, priority, weight_of(instance)});
        if (!candidate->ttl) continue;
        selection.ttl = std::min(selection.ttl.value_or(*candidate->ttl), *candidate->ttl);
    }
    for (auto& selected : selection.instances) selected.first = selected.priority == least;
    return selection;
}

}  // namespace dns
