#include "agent/config_services.hpp"

#include "tests/agent/configuration_text.hpp"

#include <gtest/gtest.h>

namespace {

using std::chrono::milliseconds;
using tests::good;
using tests::Lines;
using tests::wrong;

TEST(ConfigServices, services_and_their_checks_are_read_and_completed) {
    const auto config = good(R"(
[[service]]
name = "web"
id = "web-1"
port = 8080
address = "10.0.0.7"
tags = ["primary", "v2"]
meta = { version = "1.2" }
weights = { passing = 10, warning = 0 }
tagged_addresses = { lan = { address = "10.0.0.7", port = 80 } }
enable_tag_override = true
zone = "b"
  [[service.check]]
  http = "https://127.0.0.1:8080/health"
  method = "POST"
  header = { Host = "web", "X-Many" = ["1", "2"] }
  body = "ping"
  expected_status = [200, 204]
  body_match = "ok|fine"
  interval = "2s"
  timeout = "500ms"
  rise = 2
  fall = 3
  failures_before_warning = 1
  start_period = "10s"
  initial_status = "warning"
  deregister_critical_after = "1h"
  tls_skip_verify = true
  tls_server_name = "web.local"
  [[service.check]]
  id = "alive"
  name = "alive"
  notes = "reported"
  ttl = "30s"
[[service]]
name = "db"
  [service.check]
  tcp = "127.0.0.1:5432"
  tcp_use_tls = true
  interval = "1s"
  success_before_passing = 4
  failures_before_critical = 5
[[check]]
name = "disk"
script = "df /"
interval = "1m"
[[check]]
id = "load"
args = ["/bin/load", "5"]
interval = "1m"
)");

    ASSERT_EQ(config.services.size(), 2U);
    const auto& web = config.services[0];
    EXPECT_EQ(web.id, "web-1");
    EXPECT_EQ(web.port, 8080);
    EXPECT_EQ(web.address, "10.0.0.7");
    EXPECT_EQ(web.tags, (Lines{"primary", "v2"}));
    EXPECT_EQ(web.meta.at("version"), "1.2");
    EXPECT_EQ(web.weights, (agent::Weights{10, 0}));
    EXPECT_EQ(web.tagged_addresses.at("lan"), (agent::TaggedAddress{"10.0.0.7", 80}));
    EXPECT_TRUE(web.enable_tag_override);
    EXPECT_EQ(web.zone, "b");
    ASSERT_EQ(web.checks.size(), 2U);
    const auto& health = web.checks[0];
    EXPECT_EQ(health.kind, agent::CheckKind::http);
    EXPECT_EQ(health.id, "service:web-1:1");
    EXPECT_EQ(health.service_id, "web-1");
    EXPECT_EQ(health.http, "https://127.0.0.1:8080/health");
    EXPECT_EQ(health.method, "POST");
    EXPECT_EQ(health.header,
              (std::vector<std::pair<std::string, std::string>>{
                  {"Host", "web"}, {"X-Many", "1"}, {"X-Many", "2"}}));
    EXPECT_EQ(health.body, "ping");
    EXPECT_EQ(health.expected_status, (std::vector{200, 204}));
    EXPECT_EQ(health.body_match, "ok|fine");
    EXPECT_EQ(health.interval, milliseconds(2000));
    EXPECT_EQ(health.timeout, milliseconds(500));
    EXPECT_EQ(health.success_before_passing, 2);
    EXPECT_EQ(health.failures_before_critical, 3);
    EXPECT_EQ(health.failures_before_warning, 1);
    EXPECT_EQ(health.start_period, milliseconds(10'000));
    EXPECT_EQ(health.initial_status, agent::Health::warning);
    EXPECT_EQ(health.deregister_critical_after, std::chrono::hours(1));
    EXPECT_TRUE(health.tls_skip_verify);
    EXPECT_EQ(health.tls_server_name, "web.local");
    EXPECT_EQ(web.checks[1].kind, agent::CheckKind::ttl);
    EXPECT_EQ(web.checks[1].ttl, milliseconds(30'000));
    const auto& db = config.services[1];
    EXPECT_EQ(db.id, "db");
    EXPECT_EQ(db.checks.at(0).tcp, "127.0.0.1:5432");
    EXPECT_TRUE(db.checks[0].tcp_use_tls);
    EXPECT_EQ(db.checks[0].success_before_passing, 4);
    EXPECT_EQ(db.checks[0].failures_before_critical, 5);
    ASSERT_EQ(config.node_checks.size(), 2U);
    EXPECT_EQ(config.node_checks[0].id, "disk");
    EXPECT_EQ(config.node_checks[0].args, (Lines{"/bin/sh", "-c", "df /"}));
    EXPECT_EQ(config.node_checks[1].name, "load");
    EXPECT_EQ(config.node_checks[1].args, (Lines{"/bin/load", "5"}));
}

TEST(ConfigServices, a_check_does_exactly_one_thing) {
    EXPECT_EQ(wrong("[[service]]\nname = \"a\"\n[service.check]\ninterval = \"1s\""),
              Lines{"3: a check needs one of http, tcp, ttl, script and args"});
    EXPECT_EQ(wrong("[[service]]\nname = \"a\"\n[service.check]\ninterval = \"1s\"\n"
                    "http = \"http://a\"\ntcp = \"a:1\""),
              Lines{"6: a check does one thing: \"http\" and \"tcp\" exclude each other"});
    EXPECT_EQ(wrong("[[check]]\nname = \"a\"\ntcp = \"a:1\""),
              Lines{"1: a check needs an \"interval\""});
    EXPECT_EQ(wrong("[[check]]\nname = \"a\"\nttl = \"1s\"\ninterval = \"1s\""),
              Lines{"4: a ttl check has no \"interval\": it is reported to"});
    EXPECT_EQ(wrong("[[check]]\nttl = \"1s\""), Lines{"1: a [[check]] of the node needs a name"});
    EXPECT_EQ(wrong("[[check]]\nname = \"a\"\nttl = \"1s\"\nrise = 1\nsuccess_before_passing = 2"),
              Lines{"5: \"success_before_passing\" is \"rise\" by another name: leave one out"});
}

TEST(ConfigServices, what_a_definition_may_not_be_is_said_at_its_line) {
    EXPECT_EQ(wrong("\n[[service]]\nport = 80\n"), Lines{"2: Missing service name"});
    EXPECT_EQ(wrong("[[service]]\nname = \"a\"\n[[service]]\nname = \"b\"\nid = \"a\""),
              Lines{"3: duplicate service id \"a\": first declared in line 1"});
    EXPECT_EQ(wrong("[[check]]\nname = \"a\"\nttl = \"1s\"\n[[check]]\nname = \"a\"\nttl = \"1s\""),
              Lines{"4: duplicate check id \"a\": first declared in line 1"});
    EXPECT_EQ(wrong("[[service]]\nname = \"a\"\n[service.check]\nhttp = \"ftp://a\"\n"
                    "interval = \"1s\""),
              Lines{"4: \"http\" must be a URL such as \"http://127.0.0.1:8080/health\", found the "
                    "string \"ftp://a\""});
    EXPECT_EQ(wrong("[[service]]\nname = \"a\"\n[service.check]\nhttp = \"http://a\"\n"
                    "interval = \"1s\"\nbody_match = \"(\""),
              Lines{"6: \"body_match\" must be a regular expression, found the string \"(\""});
}

TEST(ConfigServices, scripts_in_files_can_be_switched_off) {
    const auto* script = "[[check]]\nname = \"a\"\nscript = \"true\"\ninterval = \"1s\"\n";

    EXPECT_EQ(wrong(std::string(script) + "[checks]\nenable_local_script_checks = false"),
              Lines{"1: script checks are switched off (checks.enable_local_script_checks)"});
    const auto refused = agent::parse_services_file(script, "a.toml", agent::Scripts::refused);
    EXPECT_TRUE(std::holds_alternative<std::vector<agent::ConfigError>>(refused));
    const auto allowed = agent::parse_services_file(script, "a.toml");
    EXPECT_TRUE(std::holds_alternative<agent::ServicesFile>(allowed));
}

}  // namespace
