#pragma once
// What the log says, by a second and simpler opinion: every state that the tree has been in.
//
// Fed by:  SimulatedServer, with each committed entry when the first server applies it.
// Read by: SessionWitness, which holds replies and events against it; ServerHistory at the end.
// Thread:  the test's.
// Holds:   written from ZooKeeper's rules and not from coord/tree: paths in a map, every version of
//          every znode kept. It knows what the simulated clients do, and no ACLs or quotas.
// Fails:   throws Violation for an entry that could not be there.

#include "coord/proto/requests.hpp"
#include "coord/raft/driver.hpp"
#include "coord/tree/state_machine.hpp"
#include "tests/support/simulated_world.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

class TreeModel {
public:
    struct Znode {
        std::string data;
        Stat stat;
        std::int32_t creates = 0;  // of children, ever
    };
    struct Change {
        Zxid zxid{};
        EventType type{};
        std::string path;
    };
    struct Applied {
        OpCode op{};
        SessionId session{};
        std::string body;
        std::int64_t time_ms = 0;
        std::uint64_t member = 0;             // whose entry it came in
        std::chrono::milliseconds timeout{};  // of the session that it closed
        Errc error{};
        std::string reply;
    };
    struct Session {
        std::chrono::milliseconds timeout{};
        std::uint64_t owner = 0;
    };

    TreeModel();

    void apply(Index index, Term term, std::string_view entry);
    // Behind each command.
    std::function<void(Zxid, const Applied&)> applied;

    [[nodiscard]] Index index() const { return index_; }
    [[nodiscard]] Zxid last() const { return Zxid{static_cast<std::int64_t>(history_.size())}; }
    [[nodiscard]] const Applied& at(Zxid zxid) const;
    // Null: it was not there.
    [[nodiscard]] const Znode* find(const std::string& path, Zxid at) const;
    [[nodiscard]] std::set<std::string> children(const std::string& path, Zxid at) const;
    // Later than `from` and not later than `to`, in order.
    [[nodiscard]] std::vector<Change> changes(Zxid from, Zxid to) const;
    [[nodiscard]] const std::map<SessionId, Session>& sessions() const { return sessions_; }
    [[nodiscard]] std::vector<std::string> paths() const;  // that there are now

private:
    struct Version {
        Zxid since{};
        std::optional<Znode> znode;
    };
    struct Origins {
        std::uint64_t incarnation = 0;
        std::uint64_t sequence = 0;
        std::set<std::uint64_t> past;
    };
    // What a command is about to change.
    struct Draft {
        Zxid zxid{};
        const Command& command;
        std::map<std::string, std::optional<Znode>> znodes = {};
        std::vector<Change> changes = {};
    };

    [[nodiscard]] bool accept(std::string_view& entry, std::uint64_t& member);
    Applied carry_out(const Command& command, std::uint64_t member, Term term);
    [[nodiscard]] Errc admit(const Command& command, std::uint64_t member, Term term) const;
    Errc settle_session(Draft& draft, std::uint64_t member);
    void close(Draft& draft);
    Errc write(Draft& draft, OpCode op, Decoder& in, Encoder& reply);
    Errc write_all(Draft& draft, std::string& reply);
    Errc create(Draft& draft, OpCode op, const CreateRequest& request, Encoder& reply);
    Errc remove(Draft& draft, const RemoveRequest& request);
    Errc set(Draft& draft, const SetDataRequest& request, Encoder& reply);
    Errc check(Draft& draft, const RemoveRequest& request);
    void drop(Draft& draft, const std::string& path);
    [[nodiscard]] Znode* draw(Draft& draft, const std::string& path) const;
    void commit(Draft& draft);

    Index index_{};
    std::map<std::uint64_t, Origins> origins_;
    std::map<SessionId, Session> sessions_;
    std::map<std::string, std::vector<Version>, std::less<>> znodes_;
    std::vector<Applied> history_;  // of zxid 1, 2, …
    std::vector<Change> changes_;
};

}  // namespace coord
