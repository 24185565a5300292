#pragma once
// A DNS reply taken apart, without the code under test. A reply that does not parse to its very
// last octet fails the test.
//
// Fed by:  tests of dns/.
// Thread:  the test's.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

namespace support {

struct Record {
    std::string owner;
    unsigned type = 0;
    unsigned klass = 0;
    std::uint32_t ttl = 0;
    std::string data;          // "10.0.0.1", "1 1 8080 target.", names with a dot at the end
    std::size_t rdata_at = 0;  // in the message
    std::size_t rdata_bytes = 0;
};

class DnsReply {
public:
    explicit DnsReply(std::span<const std::uint8_t> message)
        : bytes(message.begin(), message.end()) {
        if (bytes.size() < 12) {
            ADD_FAILURE() << "a reply of " << bytes.size() << " octets";
            return;
        }
        rcode = bytes[3] & 0x0FU;
        for (unsigned i = 0; i < u16(4); ++i) {
            question += name();
            question += " " + std::to_string(u16(at_));
            at_ += 4;
        }
        read(answers, u16(6));
        read(authorities, u16(8));
        read(extras, u16(10));
        EXPECT_EQ(at_, bytes.size()) << "trailing octets";
    }

    [[nodiscard]] bool aa() const { return (bytes[2] & 0x04U) != 0; }
    [[nodiscard]] bool tc() const { return (bytes[2] & 0x02U) != 0; }
    [[nodiscard]] bool rd() const { return (bytes[2] & 0x01U) != 0; }
    // The rdata of the answers, sorted.
    [[nodiscard]] std::vector<std::string> data() const { return sorted(answers); }
    // "owner data" of the additional records, sorted, without OPT.
    [[nodiscard]] std::vector<std::string> additional() const {
        std::vector<std::string> result;
        for (const auto& record : extras) result.push_back(record.owner + " " + record.data);
        std::sort(result.begin(), result.end());
        return result;
    }

    std::vector<std::uint8_t> bytes;
    unsigned rcode = 0;  // with the upper bits of EDNS
    std::string question;
    std::vector<Record> answers;
    std::vector<Record> authorities;
    std::vector<Record> extras;
    bool has_opt = false;
    unsigned opt_payload = 0;
    std::uint32_t opt_ttl = 0;
    std::string opt_data;

private:
    [[nodiscard]] unsigned u16(std::size_t at) const {
        return static_cast<unsigned>(bytes.at(at) << 8U | bytes.at(at + 1));
    }
    [[nodiscard]] std::uint32_t u32(std::size_t at) const { return u16(at) << 16U | u16(at + 2); }

    static std::vector<std::string> sorted(const std::vector<Record>& records) {
        std::vector<std::string> result;
        for (const auto& record : records) result.push_back(record.data);
        std::sort(result.begin(), result.end());
        return result;
    }

    std::string name() {
        std::string text = name_at(at_);
        while (bytes.at(at_) != 0 && bytes.at(at_) < 0xC0) at_ += bytes.at(at_) + 1U;
        at_ += bytes.at(at_) == 0 ? 1U : 2U;
        return text;
    }
    [[nodiscard]] std::string name_at(std::size_t at) const {
        std::string text;
        for (int jumps = 0; bytes.at(at) != 0;) {
            if (bytes.at(at) >= 0xC0) {
                const std::size_t to = u16(at) & 0x3FFFU;
                EXPECT_LT(to, at) << "a pointer that does not lead backwards";
                if (++jumps > 20) break;
                at = to;
                continue;
            }
            text.append(bytes.begin() + static_cast<std::ptrdiff_t>(at + 1),
                        bytes.begin() + static_cast<std::ptrdiff_t>(at + 1 + bytes.at(at)));
            text += '.';
            at += bytes.at(at) + 1U;
        }
        return text.empty() ? "." : text;
    }

    void read(std::vector<Record>& section, unsigned count) {
        for (unsigned i = 0; i < count; ++i) {
            Record record;
            record.owner = name();
            record.type = u16(at_);
            record.klass = u16(at_ + 2);
            record.ttl = u32(at_ + 4);
            record.rdata_bytes = u16(at_ + 8);
            record.rdata_at = at_ + 10;
            at_ = record.rdata_at + record.rdata_bytes;
            record.data = data_of(record);
            if (record.type == 41) {
                has_opt = true;
                opt_payload = record.klass;
                opt_ttl = record.ttl;
                opt_data = record.data;
                rcode |= record.ttl >> 24U << 4U;
            } else {
                section.push_back(record);
            }
        }
    }

    [[nodiscard]] std::string raw(std::size_t from, std::size_t to) const {
        return {bytes.begin() + static_cast<std::ptrdiff_t>(from),
                bytes.begin() + static_cast<std::ptrdiff_t>(to)};
    }

    [[nodiscard]] std::string data_of(const Record& record) const {
        const std::size_t at = record.rdata_at;
        const std::size_t end = at + record.rdata_bytes;
        std::string text;
        switch (record.type) {
            case 1:
                for (std::size_t i = at; i < end; ++i) {
                    text += (i == at ? "" : ".") + std::to_string(bytes.at(i));
                }
                return text;
            case 28:
                for (std::size_t i = at; i < end; i += 2) {
                    char part[8];
                    std::snprintf(part, sizeof part, "%x", u16(i));
                    text += (i == at ? "" : ":") + std::string(part);
                }
                return text;
            case 2:
            case 5:
            case 12: return name_at(at);
            case 16:
                for (std::size_t i = at; i < end; i += bytes.at(i) + 1U) {
                    text += (i == at ? "" : "|") + raw(i + 1, i + 1 + bytes.at(i));
                }
                return text;
            case 33:
                return std::to_string(u16(at)) + " " + std::to_string(u16(at + 2)) + " " +
                       std::to_string(u16(at + 4)) + " " + name_at(at + 6);
            case 6: {
                DnsReply copy = *this;
                copy.at_ = at;
                const std::string mname = copy.name();
                text = mname + " " + copy.name();
                for (std::size_t i = 0; i < 5; ++i)
                    text += " " + std::to_string(u32(copy.at_ + 4 * i));
                return text;
            }
            default: return raw(at, end);
        }
    }

    std::size_t at_ = 12;
};

}  // namespace support
