#include "tests/support/fake_agent.hpp"

#include <gtest/gtest.h>

namespace {

using tests::FakeReply;
using tests::run_command;

FakeReply answer(const std::string& line, const std::string&) {
    if (line == "GET /v1/catalog/services") return {200, R"({"web": ["a", "b"], "db": []})"};
    if (line == "GET /v1/health/service/web") return {200, tests::two_instances};
    return {200, "[]"};
}

TEST(ServicesCommand, services_with_instances_are_listed_and_those_counted) {
    tests::FakeAgent fake(answer);

    const auto ran = run_command({"services", "--http-addr", fake.address()});

    EXPECT_EQ(ran.code, agent::exit_ok) << ran.err;
    EXPECT_EQ(ran.out,
              "SERVICE  INSTANCES  PASSING  TAGS\n"
              "web      2          1        a,b\n");
}

TEST(ServicesCommand, passing_leaves_out_services_without_a_passing_instance) {
    tests::FakeAgent fake(answer);

    const auto ran = run_command({"services", "--passing", "--http-addr", fake.address()});

    EXPECT_EQ(ran.out.find("db"), std::string::npos);
    EXPECT_NE(ran.out.find("web"), std::string::npos);
}

TEST(ServicesCommand, a_name_lists_its_instances) {
    tests::FakeAgent fake(answer);

    const auto ran = run_command({"services", "web", "--http-addr", fake.address()});

    EXPECT_EQ(ran.code, agent::exit_ok);
    EXPECT_EQ(ran.out,
              "NODE   ID     ADDRESS   PORT  HEALTH    TAGS\n"
              "host1  web-1  10.0.0.1  80    passing   a,b\n"
              "host2  web-2  10.9.9.9  81    critical  -\n");
}

TEST(ServicesCommand, json_is_the_apis_own) {
    tests::FakeAgent fake(answer);

    const auto one = run_command({"services", "web", "--json", "--http-addr", fake.address()});
    const auto all = run_command({"services", "--json", "--http-addr", fake.address()});

    EXPECT_EQ(one.out, std::string(tests::two_instances) + "\n");
    EXPECT_EQ(all.out, "{\"web\": [\"a\", \"b\"], \"db\": []}\n");
}

TEST(ServicesCommand, a_service_nobody_has_is_not_found) {
    tests::FakeAgent fake(answer);

    const auto ran = run_command({"services", "we b", "--http-addr", fake.address()});

    EXPECT_EQ(ran.code, agent::exit_not_found);
    EXPECT_EQ(ran.err, "roster services: no instance of we b\n");
    EXPECT_EQ(fake.requests().at(0), "GET /v1/health/service/we%20b");
}

}  // namespace
