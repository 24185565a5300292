#pragma once
// Updates made record by record, and what they are made of.
//
// Fed by:  tests of DNS UPDATE.
// Thread:  the test's.

#include "dns/update_message.hpp"
#include "dns/update_zone.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace support {

inline dns::Labels name_of(std::string_view text) { return dns::parse_name(text).value(); }

inline dns::Record
record(std::string_view owner, std::uint16_t type, std::uint16_t klass, std::string rdata = {}) {
    dns::Record made;
    made.owner = name_of(owner);
    made.type = type;
    made.klass = klass;
    made.ttl = klass == dns::class_in ? 60 : 0;
    made.rdata = std::move(rdata);
    made.sound = dns::is_rdata(type, made.rdata);
    return made;
}

inline std::string address(int last) { return {10, 0, 0, static_cast<char>(last)}; }

inline std::string srv(int priority, int weight, int port, std::string_view target) {
    std::string rdata;
    for (const int number : {priority, weight, port}) {
        rdata += static_cast<char>(number >> 8);
        rdata += static_cast<char>(number);
    }
    return rdata + name_of(target);
}

}  // namespace support
