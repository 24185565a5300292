// What comes from an upstream, with any octets, and what a client would get of it: the first octet
// says whether the question is a fixed one or the message's own, and what is demanded of the reply.

#include "dns/grammar.hpp"
#include "dns/message.hpp"
#include "dns/responder.hpp"
#include "dns/upstream_reply.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

namespace {

void expect(bool holds) {
    if (!holds) std::abort();
}

class Source : public dns::ForwardSource {
public:
    explicit Source(bool tcp) : transport_{.tcp = tcp, .udp_bytes_max = 1232} {}
    bool reply(const dns::ForwardedQuery&, dns::Octets) override { return true; }
    [[nodiscard]] const dns::Transport& transport() const override { return transport_; }

private:
    dns::Transport transport_;
};

const dns::Grammar& grammar() {
    static const dns::Grammar grammar{"roster.internal", "dc1", {}};
    return grammar;
}

bool is_ours(const dns::Record& record) {
    dns::QueryName name;
    dns::Place place;
    expect(dns::read_name(dns::octets(record.owner), 0, name));
    grammar().locate(name, place);
    return place.kind != dns::Place::Kind::outside;
}

// The question of the message, if it has one; so that most inputs are answers.
dns::UpstreamQuestion question_of(dns::Octets message, std::uint8_t choice) {
    dns::UpstreamQuestion asked{
        .id = 1, .name = dns::parse_name("www.example").value(), .type = dns::rr::a};
    asked.exact_case = (choice & 1U) != 0;
    dns::QueryName name;
    if ((choice & 2U) == 0 || !dns::read_name(message, dns::header_bytes, name)) return asked;
    if (message.size() < dns::header_bytes + name.bytes + 4U) return asked;
    asked.id = dns::read_u16(message, 0);
    asked.name = dns::text(message.subspan(dns::header_bytes, name.bytes));
    asked.type = dns::read_u16(message, dns::header_bytes + name.bytes);
    return asked;
}

// To a client that asked in small letters.
void relay(const dns::UpstreamQuestion& asked,
           const std::shared_ptr<const dns::ForwardAnswer>& answer,
           bool tcp,
           bool stale) {
    static dns::AnswerTable table;
    static const dns::Responder responder{table, grammar(), {.forwards = true}};
    static dns::Random random{1};
    if (table.freshness() == dns::Freshness::unsynced) table.commit(dns::Freshness::current);
    Source source(tcp);
    auto query = dns::make_upstream_query(asked);
    dns::ForwardedQuery forwarded;
    forwarded.head_bytes = dns::header_bytes + asked.name.size() + 4;
    std::copy_n(query.begin(), forwarded.head_bytes, forwarded.head.begin());
    forwarded.type = asked.type;
    forwarded.source = &source;
    std::vector<std::uint8_t> buffer(65'535);
    std::optional<dns::ForwardedQuery> next;
    const dns::ReadSection section;
    const auto reply = responder.relay(
        forwarded, {answer, std::chrono::seconds(100), stale}, buffer, random, next);
    expect(!reply.forward && !next);
    expect(reply.bytes <= (tcp ? 65'535U : 512U));
    const auto parsed = dns::parse_message(dns::Octets(buffer).first(reply.bytes));
    expect(parsed.has_value());
    for (const auto& records : parsed->sections) {
        for (const auto& record : records) expect(!is_ours(record) || !answer->home.empty());
    }
    if (parsed->truncated) return;
    const auto& answers = parsed->section(dns::MessageSection::answer);
    expect(answers.size() == answer->counts[0] || !answer->home.empty());
    for (const auto& record : parsed->section(dns::MessageSection::answer)) {
        expect(record.ttl <= 3600);
        expect(record.klass == dns::class_in);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
    if (size == 0) return 0;
    static const std::vector<dns::IpPrefix> hidden{*dns::parse_prefix("10.0.0.0/8"),
                                                   *dns::parse_prefix("::ffff:0:0/96")};
    const std::uint8_t choice = input[0];
    const dns::Octets message{input + 1, size - 1};
    const auto asked = question_of(message, choice);
    auto reply = dns::read_upstream_reply(message,
                                          asked,
                                          {.ttl_max = std::chrono::seconds(3600),
                                           .negative_ttl_max = std::chrono::seconds(60),
                                           .believed = (choice & 4U) != 0,
                                           .hidden = (choice & 8U) != 0 ? &hidden : nullptr,
                                           .ours = &grammar()});
    if (reply.fault != dns::UpstreamFault::none) return 0;
    expect(reply.answer.ttl <= std::chrono::seconds(3600));
    const auto answer = std::make_shared<const dns::ForwardAnswer>(std::move(reply.answer));
    for (const bool tcp : {false, true}) relay(asked, answer, tcp, (choice & 16U) != 0);
    return 0;
}
