#pragma once
// DNS messages made octet by octet, good and bad ones, without the code under test.
//
// Fed by:  tests of dns/.
// Thread:  the test's.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace support {

// The seed of a random test: printed, and taken from the environment if it is there.
inline unsigned seed() {
    const char* given = std::getenv("SEED");
    const unsigned seed =
        given != nullptr ? static_cast<unsigned>(std::stoul(given)) : std::random_device()();
    std::cout << "SEED=" << seed << "\n";
    return seed;
}

struct Message {
    std::vector<std::uint8_t> bytes;

    void add(std::string_view octets) { bytes.insert(bytes.end(), octets.begin(), octets.end()); }
    void add_u16(unsigned value) {
        bytes.push_back(static_cast<std::uint8_t>(value >> 8U));
        bytes.push_back(static_cast<std::uint8_t>(value));
    }
    // Labels between dots, no escapes.
    void add_name(std::string_view text) {
        while (!text.empty()) {
            const auto dot = std::min(text.find('.'), text.size());
            bytes.push_back(static_cast<std::uint8_t>(dot));
            add(text.substr(0, dot));
            text.remove_prefix(std::min(dot + 1, text.size()));
        }
        bytes.push_back(0);
    }
    // `count_at` is where the header counts the section: 6, 8 or 10. `owner` is in wire form.
    Message& add_record(std::size_t count_at,
                        std::string_view owner,
                        unsigned type,
                        unsigned klass,
                        std::uint32_t ttl,
                        std::string_view rdata) {
        add(owner);
        add_u16(type);
        add_u16(klass);
        add_u16(ttl >> 16U);
        add_u16(ttl);
        add_u16(static_cast<unsigned>(rdata.size()));
        add(rdata);
        ++bytes[count_at + 1];
        return *this;
    }
    // `ttl` holds the extended rcode, the version and the flags.
    Message& with_opt(unsigned payload, std::uint32_t ttl = 0, std::string_view options = {}) {
        return add_record(10, std::string_view("\0", 1), 41, payload, ttl, options);
    }
};

// A query with RD set and the ID 0x1234.
inline Message question(std::string_view name, unsigned type, unsigned klass = 1) {
    Message message{{0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0}};
    message.add_name(name);
    message.add_u16(type);
    message.add_u16(klass);
    return message;
}

}  // namespace support
