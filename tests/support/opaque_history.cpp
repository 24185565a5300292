#include "tests/support/opaque_history.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace coord {

namespace {

using std::chrono_literals::operator""us;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr SimulatedTime recovery_max = 60s;

}  // namespace

// A state that tells every difference: the hash of all entries so far.
class OpaqueHistory::List final : public SimulatedApplication {
public:
    List(OpaqueHistory& history, SimulatedCluster::Seat& seat) : history_(history), seat_(seat) {}

    Application callbacks() override {
        Application calls;
        calls.apply = [this](Index index, Term term, std::string_view entry) {
            apply(index, term, entry);
        };
        calls.standing_changed = [this](const Standing& standing) {
            history_.world_.note(
                "standing", number(seat_.id()), number(standing.term), number(standing.leader));
        };
        calls.cut_snapshot = [this]() -> Disk::Slices {
            const std::array words{number(index_), state_};
            std::string bytes(reinterpret_cast<const char*>(words.data()), sizeof words);
            return [bytes, at = std::size_t{0}](std::string& out, std::size_t items) mutable {
                out += bytes.substr(at, items);
                at += items;
                return at < bytes.size();
            };
        };
        calls.build = [this](const Disk::Chunks& next) { return build(next); };
        return calls;
    }
    void started(Replica&) override {}

    [[nodiscard]] Index index() const { return index_; }
    [[nodiscard]] std::uint64_t state() const { return state_; }

private:
    void apply(Index index, Term term, std::string_view entry) {
        demand(index > index_, "an entry was applied again");
        const auto said = RaftRecord::hash(entry);
        index_ = index;
        state_ = (state_ ^ said ^ number(index) ^ (number(term) << 32U)) * 0x9e3779b97f4a7c15ULL;
        state_ ^= state_ >> 31U;
        const bool is_first = !history_.record_.all_applied().contains(index);
        if (is_first) demand(history_.applied_.insert(said).second, "one entry, applied twice");
        history_.record_.applied(index, {term, said, state_});
        history_.world_.note("applied", number(seat_.id()), number(index), number(term));
    }
    Result<Disk::Swap> build(const Disk::Chunks& next) {
        std::string all;
        for (std::string chunk; next(chunk);) all += chunk;
        std::array<std::uint64_t, 2> words{};
        demand(all.size() == sizeof words, "a snapshot with something missing");
        std::copy(all.begin(), all.end(), reinterpret_cast<char*>(words.data()));
        const auto& applied = history_.record_.all_applied();
        if (const auto at = applied.find(Index{words[0]}); at != applied.end()) {
            demand(at->second.state == words[1], "a snapshot of a state that never was");
        }
        return Disk::Swap([this, words] {
            history_.world_.note("restored", number(seat_.id()), words[0]);
            index_ = Index{words[0]};
            state_ = words[1];
        });
    }

    OpaqueHistory& history_;
    SimulatedCluster::Seat& seat_;
    Index index_{};
    std::uint64_t state_ = 0;
};

OpaqueHistory::OpaqueHistory(SimulatedWorld& world)
    : world_(world),
      cluster_(
          world,
          record_,
          draw_replica_options(world.dice),
          [this](SimulatedCluster::Seat& seat) { return std::make_unique<List>(*this, seat); }),
      faults_(cluster_),
      pause_max_(world.dice.time(2ms, 100ms)) {}

void OpaqueHistory::run() {
    cluster_.found(world_.dice.one_of<std::size_t>({1, 3, 3, 3, 5, 5}));
    propose_soon();
    faults_.begin();
    run_until(world_.dice.time(1s, 5s));
    faults_.stop();
    recover();
    judge();
    cluster_.buried = nullptr;
    for (const auto& seat : cluster_.seats()) cluster_.kill(*seat);
    world_.tally["term led"] += record_.elections();
    world_.tally["entry applied"] += applied_.size();
}

void OpaqueHistory::propose_soon() {
    if (over_) return;
    world_.clock.after(world_.dice.time(0us, pause_max_), [this] {
        for (const auto& seat : cluster_.seats()) {
            if (!seat->replica || seat->replica->standing().role != Role::leader) continue;
            seat->machine.post(0us, [this, &leader = *seat] { propose(leader); });
        }
        propose_soon();
    });
}

void OpaqueHistory::propose(SimulatedCluster::Seat& seat) {
    const auto burst = world_.dice.once_in(4) ? world_.dice.between(1, 12) : 1;
    for (std::uint64_t i = 0; i < burst; ++i) {
        auto entry = "entry " + std::to_string(++entries_);
        entry.resize(world_.dice.once_in(10) ? 1000 : world_.dice.between(16, 60), '.');
        const auto index = seat.replica->propose(std::make_shared<const std::string>(entry));
        if (index) world_.note("proposed", number(seat.id()), number(*index), entries_);
    }
}

void OpaqueHistory::run_until(SimulatedTime time) {
    while (world_.clock.now() < time && world_.clock.run_next()) {
    }
}

// Writes go on, until there was one that all have.
void OpaqueHistory::recover() {
    const auto end = world_.clock.now() + recovery_max;
    const auto before = applied_.size();
    while (applied_.size() == before || !cluster_.has_converged()) {
        if (applied_.size() != before) over_ = true;
        demand(world_.clock.now() < end, "the members do not agree again");
        world_.clock.run_next();
    }
}

void OpaqueHistory::judge() {
    const auto& [index, applied] = *record_.all_applied().rbegin();
    for (const auto& status : cluster_.leader()->replica->members()) {
        const auto& list = dynamic_cast<List&>(*cluster_.at(status.member.id).application);
        demand(list.index() == index && list.state() == applied.state,
               "a committed entry is missing at the end");
    }
}

}  // namespace coord
