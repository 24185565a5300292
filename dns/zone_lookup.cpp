#include "dns/zone_lookup.hpp"

#include "dns/answer.hpp"
#include "dns/message.hpp"

#include <vector>

namespace dns {

ZoneRecords records_at(const Responder& responder, const Labels& name, std::uint16_t type) {
    std::vector<std::uint8_t> message{0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0};
    append(message, octets(name));
    append_u16(message, type);
    append_u16(message, class_in);
    Exchange exchange;
    exchange.query_bytes = message.size();
    message.resize(65'535);
    exchange.buffer = message;
    const Transport transport{.tcp = true, .loopback = true};
    Random random(1);  // The order does not matter.
    {
        const ReadSection section;
        responder.respond({&exchange, 1}, transport, random);
    }
    ZoneRecords records;
    const auto reply = parse_message(Octets(message).first(exchange.reply.bytes));
    if (!reply) return records;
    for (const auto& answer : reply->section(MessageSection::answer)) {
        // An alias leads to records of other names.
        if (fold(answer.owner) != name) continue;
        if (type != rr::any && answer.type != type) continue;
        auto& record = records.emplace_back();
        record.type = answer.type;
        record.ttl = answer.ttl;
        record.rdata = answer.rdata;
        record.hold = ZoneRecord::Hold::fixed;
    }
    return records;
}

}  // namespace dns
