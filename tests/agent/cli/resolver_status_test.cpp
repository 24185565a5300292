#include "agent/cli/resolver_status.hpp"

#include "agent/cli/command_line.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace {

using agent::Lookup;

struct Told {
    int code;
    std::string out;
};

Told status(const Lookup& agent, const Lookup& host, std::vector<std::string> files = {}) {
    std::ostringstream out;
    const agent::Console console{out, out, false, {}};
    const agent::StatusQuestion question{{{"127.0.0.1", 8600}, {"x.test"}},
                                         "host1.node.x.test",
                                         agent::HostResolver::unbound,
                                         std::move(files),
                                         true};
    const int code = agent::print_status(
        console,
        question,
        [&](const auto&, const auto&) { return agent; },
        [&](const auto& name) {
            EXPECT_EQ(name, "host1.node.x.test");
            return host;
        });
    return {code, out.str()};
}

TEST(ResolverStatus, the_same_address_from_both_is_well) {
    const auto told = status({{"10.0.0.1", "fd00::1"}, {}}, {{"fd00::1"}, {}});

    EXPECT_EQ(told.code, agent::exit_ok);
    EXPECT_NE(told.out.find("find names below x.test."), std::string::npos) << told.out;
    EXPECT_NE(told.out.find("resolver   unbound"), std::string::npos) << told.out;
}

TEST(ResolverStatus, a_host_that_does_not_find_it_is_to_be_set_up) {
    const auto told = status({{"10.0.0.1"}, {}}, {{}, "Name or service not known"});

    EXPECT_EQ(told.code, agent::exit_failed);
    EXPECT_NE(told.out.find("do not find names below x.test: run 'roster resolver setup'."),
              std::string::npos)
        << told.out;
}

TEST(ResolverStatus, what_was_written_and_does_not_work_has_not_been_read) {
    const auto told = status({{"10.0.0.1"}, {}}, {{}, "no"}, {"/etc/unbound/x.conf"});

    EXPECT_NE(told.out.find("see that unbound runs and has read it"), std::string::npos)
        << told.out;
    EXPECT_NE(told.out.find("written    /etc/unbound/x.conf"), std::string::npos) << told.out;
}

TEST(ResolverStatus, a_link_that_could_not_be_made_is_told) {
    agent::StatusQuestion question{{{"127.0.0.1", 8600}, {"x.test"}},
                                   "host1.node.x.test",
                                   agent::HostResolver::systemd_resolved,
                                   {"/etc/systemd/network/50-roster.netdev"},
                                   false};
    std::ostringstream out;

    agent::print_status(
        {out, out, false, {}},
        question,
        [](const auto&, const auto&) {
            return Lookup{{"10.0.0.1"}, {}};
        },
        [](const auto&) {
            return Lookup{{}, "no"};
        });

    EXPECT_NE(out.str().find("no link roster0"), std::string::npos) << out.str();
}

TEST(ResolverStatus, another_answer_is_somebody_elses) {
    const auto told = status({{"10.0.0.1"}, {}}, {{"10.9.9.9"}, {}});

    EXPECT_EQ(told.code, agent::exit_failed);
    EXPECT_NE(told.out.find("somebody else has x.test"), std::string::npos) << told.out;
}

TEST(ResolverStatus, an_agent_that_is_silent_or_refuses_is_told_first) {
    const auto silent = status({{}, "timed out", true}, {{}, "no"});
    const auto refusing = status({{}, "this is not its domain (REFUSED)"}, {{"10.0.0.1"}, {}});

    EXPECT_EQ(silent.code, agent::exit_unreachable);
    EXPECT_NE(silent.out.find("No agent answers on 127.0.0.1:8600"), std::string::npos);
    EXPECT_EQ(refusing.code, agent::exit_failed);
    EXPECT_NE(refusing.out.find("The agent does not answer for x.test."), std::string::npos);
    EXPECT_NE(refusing.out.find("127.0.0.1:8600: this is not its domain"), std::string::npos);
}

TEST(ResolverStatus, the_host_is_asked_as_any_program_asks_it) {
    const auto found = agent::ask_host("127.0.0.1");

    EXPECT_EQ(found.addresses, std::vector<std::string>{"127.0.0.1"});
}

}  // namespace
