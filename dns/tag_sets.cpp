#include "dns/tag_sets.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace dns {

namespace {

// The sets in `tags` that have one more than those of `smaller`: each is made once, by appending a
// greater one. False if there is no room for one of them.
template <class Accept>
bool add_larger(const Tags& tags,
                const std::set<Tags>& smaller,
                Accept accept,
                std::size_t& room,
                std::set<Tags>& larger) {
    for (const auto& part : smaller) {
        if (!has_all(tags, part)) continue;
        auto more = std::upper_bound(tags.begin(), tags.end(), part.back());
        for (; more != tags.end(); ++more) {
            auto set = part;
            set.push_back(*more);
            if (larger.contains(set) || !accept(set)) continue;
            if (room == 0) return false;
            --room;
            larger.insert(std::move(set));
        }
    }
    return true;
}

// Each tag that can be a name.
std::set<Tags> choose_tags(std::string_view service,
                           const std::set<Tags>& groups,
                           const CompilerOptions& options,
                           CompilerCounters& counters) {
    std::set<std::string> singles;
    for (const auto& tags : groups) singles.insert(tags.begin(), tags.end());
    std::set<Tags> chosen;
    for (const auto& tag : singles) {
        // With an underscore in front it would be the name of a port, or of a protocol.
        if (tag.starts_with('_') || !Grammar::tags_key({tag}, service)) {
            counters.unpublishable.add();
        } else if (chosen.size() >= options.tags_max) {
            counters.tags_left_out.add();
        } else {
            chosen.insert({tag});
        }
    }
    return chosen;
}

}  // namespace

Tags tags_of(const std::vector<std::string_view>& tags) {
    std::set<std::string> folded;
    for (const auto& tag : tags) folded.insert(fold(tag));
    return {folded.begin(), folded.end()};
}

bool has_all(const Tags& all, const Tags& some) {
    return std::includes(all.begin(), all.end(), some.begin(), some.end());
}

std::set<Tags> choose_tag_sets(std::string_view service,
                               const std::set<Tags>& groups,
                               const CompilerOptions& options,
                               CompilerCounters& counters) {
    auto chosen = choose_tags(service, groups, options, counters);
    std::set<Tags> smaller = chosen;
    std::size_t room = options.tag_sets_max;
    for (std::size_t size = 2; size <= Grammar::tags_together_max; ++size) {
        std::set<Tags> larger;
        for (const auto& tags : groups) {
            if (tags.size() < size) continue;
            const auto is_name = [&](const Tags& set) {
                return chosen.contains({set.back()}) && Grammar::tags_key(set, service);
            };
            if (add_larger(tags, smaller, is_name, room, larger)) continue;
            counters.tags_left_out.add();
            chosen.merge(larger);
            return chosen;
        }
        chosen.insert(larger.begin(), larger.end());
        smaller = std::move(larger);
    }
    return chosen;
}

}  // namespace dns
