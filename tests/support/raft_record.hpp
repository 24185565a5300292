#pragma once
// What all members of a simulated cluster together have said and done, against which each is held.
//
// Fed by:  SimulatedCluster: who leads, what is written, what is applied.
// Thread:  the test's.
// Holds:   the properties of Raft (dissertation, figure 3.2): election safety, log matching, state
//          machine safety.
// Fails:   throws Violation.

#include "coord/raft/driver.hpp"
#include "tests/support/simulated_world.hpp"

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>

namespace coord {

class RaftRecord {
public:
    struct Applied {
        Term term{};
        std::uint64_t entry = 0;  // hash of its bytes
        std::uint64_t state = 0;  // hash of all up to it
        bool operator==(const Applied&) const = default;
    };

    static std::uint64_t hash(std::string_view bytes) {
        std::uint64_t h = 0xcbf29ce484222325ULL;
        for (const char c : bytes) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
        return h;
    }

    void leads(Term term, MemberId leader) {
        const auto [at, is_new] = leaders_.try_emplace(term, leader);
        demand(at->second == leader, "two leaders in one term");
    }
    void written(Index index, const LogEntry& entry) {
        const auto said = hash(entry.view()) ^ static_cast<std::uint64_t>(entry.type);
        const auto [at, is_new] = written_.try_emplace({index, entry.term}, said);
        demand(at->second == said, "two entries of one index and term");
    }
    void applied(Index index, const Applied& what) {
        const auto [at, is_new] = applied_.try_emplace(index, what);
        demand(at->second == what, "a committed entry, or the state after it, is another");
    }

    [[nodiscard]] std::size_t elections() const { return leaders_.size(); }
    [[nodiscard]] const std::map<Index, Applied>& all_applied() const { return applied_; }

private:
    std::map<Term, MemberId> leaders_;
    std::map<std::pair<Index, Term>, std::uint64_t> written_;
    std::map<Index, Applied> applied_;
};

}  // namespace coord
