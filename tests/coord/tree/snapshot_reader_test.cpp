#include "coord/tree/snapshot_reader.hpp"

#include "coord/proto/error.hpp"
#include "tests/support/random_writes.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace coord {
namespace {

Machine some_history() {
    Machine machine;
    machine.open(bob, 4000, 'b');
    machine.create("/a", CreateMode::persistent, std::nullopt);
    machine.create("/a/b", CreateMode::ephemeral, "data");
    machine.create("/a/seq-", CreateMode::persistent_sequential);
    machine.set("/a", "");
    machine.create_ttl("/t", 77);
    machine.create_container("/c");
    machine.set_acl("/t", std::vector<Acl>{{31, {"ip", "127.0.0.1"}}});
    machine.set_acl("/c", std::vector<Acl>{{31, {"ip", "127.0.0.1"}}});
    return machine;
}

TEST(SnapshotReader, restores_from_chunks_cut_anywhere) {
    auto machine = some_history();
    const auto bytes = machine.snapshot();

    for (const std::size_t size : {std::size_t{1}, std::size_t{5}, std::size_t{64}, bytes.size()}) {
        Machine copy;
        copy.tree = StateMachine::restore(in_chunks(bytes, size)).value();
        EXPECT_EQ(to_hex(copy.snapshot()), to_hex(bytes)) << size;
        EXPECT_EQ(copy.tree.ephemeral_count(), 1U);
        EXPECT_EQ(copy.stat("/a"), machine.stat("/a"));
        EXPECT_EQ(copy.data("/a"), "");
        EXPECT_EQ(copy.tree.find_session(bob)->timeout.count(), 4000);
        EXPECT_EQ(copy.tree.data_bytes(), machine.tree.data_bytes());
    }
}

TEST(SnapshotReader, takes_what_comes_with_the_last_call) {
    auto machine = some_history();
    const auto bytes = machine.snapshot();

    const auto restored = StateMachine::restore([&](std::string& chunk) {
        chunk = bytes;
        return false;
    });

    EXPECT_TRUE(restored);
}

TEST(SnapshotReader, refuses_a_snapshot_cut_short_anywhere) {
    auto machine = some_history();
    const auto bytes = machine.snapshot();

    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const auto restored = StateMachine::restore(in_chunks(bytes.substr(0, size), 50));
        ASSERT_FALSE(restored) << size;
        EXPECT_EQ(restored.error(), Errc::marshalling_error);
    }
}

TEST(SnapshotReader, refuses_bytes_behind_the_end) {
    auto machine = some_history();

    EXPECT_FALSE(StateMachine::restore(in_chunks(machine.snapshot() + "x", 50)));
}

TEST(SnapshotReader, a_damaged_snapshot_is_refused_or_reads_as_a_consistent_one) {
    const auto seed = seed_of_this_run();
    SCOPED_TRACE("SEED=" + std::to_string(seed));
    RandomWrites writes(seed);
    auto machine = some_history();
    const auto bytes = machine.snapshot();
    for (int round = 0; round < 1500; ++round) {
        auto damaged = bytes;
        for (auto hits = 1 + writes.below(3); hits > 0; --hits) {
            damaged[writes.below(damaged.size())] = static_cast<char>(writes.below(256));
        }

        auto restored = StateMachine::restore(in_chunks(damaged, 1 + writes.below(200)));

        if (!restored) continue;
        Machine lives;
        lives.tree = std::move(restored.value());
        for (const auto& session : lives.tree.sessions()) lives.expire(session);
        EXPECT_EQ(lives.tree.ephemeral_count(), 0U);
        EXPECT_FALSE(lives.snapshot().empty());
    }
}

// A snapshot by hand, with whatever it claims.
class Forged {
public:
    Forged(std::int64_t sessions, std::int64_t znodes, std::int64_t origins = 0) {
        bytes_ = "ROSTERSM";
        Encoder(bytes_).int32(2);
        record('h', [&](Encoder& out) {
            out.int64(1);
            out.int64(sessions);
            out.int64(origins);
            out.int64(znodes);
        });
    }

    Forged& znode(std::int32_t depth,
                  std::string_view name,
                  std::int64_t owner = 0,
                  std::int64_t czxid = 0) {
        record('n', [&](Encoder& out) {
            out.int32(depth);
            out.int32(owner == 0 ? 0 : 2);
            out.ustring(name);
            out.buffer("");
            out.int64(czxid);
            out.int64(0);
            if (owner != 0) out.int64(owner);
        });
        return *this;
    }

