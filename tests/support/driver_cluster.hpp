#pragma once
// Drivers that replicate to each other without threads, sockets or files: a step is a millisecond,
// or whatever follows from the last one at once. Behind each, Raft's promises are checked.

#include "coord/raft/driver.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace coord {

using std::chrono_literals::operator""ms;

inline LogEntry entry_of(Term term, EntryType type, std::string bytes) {
    return {term, type, std::make_shared<const std::string>(std::move(bytes))};
}

inline std::vector<Member> voters(std::size_t count) {
    std::vector<Member> members;
    for (std::uint64_t id = 1; id <= count; ++id) {
        members.push_back({MemberId{id}, "host" + std::to_string(id), MemberRole::voter});
    }
    return members;
}

// A driver with a disk that keeps what was synced, and nothing else.
struct DrivenServer {
    DriverOptions options;
    Vote vote{Term{1}, MemberId{0}};
    std::vector<LogEntry> disk;
    std::optional<SnapshotMetadata> snapshot;
    Index disk_first{1};

    std::unique_ptr<Driver> driver;
    std::vector<Append> unsynced;
    std::vector<std::string> applied;
    std::vector<Role> roles;

    void crash() {
        driver.reset();
        unsynced.clear();
        applied.clear();
        roles.clear();
    }

    void sync(std::uint64_t& sequence) {
        for (auto& append : unsynced) {
            disk.resize(number(append.first) - number(disk_first));
            disk.insert(disk.end(), append.entries.begin(), append.entries.end());
            sequence = append.sequence;
        }
        unsynced.clear();
    }
};

class DriverCluster {
public:
    explicit DriverCluster(std::size_t size) {
        const auto configuration = encode_configuration(voters(size));
        for (std::uint64_t id = 1; id <= size; ++id) {
            auto& server = servers_[MemberId{id}];
            server.options.id = MemberId{id};
            server.options.address = "host" + std::to_string(id);
            server.options.seed = static_cast<unsigned>(id);
            server.options.trailing_entries = 5;
            server.disk.push_back(entry_of(Term{1}, EntryType::configuration, configuration));
            start(MemberId{id});
        }
    }

    void start(MemberId id) {
        auto& server = at(id);
        server.driver = std::make_unique<Driver>(server.options);
        Effects effects;
        server.driver->start(
            now_, {server.vote, server.snapshot, server.disk_first, server.disk, 0}, effects);
        carry_out(id, effects);
    }

    void crash(MemberId id) { at(id).crash(); }
    void delay(Driver::Time delay) { delay_ = delay; }
    void cut(MemberId id) { cut_.insert(id); }
    void heal() { cut_.clear(); }
    void stall_disk(MemberId id, bool stalled) { stalled_[id] = stalled; }

    // One millisecond, and all that follows from it at once.
    void tick() {
        now_ += 1ms;
        for (auto& [id, server] : servers_) {
            if (!server.driver || server.driver->deadline() > now_) continue;
            Effects effects;
            server.driver->timeout(now_, effects);
            carry_out(id, effects);
        }
        settle();
    }

    void settle() {
        for (bool busy = true; busy;) {
            busy = false;
            for (auto& [id, server] : servers_) busy = sync(id) || busy;
            while (!sent_.empty() && sent_.front().due <= now_) {
                busy = true;
                deliver();
            }
            check_invariants();
        }
    }

    template <class Condition>
    bool run_until(Condition condition) {
        for (int i = 0; i < 20000 && !condition(); ++i) tick();
        return condition();
    }

    MemberId elect() {
        EXPECT_TRUE(run_until([&] { return leader() != MemberId{0}; }));
        return leader();
    }

    [[nodiscard]] MemberId leader() const {
        for (const auto& [id, server] : servers_) {
            const bool leads = server.driver && server.driver->role() == Role::leader;
            if (leads && !cut_.contains(id)) return id;
        }
        return MemberId{0};
    }

    void propose(MemberId id, const std::string& bytes) {
        Effects effects;
        const auto index = at(id).driver->propose(
            now_, EntryType::command, std::make_shared<const std::string>(bytes), effects);
        ASSERT_TRUE(index) << index.error().message();
        carry_out(id, effects);
    }

    void hand_over(MemberId from, MemberId to) {
        Effects effects;
        EXPECT_TRUE(at(from).driver->hand_over(now_, to, effects));
        carry_out(from, effects);
    }

    void announce_commit(MemberId id) {
        Effects effects;
        at(id).driver->announce_commit(now_, effects);
        carry_out(id, effects);
    }

