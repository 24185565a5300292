#include "tests/coord/simulation/register_check.hpp"

#include <algorithm>
#include <string>
#include <unordered_set>
#include <utility>

namespace coord {

namespace {

Errc verdict(const RegisterState& before, const RegisterCall& call) {
    using enum RegisterCall::Kind;
    if (call.kind == create) return before.exists ? Errc::node_exists : Errc::ok;
    if (!before.exists) return Errc::no_node;
    const bool fits = call.expected == -1 || call.expected == before.version;
    return fits ? Errc::ok : Errc::bad_version;
}

// Depth first: which calls have taken place, in which order, and what the register holds then.
class Search {
public:
    Search(std::vector<RegisterCall> calls, std::size_t steps_max)
        : calls_(std::move(calls)), done_(calls_.size(), '0'), steps_left_(steps_max) {
        std::stable_sort(calls_.begin(), calls_.end(), [](const auto& a, const auto& b) {
            return a.invoked < b.invoked;
        });
        known_left_ = static_cast<std::size_t>(std::count_if(
            calls_.begin(), calls_.end(), [](const auto& call) { return call.returned; }));
    }

    Linearizability run() {
        while (true) {
            if (known_left_ == 0) return Linearizability::holds;
            if (steps_left_-- == 0) return Linearizability::undecided;
            if (advance()) continue;
            if (path_.empty()) return Linearizability::broken;
            retreat();
        }
    }

private:
    struct Step {
        std::size_t call;
        RegisterState before;
        std::size_t tried;  // place in the order of candidates
    };

    // The next call that may come now, and leads to where the search has not been.
    bool advance() {
        const auto candidates = possible();
        for (auto i = std::exchange(resume_, 0); i < candidates.size(); ++i) {
            const auto call = candidates[i];
            const auto next = after(state_, calls_[call]);
            const bool is_idle = next == state_ && !calls_[call].returned;
            if (!next || is_idle) continue;
            done_[call] = '1';
            if (seen_.insert(done_ + key(*next)).second) {
                path_.push_back({call, std::exchange(state_, *next), i});
                if (calls_[call].returned) --known_left_;
                return true;
            }
            done_[call] = '0';
        }
        return false;
    }

    void retreat() {
        const auto step = path_.back();
        path_.pop_back();
        done_[step.call] = '0';
        state_ = step.before;
        resume_ = step.tried + 1;
        if (calls_[step.call].returned) ++known_left_;
    }

    // Those that began before any that is not done had returned; of unknown fate last.
    [[nodiscard]] std::vector<std::size_t> possible() const {
        auto first_return = SimulatedTime::max();
        std::vector<std::size_t> known;
        std::vector<std::size_t> unknown;
        for (std::size_t i = 0; i < calls_.size() && calls_[i].invoked <= first_return; ++i) {
            if (done_[i] == '1') continue;
            const auto& returned = calls_[i].returned;
            (returned ? known : unknown).push_back(i);
            if (returned) first_return = std::min(first_return, *returned);
        }
        known.insert(known.end(), unknown.begin(), unknown.end());
        std::erase_if(known, [&](auto i) { return calls_[i].invoked > first_return; });
        return known;
    }

    static std::string key(const RegisterState& state) {
        if (!state.exists) return "-";
        return std::to_string(state.version) + ":" + std::to_string(state.value);
    }

    std::vector<RegisterCall> calls_;
    std::string done_;
    std::size_t steps_left_;
    std::size_t known_left_ = 0;
    RegisterState state_;
    std::vector<Step> path_;
    std::size_t resume_ = 0;
    std::unordered_set<std::string> seen_;
};

}  // namespace

std::optional<RegisterState> after(const RegisterState& before, const RegisterCall& call) {
    using enum RegisterCall::Kind;
    const auto made = verdict(before, call);
    if (call.returned && made != call.outcome) return std::nullopt;
    if (made != Errc::ok) return before;
    switch (call.kind) {
        case create: return RegisterState{true, 0, call.value};
        case remove: return RegisterState{};
        case check: return before;
        case set: {
            const RegisterState next{true, before.version + 1, call.value};
            if (call.returned && call.version != next.version) return std::nullopt;
            return next;
        }
        case read: break;
    }
    const bool is_seen = call.version == before.version && call.value == before.value;
    return is_seen ? std::optional(before) : std::nullopt;
}

Linearizability judge_register(std::vector<RegisterCall> calls, std::size_t steps_max) {
    return Search(std::move(calls), steps_max).run();
}

}  // namespace coord
