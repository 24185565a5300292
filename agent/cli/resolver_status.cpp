#include "agent/cli/resolver_status.hpp"

#include "agent/cli/command_line.hpp"
#include "agent/cli/dns_lookup.hpp"
#include "agent/cli/table.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <netdb.h>
#include <sys/socket.h>

namespace agent {
namespace {

// What the agent's refusal means to the one who asked for its own node.
std::string meaning(int rcode, const std::string& name) {
    switch (rcode) {
        case 2: return "it has had no word from the coordination core yet (SERVFAIL)";
        case 3: return "it knows no " + name + " (NXDOMAIN): is its configuration another one?";
        case 5: return "this is not its domain (REFUSED): is its configuration another one?";
        default: return name + ": " + format_rcode(rcode);
    }
}

bool share_one(const std::vector<std::string>& a, const std::vector<std::string>& b) {
    return std::any_of(a.begin(), a.end(), [&](const std::string& one) {
        return std::find(b.begin(), b.end(), one) != b.end();
    });
}

std::string told(const Lookup& lookup) {
    return lookup.addresses.empty() ? lookup.error : join(lookup.addresses);
}

std::string advice(const StatusQuestion& question) {
    if (question.files.empty() || question.resolver == HostResolver::resolv_conf)
        return "run 'roster resolver setup'";
    if (question.resolver == HostResolver::systemd_resolved && !question.has_link)
        return std::string("what 'roster resolver setup' wrote is there, but no link ") +
               link_name +
               ": systemd-networkd or roster-resolver.service could not make it, see the journal";
    return "what 'roster resolver setup' wrote is there: run it again, and see that " +
           std::string(name_of(question.resolver)) + " runs and has read it";
}

}  // namespace

Lookup ask_agent(const HostPort& server, const std::string& name) {
    Lookup found;
    for (const auto* type : {"A", "AAAA"}) {
        const auto answer = lookup(server, name, parse_type(type), std::chrono::seconds(2));
        if (!answer.value) return {{}, answer.error, true};
        if (answer.value->rcode != 0) return {{}, meaning(answer.value->rcode, name), false};
        for (const auto& record : answer.value->answer) {
            if (record.type == type) found.addresses.push_back(record.text);
        }
    }
    if (found.addresses.empty()) found.error = name + " has no address";
    return found;
}

Lookup ask_host(const std::string& name) {
    ::setenv("RES_OPTIONS", "timeout:2 attempts:1", 0);  // Five seconds, twice, are too long here.
    ::addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    ::addrinfo* first = nullptr;
    const int error = ::getaddrinfo(name.c_str(), nullptr, &hints, &first);
    if (error != 0) return {{}, ::gai_strerror(error), error == EAI_AGAIN};
    const std::unique_ptr<::addrinfo, decltype(&::freeaddrinfo)> all(first, &::freeaddrinfo);
    Lookup found;
    for (const auto* one = all.get(); one != nullptr; one = one->ai_next) {
        std::array<char, 64> text{};
        ::getnameinfo(
            one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST);
        found.addresses.emplace_back(text.data());
    }
    return found;
}

int print_status(const Console& console,
                 const StatusQuestion& question,
                 const AskAgent& agent,
                 const AskHost& host) {
    const auto& zone = question.agent.zones.front();
    const auto server = format(question.agent.server);
    const auto direct = agent(question.agent.server, question.node_name);
    const auto through = host(question.node_name);
    console.out << format_table({{"resolver", std::string(name_of(question.resolver))},
                                 {"written", join(question.files)},
                                 {"asked for", question.node_name},
                                 {"the agent", server + ": " + told(direct)},
                                 {"this host", told(through)}});
    const auto verdict = [&](Colour colour, const std::string& text, ExitCode code) {
        console.out << paint(console, colour, text) << "\n";
        return code;
    };
    if (direct.is_silent)
        return verdict(Colour::red,
                       "No agent answers on " + server + ": start it, or give its --config.",
                       exit_unreachable);
    if (direct.addresses.empty())
        return verdict(Colour::red, "The agent does not answer for " + zone + ".", exit_failed);
    if (share_one(direct.addresses, through.addresses))
        return verdict(
            Colour::green, "Programs on this host find names below " + zone + ".", exit_ok);
    if (!through.addresses.empty())
        return verdict(Colour::red,
                       "Programs on this host get another answer: somebody else has " + zone +
                           "; " + advice(question) + ".",
                       exit_failed);
    return verdict(Colour::yellow,
                   "Programs on this host do not find names below " + zone + ": " +
                       advice(question) + ".",
                   exit_failed);
}

}  // namespace agent
