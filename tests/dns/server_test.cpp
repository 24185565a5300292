#include "dns/server.hpp"

#include "tests/support/certificate.hpp"
#include "tests/support/dns_messages.hpp"
#include "tests/support/publications.hpp"
#include "tests/support/temporary_directory.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>

namespace dns {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;

// What dig printed: the header's fields and the records of each section, one line each, with
// single spaces.
struct Dug {
    std::string text;
    std::string status;
    std::set<std::string> flags;
    std::map<std::string, std::vector<std::string>> sections;
    bool tcp = false;
    std::size_t bytes = 0;

    [[nodiscard]] std::vector<std::string> sorted(const std::string& section) const {
        const auto found = sections.find(section);
        if (found == sections.end()) return {};
        auto lines = found->second;
        std::sort(lines.begin(), lines.end());
        return lines;
    }
    [[nodiscard]] std::vector<std::string> answer() const { return sorted("ANSWER"); }
    [[nodiscard]] bool has(const std::string& part) const {
        return text.find(part) != std::string::npos;
    }
};

std::string between(const std::string& line, const std::string& left, const std::string& right) {
    const auto begin = line.find(left);
    if (begin == std::string::npos) return {};
    const auto from = begin + left.size();
    return line.substr(from, line.find(right, from) - from);
}

std::string single_spaced(const std::string& line) {
    std::istringstream words(line);
    std::string result;
    for (std::string word; words >> word;) result += (result.empty() ? "" : " ") + word;
    return result;
}

Dug read_dig(const std::string& text) {
    Dug dug;
    dug.text = text;
    std::istringstream lines(text);
    std::string section;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(";; ->>HEADER<<-")) dug.status = between(line, "status: ", ",");
        if (line.starts_with(";; flags:")) {
            std::istringstream flags(between(line, ";; flags:", ";"));
            for (std::string flag; flags >> flag;) dug.flags.insert(flag);
        }
        if (line.find("(TCP)") != std::string::npos) dug.tcp = true;
        if (line.starts_with(";; MSG SIZE")) dug.bytes = std::stoul(between(line, "rcvd: ", "\n"));
        if (line.starts_with(";; ") && line.ends_with(" SECTION:")) {
            section = between(line, ";; ", " SECTION:");
        } else if (line.empty()) {
            section.clear();
        } else if (!section.empty() && (line[0] != ';' || section == "QUESTION")) {
            dug.sections[section].push_back(single_spaced(line));
        }
    }
    return dug;
}

// A server on a free port.
class DnsServer : public testing::Test {
protected:
    void SetUp() override { open({}); }

    void open(agent::DnsConfig config) {
        config.listen = {"127.0.0.1:0"};
        server = std::make_unique<Server>(ServerOptions{.config = config,
                                                        .domain = "roster.internal",
                                                        .datacenter = "dc1",
                                                        .node = "host1",
                                                        .address = "127.0.0.1",
                                                        .version = "9.9"});
        server->start();
    }

    void publish(agent::Publication publication) {
        server->publish(std::make_shared<const agent::Publication>(std::move(publication)));
    }

    [[nodiscard]] std::uint16_t port() const { return server->ports().at(0); }

    static std::string output_of(const std::string& command) {
        std::string output;
        FILE* pipe = ::popen(command.c_str(), "r");
        std::array<char, 4096> chunk{};
        while (const auto n = std::fread(chunk.data(), 1, chunk.size(), pipe)) {
            output.append(chunk.data(), n);
        }
        EXPECT_EQ(::pclose(pipe), 0) << command << "\n" << output;
        return output;
    }

    Dug dig(const std::string& arguments) const {
        return read_dig(output_of("dig @127.0.0.1 -p " + std::to_string(port()) +
                                  " +norecurse +tries=1 +time=5 " + arguments + " 2>&1"));
    }

    asio::io_context io;
    std::unique_ptr<Server> server;

