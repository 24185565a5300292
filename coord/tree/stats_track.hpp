#pragma once
// The text in a quota's znodes: "count=4,bytes=5=;byteHardLimit=9;countHardLimit=7".
//
// Fed by:  Quota, with the data of zookeeper_limits and zookeeper_stats.
// Thread:  any; a value.
// Holds:   what it does not know it keeps. What is no pair of a key and a number it leaves out:
//          clients write these znodes, too.
// Source:  ZooKeeper 3.8 StatsTrack.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace coord {

class StatsTrack {
public:
    static StatsTrack parse(std::string_view text);
    // The odd "=" behind the bytes keeps older parsers from the keys they do not know.
    [[nodiscard]] std::string format() const;

    // -1: there is none.
    [[nodiscard]] std::int64_t count() const { return value("count"); }
    [[nodiscard]] std::int64_t bytes() const { return value("bytes"); }
    [[nodiscard]] std::int64_t count_hard_limit() const { return value("countHardLimit"); }
    [[nodiscard]] std::int64_t byte_hard_limit() const { return value("byteHardLimit"); }
    void set_usage(std::int64_t count, std::int64_t bytes);

private:
    [[nodiscard]] std::int64_t value(std::string_view key) const;

    std::map<std::string, std::int64_t, std::less<>> values_;
};

}  // namespace coord
