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
                                                  {0, "other"}}};
constexpr std::array<Named, counted_rcodes> rcodes{{{0, "NOERROR"},
                                                    {1, "FORMERR"},
                                                    {2, "SERVFAIL"},
                                                    {3, "NXDOMAIN"},
                                                    {4, "NOTIMP"},
                                                    {5, "REFUSED"},
                                                    {16, "BADVERS"}}};

template <std::size_t n>
std::size_t index_of(const std::array<Named, n>& names, std::uint16_t number) {
    std::size_t i = 0;
    while (i + 1 < n && names[i].number != number) ++i;
    return i;
}

using Labelled = std::vector<std::pair<std::string, std::string>>;

}  // namespace

void Counters::count(const Reply& reply) {
    if (reply.drop == Drop::too_short) return dropped_short.add();
    if (reply.drop == Drop::response) return dropped_response.add();
    queries[index_of(types, reply.type)].add();
    responses[index_of(rcodes, static_cast<std::uint16_t>(reply.rcode))].add();
    if (reply.truncated) truncated.add();
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
    for (const std::string_view transport : {"udp", "tcp"}) {
        for (std::size_t i = 0; i < types.size(); ++i) {
            add(
                "roster_dns_queries_total",
                "Queries answered, by transport and type.",
                {{"transport", std::string(transport)}, {"type", std::string(types[i].name)}},
                [i](const Counters& set) { return set.queries[i].value(); },
                transport);
        }
    }
    for (std::size_t i = 0; i < rcodes.size(); ++i) {
        add("roster_dns_responses_total",
            "Responses, by rcode.",
            {{"rcode", std::string(rcodes[i].name)}},
            [i](const Counters& set) { return set.responses[i].value(); });
    }
    add("roster_dns_truncated_total", "Responses with TC=1.", {}, [](const Counters& set) {
        return set.truncated.value();
    });
    constexpr std::array<std::pair<const char*, coord::Counter Counters::*>, 5> reasons{
        {{"short", &Counters::dropped_short},
         {"response", &Counters::dropped_response},
         {"source", &Counters::dropped_source},
         {"oversize", &Counters::dropped_oversize},
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