    Forged& session(std::int64_t id) {
        record('s', [&](Encoder& out) {
            out.int64(id);
            out.int64(1000);
            out.ustring(std::string(16, 'p'));
            out.int64(3);
        });
        return *this;
    }

    Forged& origin(std::int64_t member, std::int64_t sequence = 1) {
        record('o', [&](Encoder& out) {
            out.int64(member);
            out.int64(7);
            out.int64(sequence);
        });
        return *this;
    }

    // With what must be in every tree behind it.
    bool is_accepted() {
        znode(1, "zookeeper").znode(2, "quota").znode(2, "config");
        record('e', [](Encoder&) {});
        return StateMachine::restore(in_chunks(bytes_, 1000)).has_value();
    }

private:
    template <class Write>
    void record(char kind, Write write) {
        const auto begun = begin_frame(bytes_);
        bytes_.push_back(kind);
        Encoder out(bytes_);
        write(out);
        end_frame(bytes_, begun);
    }

    std::string bytes_;
};

TEST(SnapshotReader, refuses_what_no_tree_can_be) {
    EXPECT_TRUE(Forged(0, 5).znode(0, "").znode(1, "a").is_accepted());
    EXPECT_TRUE(Forged(1, 5).session(7).znode(0, "").znode(1, "e", 7).is_accepted());
    EXPECT_TRUE(Forged(0, 5).znode(0, "").znode(1, "a", 0, 1).is_accepted());

    EXPECT_FALSE(Forged(0, 5).znode(0, "").znode(1, "a", 0, 2).is_accepted()) << "of the future";
    EXPECT_FALSE(Forged(0, 6).znode(0, "").znode(1, "a").is_accepted()) << "fewer than counted";
    EXPECT_FALSE(Forged(0, 4).znode(0, "").znode(1, "a").is_accepted()) << "more than counted";
    EXPECT_FALSE(Forged(0, 6).znode(0, "").znode(1, "a").znode(1, "a").is_accepted()) << "twice";
    EXPECT_FALSE(Forged(0, 5).znode(0, "").znode(2, "a").is_accepted()) << "no parent";
    EXPECT_FALSE(Forged(0, 5).znode(0, "").znode(0, "").is_accepted()) << "two roots";
    EXPECT_FALSE(Forged(0, 5).znode(0, "").znode(1, "a/b").is_accepted()) << "slash in a name";
    EXPECT_FALSE(Forged(0, 5).znode(0, "").znode(1, "..").is_accepted()) << "dotted name";
    EXPECT_FALSE(Forged(0, 5).znode(0, "").znode(1, "").is_accepted()) << "empty name";
    EXPECT_FALSE(Forged(0, 5).znode(0, "").znode(1, "e", 7).is_accepted()) << "unknown owner";
    EXPECT_FALSE(Forged(1, 6).session(7).znode(0, "").znode(1, "e", 7).znode(2, "c").is_accepted())
        << "child of an ephemeral";
    EXPECT_FALSE(Forged(2, 4).session(7).session(7).znode(0, "").is_accepted()) << "one id twice";
    EXPECT_TRUE(Forged(0, 4, 2).origin(1).origin(2).znode(0, "").is_accepted());
    EXPECT_FALSE(Forged(0, 4, 2).origin(1).origin(1).znode(0, "").is_accepted()) << "one twice";
    EXPECT_FALSE(Forged(0, 4, 2).origin(1).znode(0, "").is_accepted()) << "fewer than counted";
    EXPECT_FALSE(Forged(0, 4, 1).origin(1, 0).znode(0, "").is_accepted()) << "no entry";
    EXPECT_FALSE(Forged(0, 4, 1000).znode(0, "").is_accepted()) << "more than there may be";
    EXPECT_FALSE(Forged(1, 4).session(0).znode(0, "").is_accepted()) << "id of no session";
}

TEST(SnapshotReader, random_bytes_are_no_snapshot) {
    const auto seed = seed_of_this_run();
    SCOPED_TRACE("SEED=" + std::to_string(seed));
    RandomWrites random(seed);
    for (int round = 0; round < 1000; ++round) {
        std::string bytes("ROSTERSM\0\0\0\1", 12);
        for (auto left = random.below(100); left > 0; --left) {
            bytes.push_back(static_cast<char>(random.below(4) == 0 ? random.below(256) : 0));
        }
        EXPECT_FALSE(StateMachine::restore(in_chunks(bytes, 16)));
    }
}

}  // namespace
}  // namespace coord
