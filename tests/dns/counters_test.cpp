#include "dns/counters.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace dns {
namespace {

// The samples by name and labels: "name{a=b,c=d}".
std::map<std::string, double> samples(const std::vector<Counted>& sets) {
    std::map<std::string, double> result;
    for (const auto& metric : collect(sets)) {
        std::string key = metric.name + "{";
        for (const auto& [label, value] : metric.labels) key += label + "=" + value + ",";
        result[key + "}"] = metric.value;
    }
    return result;
}

TEST(Counters, queries_are_counted_by_transport_and_type_and_responses_by_rcode) {
    Counters udp;
    Counters udp2;
    Counters tcp;
    const auto count = [](Counters& counters, const Reply& reply) {
        counters.count_query(reply);
        counters.count_response(reply);
    };
    count(udp, {.bytes = 50, .type = rr::srv});
    count(udp2, {.bytes = 50, .rcode = Rcode::name_error, .type = rr::srv, .truncated = true});
    count(tcp, {.bytes = 50, .rcode = Rcode::bad_version, .type = 666});
    count(tcp, {.bytes = 50, .rcode = Rcode::not_auth, .type = rr::ixfr});
    count(tcp, {.bytes = 50, .rcode = static_cast<Rcode>(15), .type = rr::a});

    const auto counted = samples({{"udp", &udp}, {"udp", &udp2}, {"tcp", &tcp}});

    EXPECT_EQ(counted.at("roster_dns_queries_total{transport=udp,type=SRV,}"), 2);
    EXPECT_EQ(counted.at("roster_dns_queries_total{transport=tcp,type=SRV,}"), 0);
    EXPECT_EQ(counted.at("roster_dns_queries_total{transport=tcp,type=other,}"), 2);
    EXPECT_EQ(counted.at("roster_dns_responses_total{transport=udp,rcode=NOERROR,}"), 1);
    EXPECT_EQ(counted.at("roster_dns_responses_total{transport=udp,rcode=NXDOMAIN,}"), 1);
    EXPECT_EQ(counted.at("roster_dns_responses_total{transport=tcp,rcode=BADVERS,}"), 1);
    EXPECT_EQ(counted.at("roster_dns_responses_total{transport=tcp,rcode=NOTAUTH,}"), 1);
    EXPECT_EQ(counted.at("roster_dns_responses_total{transport=tcp,rcode=other,}"), 1);
    EXPECT_EQ(counted.at("roster_dns_responses_total{transport=tcp,rcode=BADCOOKIE,}"), 0);
    EXPECT_EQ(counted.at("roster_dns_truncated_total{}"), 1);
}

TEST(Counters, what_is_dropped_is_counted_by_reason_and_is_no_query) {
    Counters udp;
    udp.count_query({.drop = Drop::too_short});
    udp.count_query({.drop = Drop::response});
    udp.dropped_source.add();

    const auto counted = samples({{"udp", &udp}});

    EXPECT_EQ(counted.at("roster_dns_dropped_total{reason=short,}"), 1);
    EXPECT_EQ(counted.at("roster_dns_dropped_total{reason=response,}"), 1);
    EXPECT_EQ(counted.at("roster_dns_dropped_total{reason=source,}"), 1);
    EXPECT_EQ(counted.at("roster_dns_queries_total{transport=udp,type=other,}"), 0);
    EXPECT_EQ(counted.at("roster_dns_responses_total{transport=udp,rcode=NOERROR,}"), 0);
}

TEST(Counters, samples_of_a_family_are_adjacent) {
    const Counters none;
    std::map<std::string, int> runs;
    std::string before;
    for (const auto& metric : collect({{"udp", &none}})) {
        if (metric.name != before) ++runs[metric.name];
        before = metric.name;
    }
    for (const auto& [name, count] : runs) EXPECT_EQ(count, 1) << name;
}

}  // namespace
}  // namespace dns
