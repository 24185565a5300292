// Every kind of reply as another program reads it: ldns takes each apart and prints it, as dig would.

#include "tests/support/dns_face.hpp"

#include <gtest/gtest.h>
#include <ldns/ldns.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace dns {
namespace {

using support::make_node;
using support::make_service;
using support::question;
using Lines = std::vector<std::string>;

struct FreePacket {
    void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
};
using Packet = std::unique_ptr<ldns_pkt, FreePacket>;

Packet parse(const std::vector<std::uint8_t>& message) {
    ldns_pkt* packet = nullptr;
    const auto status = ldns_wire2pkt(&packet, message.data(), message.size());
    EXPECT_EQ(status, LDNS_STATUS_OK) << ldns_get_errorstr_by_id(status);
    return Packet(packet);
}

// Its records, each a line with single spaces.
Lines print(const ldns_rr_list* records) {
    Lines lines;
    for (std::size_t i = 0; i < ldns_rr_list_rr_count(records); ++i) {
        char* text = ldns_rr2str(ldns_rr_list_rr(records, i));
        std::string line(text);
        std::free(text);
        std::replace(line.begin(), line.end(), '\t', ' ');
        while (line.ends_with('\n') || line.ends_with(' ')) line.pop_back();
        lines.push_back(std::move(line));
    }
    std::sort(lines.begin(), lines.end());
    return lines;
}

class Ldns : public testing::Test {
protected:
    Ldns() {
        agent::NodeRecord with_meta;
        with_meta.meta = {{"rack", "7"}};
        const auto host1 = make_node("host1", "10.0.0.1", with_meta);
        const auto host2 = make_node("host2", "fd00::2");
        std::vector<support::Instance> many(40, {.node = host1});
        for (std::size_t i = 0; i < many.size(); ++i) {
            many[i].address = "10.0.1." + std::to_string(i);
        }
        face.publish(
            {make_service("web",
                          {{.node = host1, .tags = {"v1"}, .meta = {{"path", "/a b"}}},
                           {.node = host2, .port = 443, .meta = {{"dns-alpn", "h2"}}}}),
             make_service("alias", {{.node = host1, .address = "web.service.roster.internal"}}),
             make_service("many", many)},
            {host1, host2});
    }

