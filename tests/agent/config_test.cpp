#include "agent/config.hpp"

#include "tests/agent/configuration_text.hpp"
#include "tests/support/authority.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace {

using agent::Config;
using std::chrono::milliseconds;
using tests::good;
using tests::Lines;
using tests::wrong;
using Errors = std::vector<agent::ConfigError>;

TEST(Config, an_empty_file_gives_the_defaults) {
    const auto config = good("");

    EXPECT_EQ(config.domain, "roster.internal");
    EXPECT_EQ(config.dns.listen, Lines{"127.0.0.1:8600"});
    EXPECT_EQ(config.coord.session_timeout, milliseconds(10'000));
    EXPECT_TRUE(config.services.empty());
}

TEST(Config, every_section_is_read) {
    const auto config = good(R"(
node = "host1"
node_id = "0b3c6f5e-8a5c-4bd9-9d3c-1c5f0ad27f11"
address = "10.0.0.1"
meta = { rack = "r1" }
data_dir = "/tmp/roster"
domain = "consul"
datacenter = "dc-2"
zone = "a"
leave_on_terminate = false
services_dir = "/tmp/services.d"
[dns]
enabled = false
listen = ["127.0.0.1:8600", "[::1]:8600"]
workers = 2
ttl = "5s"
negative_ttl = "0s"
udp_bytes_max = 1400
udp_bytes_max_loopback = 4096
only_passing = true
reverse = ["10.0.0.0/8"]
[http]
listen = ["unix:/run/roster/http.sock"]
connections_max = 10
body_bytes_max = 2048
response_headers = { "X-Site" = "a" }
[coord]
connect = "zk1:2181,zk2/chroot"
listen = ["127.0.0.1:0"]
session_timeout = "4s"
[checks]
enable_script_checks = true
enable_local_script_checks = false
[log]
level = "debug"
levels = { "dns.update" = "trace" }
)");

    EXPECT_EQ(config.node, "host1");
    EXPECT_EQ(config.node_id, "0b3c6f5e-8a5c-4bd9-9d3c-1c5f0ad27f11");
    EXPECT_EQ(config.address, "10.0.0.1");
    EXPECT_EQ(config.meta.at("rack"), "r1");
    EXPECT_EQ(config.data_dir, "/tmp/roster");
    EXPECT_EQ(config.domain, "consul");
    EXPECT_EQ(config.datacenter, "dc-2");
    EXPECT_EQ(config.zone, "a");
    EXPECT_FALSE(config.leave_on_terminate);
    EXPECT_EQ(config.services_dir, "/tmp/services.d");
    EXPECT_FALSE(config.dns.enabled);
    EXPECT_EQ(config.dns.listen.size(), 2U);
    EXPECT_EQ(config.dns.workers, 2U);
    EXPECT_EQ(config.dns.ttl, std::chrono::seconds(5));
    EXPECT_EQ(config.dns.negative_ttl, std::chrono::seconds(0));
    EXPECT_EQ(config.dns.udp_bytes_max, 1400U);
    EXPECT_EQ(config.dns.udp_bytes_max_loopback, 4096U);
    EXPECT_TRUE(config.dns.only_passing);
    EXPECT_EQ(config.dns.reverse, Lines{"10.0.0.0/8"});
    EXPECT_EQ(config.http.listen, Lines{"unix:/run/roster/http.sock"});
    EXPECT_EQ(config.http.connections_max, 10U);
    EXPECT_EQ(config.http.body_bytes_max, 2048U);
    EXPECT_EQ(config.http.response_headers.at("X-Site"), "a");
    EXPECT_EQ(config.coord.connect, "zk1:2181,zk2/chroot");
    EXPECT_EQ(config.coord.listen, Lines{"127.0.0.1:0"});
    EXPECT_EQ(config.coord.session_timeout, milliseconds(4000));
    EXPECT_TRUE(config.checks.enable_script_checks);
    EXPECT_FALSE(config.checks.enable_local_script_checks);
    EXPECT_EQ(config.log.level, "debug");
    EXPECT_EQ(config.log.levels.at("dns.update"), "trace");
}

// Certificates in a directory of their own.
class TlsConfig : public testing::Test {
protected:
    TlsConfig() {
        const auto issued = authority_.issue();
        tests::write_file(path("cert.pem"), issued.pem);
        tests::write_file(path("key.pem"), issued.key_pem);
        tests::write_file(path("other.pem"), authority_.issue().key_pem);
        tests::write_file(path("ca.pem"), authority_.pem);
    }
    [[nodiscard]] std::string path(const std::string& name) const {
        return (directory_.path() / name).string();
    }
    // `cert = "…/cert.pem"`, a line.
    [[nodiscard]] std::string line(const std::string& key, const std::string& file) const {
        return key + " = \"" + path(file) + "\"\n";
    }

    coord::TemporaryDirectory directory_;
    tests::Authority authority_;
};

TEST_F(TlsConfig, the_tables_of_tls_are_read) {
    const auto config =
        good("[coord.tls]\nlisten = [\"0.0.0.0:2281\"]\n" + line("cert", "cert.pem") +
             line("key", "key.pem") + line("ca", "ca.pem") + "[coord.connect_tls]\n" +
             line("ca", "ca.pem") + "server_name = \"zk.example\"\n");

    EXPECT_EQ(config.coord.tls.listen, Lines{"0.0.0.0:2281"});
    EXPECT_EQ(config.coord.tls.files.certificate, path("cert.pem"));
    EXPECT_EQ(config.coord.tls.files.key, path("key.pem"));
    EXPECT_EQ(config.coord.tls.files.authorities, path("ca.pem"));
    EXPECT_EQ(config.coord.tls.files.client_certificate, coord::ClientCertificate::required);
    EXPECT_TRUE(config.coord.connect_tls.enabled);
    EXPECT_EQ(config.coord.connect_tls.server_name, "zk.example");
    EXPECT_TRUE(config.coord.connect_tls.files.certificate.empty());
    EXPECT_FALSE(good("[coord]\n").coord.connect_tls.enabled);
}

TEST_F(TlsConfig, clients_are_asked_for_certificates_as_configured) {
    const auto asked = [&](const std::string& more) {
        return good("[coord.tls]\nlisten = [\"127.0.0.1:2281\"]\n" + line("cert", "cert.pem") +
                    line("key", "key.pem") + more)
            .coord.tls.files.client_certificate;
    };
    EXPECT_EQ(asked(""), coord::ClientCertificate::none);
    EXPECT_EQ(asked(line("ca", "ca.pem") + "client_auth = \"optional\"\n"),
              coord::ClientCertificate::optional);
    EXPECT_EQ(asked(line("ca", "ca.pem") + "client_auth = \"none\"\n"),
              coord::ClientCertificate::none);
}

TEST_F(TlsConfig, what_is_wrong_with_a_certificate_is_said_at_its_line) {
    const std::string head = "[coord.tls]\nlisten = [\"127.0.0.1:2281\"]\n";
    EXPECT_EQ(wrong("[coord.tls]\n"),
              (Lines{"1: [coord.tls] needs \"listen\", such as [\"0.0.0.0:2281\"]",
                     "1: \"cert\" is missing",
                     "1: \"key\" is missing"}));
    EXPECT_EQ(wrong(head + line("cert", "none.pem") + line("key", "key.pem")),
              Lines{"3: cert: " + path("none.pem") + ": cannot open: No such file or directory"});
    EXPECT_EQ(wrong(head + line("cert", "cert.pem") + line("key", "other.pem")),
              Lines{"4: key: " + path("other.pem") + ": does not belong to the certificate in " +
                    path("cert.pem") + ": the public keys differ"});
    EXPECT_EQ(wrong(head + line("cert", "cert.pem") + line("key", "key.pem") +
                    "client_auth = \"required\"\n"),
              Lines{"5: \"client_auth\" needs a \"ca\": the authorities of the clients"});
    EXPECT_EQ(wrong("[coord.connect_tls]\n" + line("ca", "key.pem")),
              Lines{"2: ca: " + path("key.pem") + ": holds no certificate in PEM"});
    EXPECT_EQ(wrong("[coord.connect_tls]\n" + line("cert", "cert.pem")),
              Lines{"1: \"key\" is missing"});
}

TEST(Config, an_unknown_key_names_the_nearest_known_one) {
    EXPECT_EQ(wrong("domian = \"x\"\n"),
              Lines{"1: unknown key \"domian\": did you mean \"domain\"?"});
    EXPECT_EQ(wrong("[dns]\n\nlisen = []\n"),
              Lines{"3: unknown key \"lisen\" in [dns]: did you mean \"listen\"?"});
    EXPECT_EQ(wrong("[htp]\nlisten = []\n"),
              Lines{"1: unknown key \"htp\": did you mean \"http\"?"});
    EXPECT_EQ(wrong("[[service]]\nname = \"a\"\n[[service.check]]\nttl = \"1s\"\nnmae = \"x\"\n"),
              Lines{"5: unknown key \"nmae\" in [service.check]: did you mean \"name\"?"});
    EXPECT_EQ(wrong("[log]\ncolour = 1\n"),
              Lines{"2: unknown key \"colour\" in [log]: known are level and levels"});
}

TEST(Config, a_wrong_type_says_what_was_expected_and_what_was_found) {
    EXPECT_EQ(wrong("node = 5"),
              Lines{"1: \"node\" must be a name of 1 to 255 printable characters,"
                    " found the integer 5"});
    EXPECT_EQ(wrong("[dns]\nenabled = \"yes\""),
              Lines{"2: \"enabled\" must be true or false, found the string \"yes\""});
    EXPECT_EQ(wrong("[dns]\nlisten = \"127.0.0.1:53\""),
              Lines{"2: \"listen\" must be an array, each element an address such as "
                    "\"127.0.0.1:8600\", found the string \"127.0.0.1:53\""});
    EXPECT_EQ(wrong("[coord]\nsession_timeout = 10"),
              Lines{"2: \"session_timeout\" must be a duration from 1s to 10m0s, as the string "
                    "\"10s\", found the integer 10"});
    EXPECT_EQ(wrong("dns = 1"), Lines{"1: \"dns\" must be a table, found the integer 1"});
    EXPECT_EQ(wrong("service = 1"),
              Lines{"1: \"service\" must be a table, [[service]], found the integer 1"});
    EXPECT_EQ(wrong("meta = { a = 1.5 }"),
              Lines{"1: \"meta.a\" must be a string, found a number with a fraction"});
}

TEST(Config, the_limits_of_the_core_have_a_table_of_their_own) {
    const auto config = good(R"(
[coord]
four_letter_words = ["mntr", "wchs"]
enforce_quota = true
super_digest = "super:xQJmxLMiHGwaqBvst5y6rkB6HQs="
super_subject = "CN=admin"
read_only_mode = true
[coord.limits]
frame_bytes_max = 2097152
handshake_timeout = "3s"
connections_per_address_max = 60
)");

    EXPECT_EQ(config.coord.limits.frame_bytes_max, 2097152U);
    EXPECT_EQ(config.coord.limits.handshake_timeout, milliseconds(3000));
    EXPECT_EQ(config.coord.limits.connections_per_address_max, 60U);
    EXPECT_EQ(config.coord.limits.connections_max, 20'000U);
    EXPECT_EQ(config.coord.four_letter_words, (Lines{"mntr", "wchs"}));
    EXPECT_EQ(config.coord.super_digest, "super:xQJmxLMiHGwaqBvst5y6rkB6HQs=");
    EXPECT_EQ(config.coord.super_subject, "CN=admin");
    EXPECT_TRUE(config.coord.enforce_quota);
    EXPECT_TRUE(config.coord.read_only_mode);
}

TEST(Config, what_the_core_answers_unless_told_otherwise_is_what_monitoring_asks) {
    EXPECT_EQ(good("").coord.four_letter_words, (Lines{"ruok", "srvr", "stat", "mntr", "isro"}));
    EXPECT_FALSE(good("").coord.enforce_quota);
    EXPECT_FALSE(good("").coord.read_only_mode);
}

TEST(Config, every_limit_can_be_set_to_its_least_and_its_most_and_no_further) {
    coord::ServerLimits limits;
    coord::each_limit(limits, [](const std::string& key, const auto&, auto least, auto most) {
        const auto text = [&](auto value, int beyond) {
            if constexpr (std::is_same_v<decltype(value), milliseconds>) {
                return "\"" + std::to_string(value.count() + beyond) + "ms\"";
            } else {
                return std::to_string(static_cast<std::int64_t>(value) + beyond);
            }
        };
        const auto table = "[coord.limits]\nsession_timeout_min = \"100ms\"\n"
                           "session_timeout_max = \"24h\"\noutput_pause_bytes = 4096\n"
                           "output_bytes_max = 4294967296\n";
        const auto file = [&](const std::string& value) {
            const std::string kept = table;
            const auto at = kept.find("\n" + key + " = ");
            if (at == std::string::npos) return kept + key + " = " + value;
            const auto end = kept.find('\n', at + 1);
            return kept.substr(0, at + 1) + key + " = " + value + kept.substr(end);
        };
        EXPECT_TRUE(wrong(file(text(least, 0))).empty()) << file(text(least, 0));
        EXPECT_TRUE(wrong(file(text(most, 0))).empty()) << file(text(most, 0));
        EXPECT_FALSE(wrong(file(text(least, -1))).empty()) << key;
        EXPECT_FALSE(wrong(file(text(most, 1))).empty()) << key;
    });
}

TEST(Config, limits_that_contradict_each_other_are_refused) {
    EXPECT_EQ(wrong("[coord.limits]\nsession_timeout_min = \"50s\""),
              Lines{"2: \"session_timeout_min\" is longer than \"session_timeout_max\" (40s)"});
    EXPECT_EQ(wrong("[coord.limits]\noutput_bytes_max = 2097152\noutput_pause_bytes = 4194304"),
              Lines{"3: \"output_pause_bytes\" is more than \"output_bytes_max\" (2097152)"});
}

TEST(Config, a_core_that_nobody_can_reach_is_refused) {
    EXPECT_EQ(wrong("[coord]\nlisten = []\n"),
              Lines{"2: \"listen\" needs an address: this agent is a client of its core there"});
}

TEST(Config, a_password_in_the_place_of_the_digest_of_super_is_refused) {
    EXPECT_EQ(wrong("[coord]\nsuper_digest = \"super:admin\"\n").size(), 1U);
}

TEST(Config, a_value_out_of_range_is_refused) {
    for (const auto* text : {"[dns]\nlisten = [\"localhost:53\"]",
                             "[dns]\nlisten = [\"127.0.0.1:65536\"]",
                             "[dns]\nworkers = 0",
                             "[dns]\nttl = \"1500ms\"",
                             "[dns]\nreverse = [\"10.0.0.0/40\"]",
                             "[dns]\nallow = [\"10.0.0.0\"]",
                             "[dns]\ncookie_secrets = [\"abc\"]",
                             "[dns]\nunverified_bytes_max = 100",
                             "[http]\nlisten = [\"unix:relative\"]",
                             "[http]\nconnections_max = -1",
                             "[coord]\nsession_timeout = \"1ms\"",
                             "[coord]\nconnect = \"zk1:0\"",
                             "[coord]\nfour_letter_words = [\"zzzz\"]",
                             "[coord.limits]\nframe_byte_max = 4096",
                             "[log]\nlevel = \"loud\"",
                             "domain = \"a..b\"",
                             "datacenter = \"a.b\"",
                             "address = \"host\"",
                             "node_id = \"1\"",
                             "node = \"\"",
                             "[[service]]\nname = \"a\"\nport = 0",
                             "[[service]]\nname = \"a\"\nport = 65536"}) {
        EXPECT_EQ(wrong(text).size(), 1U) << text;
    }
}

TEST(Config, all_errors_are_reported_in_the_order_of_their_lines) {
    EXPECT_EQ(wrong("[http]\nconnections_max = 0\n[dns]\nworkers = 0\nx = 1\n").size(), 3U);
    const auto errors = wrong("[http]\nconnections_max = 0\n[dns]\nworkers = 0\n");
    ASSERT_EQ(errors.size(), 2U);
    EXPECT_TRUE(errors[0].starts_with("2: "));
    EXPECT_TRUE(errors[1].starts_with("4: "));
}

TEST(Config, broken_toml_has_a_line) {
    const auto errors = wrong("node = \"a\"\ndomain = \n");

    ASSERT_EQ(errors.size(), 1U);
    EXPECT_TRUE(errors[0].starts_with("2: ")) << errors[0];
}

TEST(Config, a_services_file_knows_services_and_checks_only) {
    const auto parsed = agent::parse_services_file("node = \"a\"\n", "web.toml");

    const auto& errors = std::get<Errors>(parsed);
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_EQ(agent::format(errors[0]),
              "web.toml:1: unknown key \"node\": known are check and service");
}

TEST(Config, a_file_is_loaded_and_services_d_stands_beside_it) {
    const auto folder = std::filesystem::path(testing::TempDir()) / "config_test";
    std::filesystem::create_directories(folder);
    std::ofstream(folder / "roster.toml") << "node = \"a\"\n";

    const auto loaded = agent::load_config(folder / "roster.toml");

    EXPECT_EQ(std::get<Config>(loaded).services_dir, folder / "services.d");
    std::filesystem::remove_all(folder);
}

TEST(Config, a_file_that_cannot_be_read_says_why) {
    const auto missing = agent::load_config("/nowhere/roster.toml");
    const auto folder = agent::load_config("/");

    EXPECT_EQ(agent::format(std::get<Errors>(missing).at(0)),
              "/nowhere/roster.toml: cannot open: No such file or directory");
    EXPECT_EQ(agent::format(std::get<Errors>(folder).at(0)), "/: is a directory");
}

TEST(Config, what_the_machine_knows_is_filled_in) {
    Config plain;
    agent::complete(plain);
    EXPECT_FALSE(plain.node.empty());
    EXPECT_EQ(plain.address, "127.0.0.1");

    Config listening;
    listening.node = "host1";
    listening.http.listen = {"unix:/run/x", "127.0.0.1:1", "0.0.0.0:1", "10.0.0.9:1"};
    agent::complete(listening);
    EXPECT_EQ(listening.node, "host1");
    EXPECT_EQ(listening.address, "10.0.0.9");
}

// What is wrong with these servers, once it is known whose configuration it is.
std::string fault_of(std::string_view coord) {
    auto config = good("[coord]\n" + std::string(coord));
    agent::complete(config);
    return agent::find_peer_fault(config.coord);
}

TEST(Config, servers_that_form_a_cluster_are_read) {
    const auto config = good(R"([coord]
peer_listen = "10.0.0.1:2888"
servers = ["10.0.0.1:2888", "host2:2888", "[::1]:2888"]
peer_plain = true
)");

    EXPECT_EQ(config.coord.peer_listen, "10.0.0.1:2888");
    EXPECT_EQ(config.coord.servers, (Lines{"10.0.0.1:2888", "host2:2888", "[::1]:2888"}));
    EXPECT_TRUE(config.coord.peer_plain);
    EXPECT_EQ(fault_of(R"(peer_listen = "127.0.0.1:2888")"), "");
    EXPECT_EQ(fault_of(""), "");
}

TEST(Config, links_of_servers_are_plain_on_the_loopback_or_when_that_is_said) {
    const auto* const exposed = R"([coord]
peer_listen = "10.0.0.1:2888"
)";
    ASSERT_EQ(wrong(exposed).size(), 1U);
    EXPECT_NE(wrong(exposed)[0].find("2: the servers' links would be plain"), std::string::npos);
    EXPECT_NE(wrong(exposed)[0].find("[coord.peer_tls]"), std::string::npos);
    EXPECT_EQ(wrong("[coord]\npeer_listen = \"127.0.0.1:1\"\nservers = [\"host:1\"]").size(), 1U);
    EXPECT_EQ(wrong("[coord]\npeer_listen = \"0.0.0.0:1\"").size(), 1U);

    good(std::string(exposed) + "peer_plain = true\n");
    good("[coord]\npeer_listen = \"127.0.0.1:1\"\nservers = [\"127.0.0.1:1\", \"localhost:2\"]");
}

TEST(Config, who_is_no_server_is_told_how_to_be_a_client_of_them) {
    const auto errors = wrong("[coord]\nservers = [\"127.0.0.1:1\"]");
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_NE(errors[0].find("2: \"servers\" needs \"peer_listen\""), std::string::npos);
    EXPECT_NE(errors[0].find("\"connect\" names the servers' ports"), std::string::npos);

    const auto fault = fault_of("peer_listen = \"127.0.0.1:1\"\nservers = [\"127.0.0.1:2\"]");
    EXPECT_NE(fault.find("127.0.0.1:1, is not one of \"servers\": 127.0.0.1:2"), std::string::npos);
}

TEST(Config, a_server_and_a_client_of_other_servers_is_one_too_many) {
    const auto errors = wrong("[coord]\nconnect = \"zk1\"\npeer_listen = \"127.0.0.1:1\"");
    ASSERT_EQ(errors.size(), 1U);
    EXPECT_NE(errors[0].find("3: \"peer_listen\" is of the embedded core"), std::string::npos);
}

TEST(Config, a_list_of_servers_must_be_one) {
    const auto with = [](const std::string& servers) {
        return wrong("[coord]\npeer_listen = \"127.0.0.1:1\"\nservers = [" + servers + "]").size();
    };
    EXPECT_EQ(with("\"127.0.0.1:1\", \"127.0.0.1:1\""), 1U);
    EXPECT_EQ(with("\"127.0.0.1\""), 1U);
    EXPECT_EQ(with("\"0.0.0.0:1\""), 1U);
    EXPECT_EQ(with("\"127.0.0.1:0\""), 1U);
    std::string many;
    for (int port = 1; port <= 16; ++port) many += "\"127.0.0.1:" + std::to_string(port) + "\",";
    EXPECT_EQ(with(many), 1U);
}

TEST(Config, a_server_on_all_addresses_is_the_listed_one_that_this_machine_has) {
    auto config = good(R"([coord]
peer_listen = "0.0.0.0:2888"
servers = ["127.0.0.1:2888", "192.0.2.1:2888"]
peer_plain = true
)");
    agent::complete(config);

    EXPECT_EQ(config.coord.peer_address, "127.0.0.1:2888");
    EXPECT_EQ(agent::find_peer_fault(config.coord), "");
    const auto elsewhere = fault_of(
        "peer_listen = \"0.0.0.0:2888\"\nservers = [\"192.0.2.1:2888\"]\npeer_plain = true");
    EXPECT_NE(elsewhere.find("is not one of \"servers\""), std::string::npos);
    EXPECT_NE(fault_of("peer_listen = \"0.0.0.0:2888\"\npeer_plain = true").find("peer_address"),
              std::string::npos);
}

}  // namespace
