#include "coord/tree/snapshot_writer.hpp"

#include "tests/support/tree_machine.hpp"

#include <gtest/gtest.h>

#include <string>

namespace coord {
namespace {

TEST(SnapshotWriter, writes_the_same_bytes_in_slices_of_any_size) {
    Machine machine;
    for (int i = 0; i < 20; ++i) machine.create("/n" + std::to_string(i));

    const auto whole = machine.snapshot(1000);

    for (const std::size_t slice : {1U, 2U, 3U, 7U, 24U, 25U})
        EXPECT_EQ(machine.snapshot(slice), whole);
}

TEST(SnapshotWriter, a_slice_has_about_as_many_znodes_as_asked) {
    Machine machine;
    const auto cut = machine.tree.cut_snapshot();
    std::string bytes;

    EXPECT_TRUE(cut(bytes, 0));
    const auto head = bytes.size();
    EXPECT_TRUE(cut(bytes, 1));
    EXPECT_GT(bytes.size(), head);
    EXPECT_LT(bytes.size(), head + 100);
    EXPECT_FALSE(cut(bytes, 100));
}

TEST(SnapshotWriter, equal_states_have_equal_bytes_whatever_storage_they_came_to_use) {
    Machine machine;
    machine.create("/a");
    machine.create("/b");
    machine.remove("/a");
    machine.create("/c");  // stands where /a stood
    machine.set_acl("/b", std::vector<Acl>{{31, {"ip", "127.0.0.1"}}});
    Machine restored;
    restored.tree = StateMachine::restore(in_chunks(machine.snapshot(), 100)).value();

    for (auto* each : {&machine, &restored}) {
        each->create("/b/x");
        each->create("/d", CreateMode::ephemeral);
    }

    EXPECT_EQ(to_hex(machine.snapshot()), to_hex(restored.snapshot()));
}

TEST(SnapshotWriter, begins_with_a_magic_and_a_version) {
    Machine machine;

    EXPECT_TRUE(machine.snapshot().starts_with(std::string("ROSTERSM\0\0\0\2", 12)));
}

TEST(SnapshotWriter, a_slice_of_large_znodes_has_fewer) {
    Machine machine;
    const std::string data(500'000, 'd');
    for (int i = 0; i < 8; ++i) {
        machine.create("/n" + std::to_string(i), CreateMode::persistent, data);
    }
    const auto cut = machine.tree.cut_snapshot();

    std::size_t slices = 0;
    for (bool more = true; more; ++slices) {
        std::string bytes;
        more = cut(bytes, 1000);
        EXPECT_LE(bytes.size(), 1'600'000U);
    }

    EXPECT_GE(slices, 3U);
}

}  // namespace
}  // namespace coord
