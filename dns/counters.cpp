#include "dns/counters.hpp"

#include <functional>
#include <map>
#include <string>
#include <utility>

namespace dns {

namespace {

struct Named {
    std::uint16_t number;
    std::string_view name;
};
// The last of each stands for all others.
constexpr std::array<Named, counted_types> types{{{rr::a, "A"},
                                                  {rr::aaaa, "AAAA"},
                                                  {rr::srv, "SRV"},
                                                  {rr::txt, "TXT"},
                                                  {rr::ptr, "PTR"},
                                                  {rr::soa, "SOA"},
                                                  {rr::ns, "NS"},
                                                  {rr::cname, "CNAME"},
                                                  {rr::any, "ANY"},
                                                  {rr::svcb, "SVCB"},
                                                  {rr::https, "HTTPS"},
                                                  {0, "other"}}};
constexpr std::array<Named, counted_rcodes> rcodes{{{0, "NOERROR"},
                                                    {1, "FORMERR"},
                                                    {2, "SERVFAIL"},
                                                    {3, "NXDOMAIN"},
                                                    {4, "NOTIMP"},
                                                    {5, "REFUSED"},
                                                    {6, "YXDOMAIN"},
                                                    {7, "YXRRSET"},
                                                    {8, "NXRRSET"},
                                                    {9, "NOTAUTH"},
                                                    {10, "NOTZONE"},
                                                    {16, "BADVERS"},
                                                    {23, "BADCOOKIE"},
                                                    {0, "other"}}};

template <std::size_t n>
std::size_t index_of(const std::array<Named, n>& names, std::uint16_t number) {
    std::size_t i = 0;
    while (i + 1 < n && names[i].number != number) ++i;
    return i;
}

using Labelled = std::vector<std::pair<std::string, std::string>>;

}  // namespace

void Counters::count_query(const Reply& reply) {
    if (reply.drop == Drop::too_short) return dropped_short.add();
    if (reply.drop == Drop::response) return dropped_response.add();
    queries[index_of(types, reply.type)].add();
    if (reply.has_cookie) cookies.add();
}

void Counters::count_response(const Reply& reply) {
    responses[index_of(rcodes, static_cast<std::uint16_t>(reply.rcode))].add();
    if (reply.truncated) truncated.add();
    if (reply.stale) stale.add();
    if (reply.prohibited) prohibited.add();
}

std::vector<coord::Metric> collect(const std::vector<Counted>& sets) {
    std::vector<coord::Metric> metrics;
    // One sample: the sum over all sets, or over those of one transport.
    const auto add = [&](const char* name,
                         const char* help,
                         Labelled labels,
                         const std::function<std::uint64_t(const Counters&)>& value,
                         std::string_view transport = {}) {
        std::uint64_t sum = 0;
        for (const auto& set : sets) {
            if (transport.empty() || set.transport == transport) sum += value(*set.counters);
        }
        metrics.push_back(
            {coord::MetricKind::counter, name, help, static_cast<double>(sum), std::move(labels)});
    };
    constexpr std::array<std::string_view, 3> transports{"udp", "tcp", "tls"};
    for (const auto transport : transports) {
        for (std::size_t i = 0; i < types.size(); ++i) {
            add(
                "roster_dns_queries_total",
                "Queries, by transport and type.",
                {{"transport", std::string(transport)}, {"type", std::string(types[i].name)}},
                [i](const Counters& set) { return set.queries[i].value(); },
                transport);
        }
    }
    for (const auto transport : transports) {
        for (std::size_t i = 0; i < rcodes.size(); ++i) {
            add(
                "roster_dns_responses_total",
                "Responses, by transport and rcode.",
                {{"transport", std::string(transport)}, {"rcode", std::string(rcodes[i].name)}},
                [i](const Counters& set) { return set.responses[i].value(); },
                transport);
        }
    }
    const auto add_plain =
        [&](const char* name, const char* help, coord::Counter Counters::*member) {
            add(name, help, {}, [member](const Counters& set) { return (set.*member).value(); });
        };
    add_plain("roster_dns_truncated_total", "Responses with TC=1.", &Counters::truncated);
    add_plain("roster_dns_stale_total",
              "Responses given while the coordination core was gone.",
              &Counters::stale);
    add_plain("roster_dns_prohibited_total",
              "Queries refused because their network is not allowed.",
              &Counters::prohibited);
    add_plain("roster_dns_cookies_total", "Queries with a DNS cookie.", &Counters::cookies);
    add_plain("roster_dns_cut_short_total",
              "Responses without records, because of the rate limit.",
              &Counters::cut_short);
    add_plain("roster_dns_forwarded_total",
              "Queries for other names, handed over to the forwarder.",
              &Counters::forwarded);
    add_plain("roster_dns_forward_full_total",
              "Queries that the forwarder's queue had no room for.",
              &Counters::forward_full);
    constexpr std::array<std::pair<const char*, coord::Counter Counters::*>, 6> reasons{
        {{"short", &Counters::dropped_short},
         {"response", &Counters::dropped_response},
         {"source", &Counters::dropped_source},
         {"oversize", &Counters::dropped_oversize},
         {"rate", &Counters::dropped_rate},
         {"send", &Counters::dropped_send}}};
    for (const auto& [reason, member] : reasons) {
        add("roster_dns_dropped_total",
            "Messages that got no answer, by reason.",
            {{"reason", reason}},
            [member = member](const Counters& set) { return (set.*member).value(); });
    }
    return metrics;
}

}  // namespace dns
