#pragma once
// Which instances a name is answered with, and which of them come first.
//
// Fed by:  AnswerCompiler, with all instances that have a name, healthy or not.
// Thread:  any; pure functions.
// Holds:   an instance in maintenance is never selected. Who is selected depends on nothing but the
//          candidates and the options, so that every agent of a zone answers alike.
// Fails:   a setting that cannot be read is as if it were not there; `faults` says how many.
//
// An instance says by its Meta how it wants to be answered:
//   dns-ttl = "30s"            of the answers it is in; the least of all counts
//   dns-priority = "2"         1 .. 32767; those of a greater number stand by for the others
//   dns-none-healthy = "all"   if nobody is healthy, answer with everybody
//   dns-alpn = "h2,h3"         what is spoken there, for HTTPS and SVCB records (RFC 9460)
//   dns-scheme = "https"       whose; if there is an alpn, "https" is the default

#include "agent/catalog.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dns {

// What HTTPS and SVCB records say of an instance. "http", "ws" and "wss" are "https" (RFC 9460 §9.5).
struct BindingSettings {
    std::string scheme = "https";
    std::string alpn = {};  // as on the wire: each with its length before it; empty: the default's

    bool operator==(const BindingSettings&) const = default;
};

// An instance with its settings.
struct Candidate {
    explicit Candidate(const agent::InstanceView& of);

    const agent::InstanceView* instance;
    std::optional<std::chrono::seconds> ttl;
    std::uint16_t priority = 1;
    bool fail_open = false;
    std::optional<BindingSettings> binding = {};
    std::size_t faults = 0;
};

// Settings are no metadata to be published.
bool is_setting(std::string_view meta_key);

struct SelectionOptions {
    bool only_passing = false;
    // Of this agent: instances in it come before those of the same priority elsewhere, as long as
    // so many of those registered in it are healthy. Empty: all zones are alike.
    std::string zone = {};
    unsigned zone_healthy_percent_min = 50;
};

struct Selected {
    const Candidate* candidate = nullptr;
    const agent::InstanceView* instance = nullptr;
    std::uint16_t priority = 1;  // of SRV
    std::uint16_t weight = 1;
    bool first = true;  // none has a lesser priority: A and AAAA have only these
};

struct Selection {
    std::vector<Selected> instances;
    std::optional<std::chrono::seconds> ttl;  // none of them says
};

Selection select(const std::vector<const Candidate*>& candidates, const SelectionOptions& options);

}  // namespace dns