    const std::shared_ptr<const agent::NodeView> host1 = support::make_node("host1", "127.0.0.1");
    const std::shared_ptr<const agent::NodeView> host2 = support::make_node("host2", "10.0.0.2");

    // Two nodes, and a service with one instance on each.
    [[nodiscard]] agent::Publication web() const {
        auto step = support::publication(42);
        step.nodes = {host1, host2};
        step.services = {support::make_service(
            "web",
            {{.node = host1, .port = 8080, .tags = {"primary"}}, {.node = host2, .port = 8081}})};
        return step;
    }
};

using Lines = std::vector<std::string>;

TEST_F(DnsServer, a_published_service_is_answered_with_its_addresses) {
    publish(web());

    const auto dug = dig("web.service.roster.internal A");

    EXPECT_EQ(dug.status, "NOERROR");
    EXPECT_EQ(dug.flags, (std::set<std::string>{"qr", "aa"}));
    EXPECT_EQ(dug.answer(),
              (Lines{"web.service.roster.internal. 1 IN A 10.0.0.2",
                     "web.service.roster.internal. 1 IN A 127.0.0.1"}));
}

TEST_F(DnsServer, srv_brings_the_addresses_of_its_targets) {
    publish(web());

    const auto dug = dig("web.service.roster.internal SRV");

    EXPECT_EQ(
        dug.answer(),
        (Lines{"web.service.roster.internal. 1 IN SRV 1 1 8080 host1.node.dc1.roster.internal.",
               "web.service.roster.internal. 1 IN SRV 1 1 8081 "
               "host2.node.dc1.roster.internal."}));
    EXPECT_EQ(dug.sorted("ADDITIONAL"),
              (Lines{"host1.node.dc1.roster.internal. 1 IN A 127.0.0.1",
                     "host2.node.dc1.roster.internal. 1 IN A 10.0.0.2"}));
}

TEST_F(DnsServer, nodes_metadata_and_reverse_names_are_answered) {
    auto step = web();
    agent::NodeRecord record;
    record.meta = {{"rack", "7"}};
    step.nodes.push_back(support::make_node("host3", "fd00::3", record));
    publish(step);

    EXPECT_EQ(dig("host3.node.roster.internal AAAA").answer(),
              (Lines{"host3.node.roster.internal. 1 IN AAAA fd00::3"}));
    EXPECT_EQ(dig("host3.node.roster.internal TXT").answer(),
              (Lines{"host3.node.roster.internal. 1 IN TXT \"rack=7\""}));
    EXPECT_EQ(dig("-x 127.0.0.1").answer(),
              (Lines{"1.0.0.127.in-addr.arpa. 1 IN PTR host1.node.dc1.roster.internal."}));
    EXPECT_EQ(dig("-x 10.0.0.2").status, "REFUSED");
    EXPECT_EQ(dig("_web._primary.dc1.roster.internal SRV").answer(),
              (Lines{"_web._primary.dc1.roster.internal. 1 IN SRV 1 1 8080 "
                     "host1.node.dc1.roster.internal."}));
    EXPECT_EQ(dig("7f000009.addr.roster.internal A").answer(),
              (Lines{"7f000009.addr.roster.internal. 1 IN A 127.0.0.9"}));
}

TEST_F(DnsServer, configured_prefixes_have_reverse_names) {
    agent::DnsConfig config;
    config.reverse = {"10.0.0.0/8"};
    open(config);
    publish(web());

    EXPECT_EQ(dig("-x 10.0.0.2").answer(),
              (Lines{"2.0.0.10.in-addr.arpa. 1 IN PTR host2.node.dc1.roster.internal."}));
    EXPECT_EQ(dig("-x 10.0.0.3").status, "NXDOMAIN");
    EXPECT_EQ(dig("10.in-addr.arpa SOA").answer(),
              (Lines{"10.in-addr.arpa. 3600 IN SOA ns.roster.internal. "
                     "hostmaster.roster.internal. 42 3600 600 86400 1"}));
}

