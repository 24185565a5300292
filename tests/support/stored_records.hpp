#pragma once
// Sets of records made by hand, and what is in them.
//
// Fed by:  tests of dns/'s zones and transfers.
// Thread:  the test's.

#include "dns/address.hpp"
#include "dns/query.hpp"
#include "dns/stored_records.hpp"

#include <string>
#include <vector>

namespace support {

inline dns::StoredRecordsPointer addresses(const std::vector<std::string>& texts) {
    dns::StoredRecordsBuilder builder;
    for (const auto& text : texts) {
        const auto ip = dns::parse_ip(text).value();
        builder.add(ip.is_v4() ? dns::rr::a : dns::rr::aaaa, 5, ip.octets());
    }
    return builder.build();
}

// Of IPv4, in the order they are in.
inline std::vector<std::string> addresses_in(const dns::StoredRecordsPointer& records) {
    std::vector<std::string> texts;
    if (!records) return texts;
    records->each([&](const auto& record) {
        std::string text;
        for (const auto octet : record.rdata()) {
            text += (text.empty() ? "" : ".") + std::to_string(octet);
        }
        texts.push_back(text);
    });
    return texts;
}

inline dns::Labels labels(std::string_view text) {
    auto labels = dns::parse_name(text).value();
    labels.pop_back();
    return labels;
}

}  // namespace support
