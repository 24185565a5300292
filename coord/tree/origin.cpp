#include "coord/tree/origin.hpp"

#include <algorithm>
#include <cassert>

namespace coord {
namespace {

// Entries of version 0.1's first weeks began with an operation's code, whose first byte is 0 or 255.
constexpr char format = 2;

void put(char* at, std::uint64_t number) {
    for (int i = 0; i < 8; ++i) at[i] = static_cast<char>(number >> (56 - 8 * i));
}

}  // namespace

void write_origin(std::string& entry, const Origin& origin) {
    assert(entry.size() >= origin_bytes);
    entry[0] = format;
    put(entry.data() + 1, origin.member);
    put(entry.data() + 9, origin.incarnation);
    put(entry.data() + 17, origin.sequence);
}

std::optional<Origin> take_origin(std::string_view& entry) {
    if (entry.size() < origin_bytes || entry.front() != format) return std::nullopt;
    Decoder in(entry.substr(1, origin_bytes - 1));
    entry.remove_prefix(origin_bytes);
    const auto number = [&] { return static_cast<std::uint64_t>(in.int64()); };
    Origin origin;
    origin.member = number();
    origin.incarnation = number();
    origin.sequence = number();
    return origin;
}

bool OriginTable::accept(const Origin& origin) {
    auto& last = members_[origin.member];
    const auto expected = last.incarnation == origin.incarnation ? last.sequence + 1 : 1;
    const bool good = origin.sequence == expected;
    if (good) last = {origin.incarnation, origin.sequence, ++age_};
    if (last.age == 0) members_.erase(origin.member);
    if (members_.size() > members_max) {
        const auto younger = [](const auto& a, const auto& b) {
            return a.second.age < b.second.age;
        };
        members_.erase(std::min_element(members_.begin(), members_.end(), younger));
    }
    return good;
}

std::vector<Origin> OriginTable::all() const {
    std::map<std::uint64_t, Origin> by_age;
    for (const auto& [member, last] : members_) {
        by_age[last.age] = {member, last.incarnation, last.sequence};
    }
    std::vector<Origin> origins;
    for (const auto& [age, origin] : by_age) origins.push_back(origin);
    return origins;
}

void OriginTable::restore(const Origin& origin) {
    members_[origin.member] = {origin.incarnation, origin.sequence, ++age_};
}

}  // namespace coord