TEST_F(DnsServer, the_apex_has_its_soa_with_the_index_as_serial_and_its_name_server) {
    publish(web());

    EXPECT_EQ(dig("roster.internal SOA").answer(),
              (Lines{"roster.internal. 3600 IN SOA ns.roster.internal. hostmaster.roster.internal. "
                     "42 3600 600 86400 1"}));
    const auto ns = dig("roster.internal NS");
    EXPECT_EQ(ns.answer(), (Lines{"roster.internal. 3600 IN NS ns.roster.internal."}));
    EXPECT_EQ(ns.sorted("ADDITIONAL"), (Lines{"ns.roster.internal. 1 IN A 127.0.0.1"}));
}

TEST_F(DnsServer, negative_answers_have_the_soa_with_the_negative_ttl) {
    publish(web());
    const Lines soa{"roster.internal. 1 IN SOA ns.roster.internal. hostmaster.roster.internal. 42 "
                    "3600 600 86400 1"};

    const auto missing = dig("no.service.roster.internal A");
    EXPECT_EQ(missing.status, "NXDOMAIN");
    EXPECT_EQ(missing.sorted("AUTHORITY"), soa);
    for (const auto* nodata : {"web.service.roster.internal AAAA",
                               "web.service.roster.internal TYPE666",
                               "_tcp.service.roster.internal SRV"}) {
        const auto dug = dig(nodata);
        EXPECT_EQ(dug.status, "NOERROR") << nodata;
        EXPECT_EQ(dug.answer(), Lines{});
        EXPECT_EQ(dug.sorted("AUTHORITY"), soa);
        EXPECT_TRUE(dug.flags.contains("aa"));
    }
}

TEST_F(DnsServer, before_the_first_sync_the_answer_is_servfail_not_ready) {
    auto step = web();
    step.synced = false;
    publish(step);

    const auto dug = dig("web.service.roster.internal A");
    EXPECT_EQ(dug.status, "SERVFAIL");
    EXPECT_TRUE(dug.has("EDE: 14 (Not Ready)")) << dug.text;

    publish(web());
    EXPECT_EQ(dig("web.service.roster.internal A").status, "NOERROR");
}

TEST_F(DnsServer, other_names_are_refused_as_not_ours) {
    publish(web());

    const auto dug = dig("example.com A");

    EXPECT_EQ(dug.status, "REFUSED");
    EXPECT_FALSE(dug.flags.contains("aa"));
    EXPECT_TRUE(dug.has("EDE: 20 (Not Authoritative)")) << dug.text;
}

TEST_F(DnsServer, edns_is_answered_as_asked) {
    publish(web());

    const auto plain = dig("+noedns web.service.roster.internal A");
    EXPECT_FALSE(plain.has("OPT PSEUDOSECTION"));
    const auto version = dig("+edns=1 +noednsnegotiation web.service.roster.internal SOA");
    EXPECT_EQ(version.status, "BADVERS");
    EXPECT_TRUE(version.has("EDNS: version: 0")) << version.text;
    EXPECT_EQ(version.answer(), Lines{});
    const auto option = dig("+ednsopt=100:abcd +dnssec web.service.roster.internal A");
    EXPECT_EQ(option.status, "NOERROR");
    EXPECT_TRUE(option.has("EDNS: version: 0, flags: do; udp: 8192")) << option.text;
    EXPECT_FALSE(option.has("OPT=100"));
}

TEST_F(DnsServer, other_opcodes_are_not_implemented) {
    publish(web());

    for (const auto* opcode : {"1", "2", "4", "5", "15"}) {
        const auto dug =
            dig(std::string("+noedns +opcode=") + opcode + " web.service.roster.internal");
        EXPECT_EQ(dug.status, "NOTIMP") << opcode;
        EXPECT_EQ(dug.flags, std::set<std::string>{"qr"});
        EXPECT_EQ(dug.sorted("QUESTION"), Lines{});
    }
}

