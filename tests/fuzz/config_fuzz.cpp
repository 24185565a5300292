// Configuration text: roster.toml, services.d/*.toml, and the small grammars in their values.

#include "agent/config.hpp"
#include "agent/endpoint.hpp"
#include "tests/fuzz/fuzz_input.hpp"

#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

namespace {

using fuzz::expect;

template <class T>
const T* checked(const agent::Configured<T>& configured) {
    const auto* errors = std::get_if<std::vector<agent::ConfigError>>(&configured);
    if (errors == nullptr) return &std::get<T>(configured);
    expect(!errors->empty());
    for (const auto& error : *errors) {
        expect(format(error).starts_with("fuzz.toml") && !error.message.empty());
    }
    return nullptr;
}

// What the files declare was checked: the registrar takes it as it is.
void check_services(const std::vector<agent::ServiceDefinition>& services) {
    for (auto service : services) {
        complete(service);
        expect(validate(service).empty());
    }
}

void check_line(std::string_view line) {
    if (const auto endpoint = agent::parse_host_port(line)) {
        expect(agent::parse_host_port(agent::format(*endpoint)) == endpoint);
    }
    if (agent::is_listen_address(line)) expect(agent::parse_host_port(line).has_value());
    static_cast<void>(agent::is_listen_address_or_unix(line));
    static_cast<void>(agent::is_ip_prefix(line));
    static_cast<void>(agent::is_domain(line));
    static_cast<void>(agent::is_connect_string(line));
    static_cast<void>(agent::is_node_name(line));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    fuzz::be_silent();
    const auto text = fuzz::Input(bytes, size).rest();
    const auto config = agent::parse_config(text, "fuzz.toml");
    if (const auto* good = checked(config)) {
        check_services(good->services);
        expect(agent::is_domain(good->domain));
    }
    for (const auto scripts : {agent::Scripts::allowed, agent::Scripts::refused}) {
        const auto file = agent::parse_services_file(text, "fuzz.toml", scripts);
        if (const auto* good = checked(file)) check_services(good->services);
    }
    check_line(text.substr(0, text.find('\n')));
    return 0;
}
