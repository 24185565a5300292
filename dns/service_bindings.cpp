#include "dns/service_bindings.hpp"

#include "dns/answer.hpp"

#include <algorithm>
#include <array>

namespace dns {

namespace {

// Hints are for a first connection; a few would draw all of them, so many are none.
constexpr std::size_t hints_max = 16;

namespace param {
constexpr std::uint16_t alpn = 1;
constexpr std::uint16_t port = 3;
constexpr std::uint16_t ipv4hint = 4;
constexpr std::uint16_t ipv6hint = 6;
}  // namespace param

std::uint16_t port_of(const Selected& selected) { return selected.instance->record.port(); }

// Whether the addresses of the name all lead to the same port and protocols.
bool are_alike(const Selection& selection) {
    const Selected* one = nullptr;
    for (const auto& selected : selection.instances) {
        if (!selected.first) continue;
        if (!selected.candidate->binding || !parse_host_ip(selected.instance->address()))
            return false;
        if (one == nullptr) one = &selected;
        if (selected.candidate->binding != one->candidate->binding) return false;
        if (port_of(selected) != port_of(*one)) return false;
    }
    return one != nullptr;
}

void add_hint(Binding& binding, const IpAddress& ip) {
    auto& hints = binding.hints;
    if (std::find(hints.begin(), hints.end(), ip) == hints.end()) hints.push_back(ip);
}

void append_param(std::vector<std::uint8_t>& rdata, std::uint16_t key, Octets value) {
    if (value.empty()) return;
    append_u16(rdata, key);
    append_u16(rdata, static_cast<std::uint16_t>(value.size()));
    append(rdata, value);
}

void append_hints(std::vector<std::uint8_t>& rdata,
                  std::uint16_t key,
                  const std::vector<IpAddress>& hints,
                  bool v4) {
    std::vector<std::uint8_t> value;
    for (const auto& ip : hints) {
        if (ip.is_v4() == v4) append(value, ip.octets());
    }
    append_param(rdata, key, value);
}

}  // namespace

std::vector<Binding> bindings_of(const Selection& selection, const Grammar& grammar) {
    const bool alike = are_alike(selection);
    std::vector<Binding> made;
    std::optional<std::size_t> common;
    for (const auto& selected : selection.instances) {
        const auto& settings = selected.candidate->binding;
        if (!settings) continue;
        const auto& instance = *selected.instance;
        const auto target = find_target(grammar, instance, instance.address());
        if (!target) continue;
        Binding binding{*settings, selected.priority, port_of(selected)};
        if (!alike || !selected.first) {
            binding.target = target;
        } else if (common) {
            add_hint(made[*common], *target->ip);
            continue;
        } else {
            common = made.size();
        }
        if (target->ip) add_hint(binding, *target->ip);
        made.push_back(std::move(binding));
    }
    for (auto& binding : made) {
        if (binding.hints.size() > hints_max) binding.hints.clear();
    }
    return made;
}

std::vector<std::uint8_t> encode(const Binding& binding, const Labels& own) {
    std::vector<std::uint8_t> rdata;
    append_u16(rdata, binding.priority);
    append(rdata, octets(binding.target ? binding.target->name : own));
    append_param(rdata, param::alpn, octets(binding.settings.alpn));
    const std::array<std::uint8_t, 2> port{static_cast<std::uint8_t>(binding.port >> 8U),
                                           static_cast<std::uint8_t>(binding.port)};
    if (binding.port != 0) append_param(rdata, param::port, port);
    append_hints(rdata, param::ipv4hint, binding.hints, true);
    append_hints(rdata, param::ipv6hint, binding.hints, false);
    return rdata;
}

}  // namespace dns