TEST_F(DnsServer, chaos_names_tell_node_and_version) {
    publish(web());

    EXPECT_EQ(dig("CH TXT id.server").answer(), (Lines{"id.server. 0 CH TXT \"host1\""}));
    EXPECT_EQ(dig("CH TXT version.bind").answer(), (Lines{"version.bind. 0 CH TXT \"9.9\""}));
}

TEST_F(DnsServer, what_does_not_fit_is_truncated_and_whole_over_tcp) {
    std::vector<support::Instance> many;
    for (int i = 0; i < 200; ++i) many.push_back({host1, "10.0.1." + std::to_string(i)});
    auto step = support::publication(50);
    step.services = {support::make_service("many", many)};
    publish(step);

    const auto cut = dig("+ignore +bufsize=1232 many.service.roster.internal A");
    EXPECT_TRUE(cut.flags.contains("tc"));
    EXPECT_LE(cut.bytes, 1232U);
    EXPECT_GT(cut.answer().size(), 60U);
    const auto retried = dig("+noedns many.service.roster.internal A");
    EXPECT_TRUE(retried.tcp);
    EXPECT_FALSE(retried.flags.contains("tc"));
    EXPECT_EQ(retried.answer().size(), 200U);
    // Loopback carries large datagrams.
    const auto large = dig("+bufsize=8192 many.service.roster.internal A");
    EXPECT_FALSE(large.tcp);
    EXPECT_EQ(large.answer().size(), 200U);
    EXPECT_EQ(dig("+tcp many.service.roster.internal SRV").sorted("ADDITIONAL").size(), 200U);
}

class DnsOverTls : public DnsServer {
protected:
    void SetUp() override {
        write(first);
        agent::DnsConfig config;
        config.tls_listen = {"127.0.0.1:0"};
        config.tls_certificate = directory.path() / "dns.crt";
        config.tls_key = directory.path() / "dns.key";
        open(config);
        publish(web());
    }
    void write(const tests::Certificate& certificate) const {
        std::ofstream(directory.path() / "dns.key") << certificate.key_pem;
        std::ofstream(directory.path() / "dns.crt") << certificate.pem;
    }
    // The certificate that a client is shown now, as PEM.
    [[nodiscard]] std::string shown() const {
        const auto text =
            output_of("echo | openssl s_client -connect 127.0.0.1:" +
                      std::to_string(server->tls_ports().at(0)) + " -alpn dot 2>/dev/null");
        EXPECT_NE(text.find("ALPN protocol: dot"), std::string::npos) << text;
        const auto begin = text.find("-----BEGIN");
        const auto end = text.find("-----END CERTIFICATE-----");
        return begin == end ? "" : text.substr(begin, end - begin);
    }

    const tests::Certificate first;
    const tests::Certificate second;
    coord::TemporaryDirectory directory;
};

TEST_F(DnsOverTls, answers_like_tcp_and_pads_if_asked) {
    const auto port = " -p " + std::to_string(server->tls_ports().at(0));
    const auto dug = dig(port + " +tls web.service.roster.internal A");
    EXPECT_EQ(dug.answer().size(), 2U) << dug.text;
    EXPECT_TRUE(dug.has("(TLS)")) << dug.text;

    EXPECT_EQ(dig(port + " +tls +padding=128 web.service.roster.internal A").bytes, 468U);
    EXPECT_EQ(dig("+tcp +padding=128 web.service.roster.internal A").has("PAD"), false);
    EXPECT_TRUE(dig("+tcp +keepalive web.service.roster.internal A").has("KEEPALIVE: 10.0 secs"));
}