    void take_snapshot(MemberId id) {
        auto& server = at(id);
        const auto point = server.driver->snapshot_point();
        ASSERT_TRUE(point);
        server.snapshot = point;
        Effects effects;
        const auto through = server.driver->snapshot_taken(now_, *point, effects);
        for (; server.disk_first <= through; server.disk_first = next(server.disk_first)) {
            server.disk.erase(server.disk.begin());
        }
        carry_out(id, effects);
    }

    DrivenServer& at(MemberId id) { return servers_.at(id); }
    [[nodiscard]] Driver::Time now() const { return now_; }
    [[nodiscard]] std::size_t installs() const { return installs_; }

private:
    struct Sent {
        Driver::Time due{};
        MemberId from{};
        Message message;
    };

    bool sync(MemberId id) {
        auto& server = at(id);
        if (!server.driver || server.unsynced.empty() || stalled_[id]) return false;
        std::uint64_t sequence = 0;
        server.sync(sequence);
        Effects effects;
        server.driver->persisted(now_, sequence, effects);
        carry_out(id, effects);
        return true;
    }

    void deliver() {
        const auto [due, from, sent] = sent_.front();
        sent_.pop_front();
        auto& to = at(sent.peer);
        if (!to.driver || !at(from).driver || cut_.contains(from) || cut_.contains(sent.peer))
            return;
        auto message = sent;
        message.peer = from;
        fill(from, message);
        Effects effects;
        EXPECT_TRUE(to.driver->receive(now_, message, effects));
        carry_out(sent.peer, effects);
    }

    // As a transport does: what the driver has forgotten is read from the disk.
    void fill(MemberId from, Message& message) {
        auto* append = std::get_if<AppendEntries>(&message.body);
        if (append == nullptr || append->entries.size() == append->count) return;
        const auto& server = at(from);
        const auto begin = number(append->previous_index) + 1 - number(server.disk_first);
        append->entries.assign(server.disk.begin() + static_cast<std::ptrdiff_t>(begin),
                               server.disk.begin() +
                                   static_cast<std::ptrdiff_t>(begin + append->count));
    }

    void carry_out(MemberId id, Effects& effects) {
        auto& server = at(id);
        if (effects.vote) server.vote = *effects.vote;
        for (auto& append : effects.appends) server.unsynced.push_back(std::move(append));
        for (auto& message : effects.messages)
            sent_.push_back({now_ + delay_, id, std::move(message)});
        for (const auto& committed : effects.committed) {
            if (committed.entry.type != EntryType::command) continue;
            server.applied.push_back(*committed.entry.bytes);
        }
        for (const auto& change : effects.roles) server.roles.push_back(change.role);
        if (effects.install) install(id, *effects.install);
    }

    // The content comes from whoever has it.
    void install(MemberId id, const SnapshotMetadata& snapshot) {
        ++installs_;
        auto& server = at(id);
        const auto& source = at(leader());
        server.applied.assign(source.applied.begin(),
                              source.applied.begin() +
                                  static_cast<std::ptrdiff_t>(commands_to(source, snapshot.index)));
        server.snapshot = snapshot;
        server.disk.clear();
        server.unsynced.clear();
        server.disk_first = next(snapshot.index);
        Effects effects;
        server.driver->installed(now_, snapshot, effects);
        carry_out(id, effects);
    }

    static std::size_t commands_to(const DrivenServer& server, Index index) {
        std::size_t behind = 0;
        for (auto i = number(index) + 1; i <= number(server.driver->applied()); ++i) {
            const auto& entry = server.disk.at(i - number(server.disk_first));
            if (entry.type == EntryType::command) ++behind;
        }
        return server.applied.size() - behind;
    }

    // One leader per term; and what any member ever applied, all others apply in its place.
    void check_invariants() {
        for (const auto& [id, server] : servers_) {
            if (!server.driver) continue;
            if (server.driver->role() == Role::leader) {
                const auto known = leaders_.emplace(server.driver->term(), id).first;
                EXPECT_EQ(known->second, id) << "two leaders";
            }
            const auto& applied = server.applied;
            const auto common = std::min(applied.size(), history_.size());
            EXPECT_TRUE(std::equal(applied.begin(),
                                   applied.begin() + static_cast<std::ptrdiff_t>(common),
                                   history_.begin()));
            if (applied.size() > history_.size()) history_ = applied;
        }
    }

    Driver::Time now_{1000};
    std::map<Term, MemberId> leaders_;
    std::vector<std::string> history_;
    std::map<MemberId, DrivenServer> servers_;
    std::deque<Sent> sent_;
    Driver::Time delay_{};
    std::set<MemberId> cut_;
    std::map<MemberId, bool> stalled_;
    std::size_t installs_ = 0;
};

}  // namespace coord