    support::DnsFace face;
};

TEST_F(Ldns, prints_the_records_of_every_type) {
    struct Row {
        const char* name;
        unsigned type;
        Lines answers;
    };
    const std::string apex = "roster.internal.";
    const std::string host1 = " host1.node.dc1.roster.internal.";
    const std::string host2 = " host2.node.dc1.roster.internal.";
    for (const auto& [name, type, expected] : std::vector<Row>{
             {"web.service", rr::a, {"web.service.roster.internal. 5 IN A 10.0.0.1"}},
             {"WEB.service", rr::aaaa, {"WEB.service.roster.internal. 5 IN AAAA fd00::2"}},
             {"web.service",
              rr::srv,
              {"web.service.roster.internal. 5 IN SRV 1 1 443" + host2,
               "web.service.roster.internal. 5 IN SRV 1 1 8080" + host1}},
             {"web.service", rr::txt, {"web.service.roster.internal. 5 IN TXT \"path=/a b\""}},
             {"web.service",
              rr::https,
              {"web.service.roster.internal. 5 IN HTTPS 1" + host2 +
               " alpn=h2 port=443 ipv6hint=fd00::2"}},
             {"host1.node", rr::txt, {"host1.node.roster.internal. 5 IN TXT \"rack=7\""}},
             {"alias.service",
              rr::a,
              {"alias.service.roster.internal. 5 IN CNAME web.service.roster.internal.",
               "web.service.roster.internal. 5 IN A 10.0.0.1"}},
             {"_services._dns-sd._udp",
              rr::ptr,
              {"_services._dns-sd._udp.roster.internal. 5 IN PTR _alias._tcp.roster.internal.",
               "_services._dns-sd._udp.roster.internal. 5 IN PTR _many._tcp.roster.internal.",
               "_services._dns-sd._udp.roster.internal. 5 IN PTR _web._tcp.roster.internal."}},
             {"web-1@host1._web._tcp",
              rr::srv,
              {"web-1@host1._web._tcp.roster.internal. 5 IN SRV 1 1 8080" + host1}}}) {
        const auto packet = parse(face.send(question(name + ("." + apex), type)));
        ASSERT_NE(packet, nullptr) << name;
        EXPECT_EQ(print(ldns_pkt_answer(packet.get())), expected) << name;
        EXPECT_TRUE(ldns_pkt_aa(packet.get()));
    }
    const auto reverse = parse(face.send(question("1.0.0.10.in-addr.arpa", rr::ptr)));
    EXPECT_EQ(print(ldns_pkt_answer(reverse.get())),
              Lines{"1.0.0.10.in-addr.arpa. 5 IN PTR" + host1});
}

TEST_F(Ldns, prints_the_other_sections) {
    const auto missing = parse(face.send(question("no.service.roster.internal", rr::a)));
    EXPECT_EQ(ldns_pkt_get_rcode(missing.get()), LDNS_RCODE_NXDOMAIN);
    EXPECT_EQ(print(ldns_pkt_authority(missing.get())),
              Lines{"roster.internal. 3 IN SOA ns.roster.internal. hostmaster.roster.internal. 101 "
                    "3600 600 86400 3"});

    const auto srv =
        parse(face.send(question("web.service.roster.internal", rr::srv).with_opt(1232)));
    EXPECT_EQ(print(ldns_pkt_additional(srv.get())),
              (Lines{"host1.node.dc1.roster.internal. 5 IN A 10.0.0.1",
                     "host2.node.dc1.roster.internal. 5 IN AAAA fd00::2"}));
    EXPECT_TRUE(ldns_pkt_edns(srv.get()));
    EXPECT_EQ(ldns_pkt_edns_udp_size(srv.get()), 1232U);
}

// Whatever is asked: what we count and what ldns reads are the same.
TEST_F(Ldns, reads_every_reply_to_its_end) {
    const std::vector<std::string> names = {"roster.internal",
                                            "service.roster.internal",
                                            "web.service.roster.internal",
                                            "v1.web.service.dc1.roster.internal",
                                            "many.service.roster.internal",
                                            "alias.service.roster.internal",
                                            "_web._tcp.roster.internal",
                                            "_v1._sub._web._tcp.roster.internal",
                                            "web-2@host2._web._tcp.roster.internal",
                                            "_443._https.web.service.roster.internal",
                                            "0a000001.addr.roster.internal",
                                            "ns.roster.internal",
                                            "10.in-addr.arpa",
                                            "1.0.0.10.in-addr.arpa",
                                            "no.such.roster.internal",
                                            "example.com"};
    std::size_t records = 0;
    for (const auto& name : names) {
        for (const unsigned type :
             {1U, 2U, 5U, 6U, 12U, 16U, 28U, 33U, 43U, 64U, 65U, 255U, 666U}) {
            for (const unsigned payload : {0U, 512U, 1232U}) {
                auto message = question(name, type);
                if (payload > 0) message.with_opt(payload);
                const auto bytes = face.send(message);
                const support::DnsReply reply(bytes);
                const auto packet = parse(bytes);
                ASSERT_NE(packet, nullptr) << name << " " << type;
                EXPECT_EQ(ldns_rr_list_rr_count(ldns_pkt_answer(packet.get())),
                          reply.answers.size());
                EXPECT_EQ(ldns_rr_list_rr_count(ldns_pkt_authority(packet.get())),
                          reply.authorities.size());
                EXPECT_EQ(ldns_rr_list_rr_count(ldns_pkt_additional(packet.get())),
                          reply.extras.size());
                records += reply.answers.size();
            }
        }
    }
    EXPECT_GT(records, 400U);
}

}  // namespace
}  // namespace dns