TEST_F(DnsOverTls, who_speaks_only_of_other_protocols_is_turned_away) {
    const auto connect = [&](const std::string& protocols) {
        return output_of("echo | openssl s_client -connect 127.0.0.1:" +
                         std::to_string(server->tls_ports().at(0)) + protocols + " 2>&1 || true");
    };

    EXPECT_NE(connect(" -alpn h2,http/1.1").find("alert no application protocol"),
              std::string::npos);
    EXPECT_NE(connect(" -alpn h2,dot").find("ALPN protocol: dot"), std::string::npos);
    EXPECT_NE(connect("").find("No ALPN negotiated"), std::string::npos);
}

TEST_F(DnsOverTls, takes_up_a_changed_certificate) {
    EXPECT_EQ(first.pem.find(shown()), 0U);

    write(second);
    server->reload();

    EXPECT_EQ(second.pem.find(shown()), 0U);
}

TEST_F(DnsOverTls, does_not_speak_without_tls_and_counts_who_tries) {
    tcp::socket client(io);
    client.connect({asio::ip::make_address("127.0.0.1"), server->tls_ports().at(0)});
    const auto query = support::question("web.service.roster.internal", 1);
    asio::write(client, asio::buffer(std::array<std::uint8_t, 2>{0, 45}));
    asio::write(client, asio::buffer(query.bytes));
    std::vector<std::uint8_t> received(512);
    boost::system::error_code error;

    asio::read(client, asio::buffer(received), error);  // An alert at most, then the end.

    EXPECT_TRUE(error);
    double failed = 0;
    for (const auto& metric : server->metrics()) {
        if (metric.name == "roster_dns_tls_handshakes_failed_total") failed += metric.value;
    }
    EXPECT_EQ(failed, 1);
}

TEST_F(DnsServer, identity_and_cookies_are_as_dig_expects_them) {
    publish(web());

    const auto first = dig("+nsid +cookie web.service.roster.internal A");
    EXPECT_TRUE(first.has("NSID: 68 6f 73 74 31 (\"host1\")")) << first.text;
    EXPECT_TRUE(first.has("(good)")) << first.text;
    const auto cookie = between(first.text, "; COOKIE: ", " ");
    const auto again = dig("+cookie=" + cookie + " web.service.roster.internal A");
    EXPECT_TRUE(again.has("; COOKIE: " + cookie + " (good)")) << again.text;
}

TEST_F(DnsServer, while_the_core_is_gone_says_that_the_answer_is_stale) {
    publish(web());
    auto gone = support::publication(43);
    gone.connected = false;
    publish(gone);

    const auto dug = dig("web.service.roster.internal A");

    EXPECT_EQ(dug.answer().size(), 2U);
    EXPECT_TRUE(dug.has("EDE: 3 (Stale Answer)")) << dug.text;
}

TEST_F(DnsServer, changes_are_answered_as_soon_as_they_are_published) {
    publish(web());
    auto step = support::publication(43);
    step.services = {support::make_service("web", {{.node = host2}})};
    step.removed_nodes = {"host1"};
    publish(step);

    EXPECT_EQ(dig("web.service.roster.internal A").answer(),
              (Lines{"web.service.roster.internal. 1 IN A 10.0.0.2"}));
    EXPECT_EQ(dig("host1.node.roster.internal A").status, "NXDOMAIN");

    auto last = support::publication(44);
    last.removed_services = {"web"};
    publish(last);
    const auto gone = dig("web.service.roster.internal A");
    EXPECT_EQ(gone.status, "NXDOMAIN");
    EXPECT_NE(gone.sorted("AUTHORITY").at(0).find(" 44 3600"), std::string::npos);
}

TEST_F(DnsServer, several_workers_share_an_address) {
    agent::DnsConfig config;
    config.workers = 4;
    open(config);
    publish(web());

    for (int i = 0; i < 12; ++i) EXPECT_EQ(dig("web.service.roster.internal A").status, "NOERROR");
}

