#pragma once
// What clients did to the znodes that stand for registers, one list of calls for each.
//
// Fed by:  SimulatedClient, when a request leaves and when its reply comes.
// Read by: ServerHistory, which has each list judged at the end.
// Thread:  the test's.
// Holds:   a register's path begins with "/register". An operation of a multi that succeeded is a call
//          of its own; a multi that failed has done nothing.

#include "tests/coord/simulation/register_check.hpp"
#include "tests/coord/simulation/session_witness.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

inline constexpr std::string_view register_prefix = "/register";

class RegisterCalls {
public:
    // Of a write; of a read behind a sync, which was sent at `invoked`.
    void begin(SentRequest& request, SimulatedTime invoked);
    void end(const SentRequest& request, Errc error, std::string_view body, SimulatedTime now);
    // Nobody will know whether it happened.
    void lose(const SentRequest& request);

    [[nodiscard]] std::map<std::string, std::vector<RegisterCall>> of_each() const;
    [[nodiscard]] std::size_t size() const { return calls_.size(); }

private:
    struct Call {
        std::string path;
        RegisterCall call;
        bool counts = true;
    };

    void note(SentRequest& request, std::string_view path, const RegisterCall& call);

    std::vector<Call> calls_;
};

}  // namespace coord