TEST_F(DnsServer, listens_on_ipv6_too) {
    ServerOptions options{.config = {},
                          .domain = "roster.internal",
                          .datacenter = "dc1",
                          .node = "host1",
                          .address = "127.0.0.1"};
    options.config.listen = {"127.0.0.1:0", "[::1]:0"};
    Server both(options);
    both.publish(std::make_shared<const agent::Publication>(web()));
    both.start();

    ASSERT_EQ(both.ports().size(), 2U);
    udp::socket client(io, udp::v6());
    const auto query = support::question("web.service.roster.internal", 1);
    client.send_to(asio::buffer(query.bytes), {asio::ip::make_address("::1"), both.ports()[1]});
    std::array<std::uint8_t, 512> reply{};

    EXPECT_GT(client.receive(asio::buffer(reply)), query.bytes.size());
}

TEST_F(DnsServer, an_address_in_use_is_one_clear_line) {
    const auto message_of = [&](const std::string& listen) -> std::string {
        ServerOptions options{.config = {},
                              .domain = "roster.internal",
                              .datacenter = "dc1",
                              .node = "host1",
                              .address = "127.0.0.1"};
        options.config.listen = {listen};
        try {
            const Server second(options);
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return {};
    };
    udp::socket other(io, {asio::ip::make_address("127.0.0.1"), 0});
    const auto ours = "127.0.0.1:" + std::to_string(port());
    const auto others = "127.0.0.1:" + std::to_string(other.local_endpoint().port());

    EXPECT_EQ(message_of(ours), "cannot listen on " + ours + " (dns): address already in use");
    EXPECT_EQ(message_of(others), "cannot listen on " + others + " (dns): address already in use");
    EXPECT_EQ(message_of("nowhere"), "cannot listen on nowhere (dns): invalid argument");
}

// On loopback all clients are one, which must not be locked out of its own host by idle connections.
TEST_F(DnsServer, of_too_many_connections_from_this_host_the_longest_idle_one_is_closed) {
    agent::DnsConfig config;
    config.tcp_connections_max = 2;
    open(config);
    publish(support::publication(1));
    std::vector<tcp::socket> connections;
    const auto query = support::question("roster.internal", 6).bytes;
    const std::array<std::uint8_t, 2> query_bytes{0, static_cast<std::uint8_t>(query.size())};
    std::array<std::uint8_t, 2> length{};
    for (int i = 0; i < 3; ++i) {
        auto& connection = connections.emplace_back(io);
        connection.connect({asio::ip::address_v4::loopback(), server->ports().at(0)});
        asio::write(connection, asio::buffer(query_bytes));
        asio::write(connection, asio::buffer(query));
        EXPECT_EQ(asio::read(connection, asio::buffer(length)), 2U);
        std::vector<std::uint8_t> reply(std::size_t{length[0]} << 8U | length[1]);
        asio::read(connection, asio::buffer(reply));
    }
    boost::system::error_code error;
    EXPECT_EQ(connections.front().read_some(asio::buffer(length), error), 0U);
    EXPECT_EQ(error, asio::error::eof);
}

TEST_F(DnsServer, its_metrics_count_queries_and_names) {
    publish(web());
    dig("web.service.roster.internal SRV");
    dig("+tcp no.service.roster.internal A");

    std::map<std::string, double> sums;
    for (const auto& metric : server->metrics()) sums[metric.name] += metric.value;

    EXPECT_EQ(sums["roster_dns_queries_total"], 2);
    EXPECT_EQ(sums["roster_dns_responses_total"], 2);
    EXPECT_EQ(sums["roster_dns_tcp_connections_total"], 1);
    EXPECT_GT(sums["roster_dns_names"], 5);
    EXPECT_EQ(sums["roster_dns_compiles_total"], 1);
    EXPECT_GT(sums["roster_dns_compile_seconds_total"], 0);
}

}  // namespace
}  // namespace dns
