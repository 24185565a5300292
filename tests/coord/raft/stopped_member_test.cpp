#include "coord/raft/stopped_member.hpp"

#include "tests/support/list_cluster.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace coord {
namespace {

namespace fs = std::filesystem;

// Three members, of which the first has some items; none runs any longer.
struct StoppedMemberTest : testing::Test {
    StoppedMemberTest() {
        for (const auto& item : items) cluster.propose(item);
        EXPECT_TRUE(cluster.all_have(items));
        for (std::size_t i = 0; i < 3; ++i) cluster.kill(i);
    }
    [[nodiscard]] const fs::path& path() { return cluster.at(0).directory.path(); }

    std::vector<std::string> items = numbered(50);
    ListCluster cluster{3};
};

TEST_F(StoppedMemberTest, tells_what_is_there_and_changes_nothing) {
    for (int again = 0; again < 2; ++again) {
        StoppedMember member(path());
        EXPECT_EQ(member.id(), cluster.at(0).id);
        EXPECT_EQ(member.members().size(), 3U);
        EXPECT_GE(number(member.last()), items.size());
        EXPECT_EQ(member.last_term(), member.vote().term);
    }
}

TEST_F(StoppedMemberTest, made_alone_it_goes_on_with_all_that_it_has_and_grows_again) {
    const auto before = StoppedMember(path()).founding()->cluster;

    const auto kept = StoppedMember(path()).make_alone("first");

    EXPECT_TRUE(fs::exists(kept / "meta"));
    EXPECT_EQ(read_founding(kept / "cluster")->cluster, before);
    EXPECT_NE(StoppedMember(path()).founding()->cluster, before);
    cluster.start(0);
    items.push_back("first");
    EXPECT_TRUE(cluster.has(0, items));
    EXPECT_EQ(cluster.elect(), 0U);
    EXPECT_EQ(cluster.at(0).node->members().size(), 1U);
    const auto added = cluster.add_empty();
    ASSERT_TRUE(cluster.change({MemberChange::Kind::add, cluster.at(added).id, "new:1"}));
    ASSERT_TRUE(cluster.change({MemberChange::Kind::promote, cluster.at(added).id}));
    EXPECT_TRUE(cluster.has(added, items));
}

TEST_F(StoppedMemberTest, can_be_made_alone_again_and_keeps_each_copy) {
    const auto first = StoppedMember(path()).make_alone("first");
    const auto second = StoppedMember(path()).make_alone("first");

    EXPECT_NE(first, second);
    cluster.start(0);
    items.insert(items.end(), {"first", "first"});
    EXPECT_TRUE(cluster.has(0, items));
}

TEST_F(StoppedMemberTest, a_directory_in_use_or_of_nobody_is_refused) {
    const StoppedMember member(path());
    EXPECT_THROW(StoppedMember{path()}, std::runtime_error);
    const TemporaryDirectory empty;
    EXPECT_THROW(StoppedMember{empty.path()}, std::runtime_error);
    EXPECT_TRUE(fs::is_empty(empty.path()));
}

TEST_F(StoppedMemberTest, who_was_never_a_member_has_nothing_to_recover) {
    const TemporaryDirectory directory;
    make_directory(directory.path() / "raft");
    const MetadataStore drawn(directory.path() / "raft" / "meta");

    EXPECT_THROW(StoppedMember(directory.path()).make_alone("first"), std::runtime_error);
}

TEST_F(StoppedMemberTest, a_snapshot_makes_the_only_member_of_a_new_cluster) {
    const TemporaryDirectory made;
    const auto snapshots = made.path() / "from";
    make_directory(snapshots);
    SnapshotMetadata metadata{
        Index{40}, Term{3}, Index{7}, encode_configuration({{MemberId{1}, "a:1"}})};
    SnapshotFileWriter writer(snapshots, metadata);
    writer.write("content");
    writer.finish();
    SnapshotFileReader snapshot(snapshot_path(snapshots, Index{40}));

    restore_member(snapshot, made.path(), "b:1", "first");

    StoppedMember member(made.path());
    EXPECT_EQ(member.last(), Index{41});
    EXPECT_EQ(member.vote().term, Term{3});
    const std::vector<Member> alone{{member.id(), "b:1", MemberRole::voter}};
    EXPECT_EQ(member.members(), alone);
    std::string chunk;
    ASSERT_TRUE(member.snapshot()->next(chunk));
    EXPECT_EQ(chunk, "content");
}

TEST_F(StoppedMemberTest, what_is_there_is_set_aside_unless_it_is_in_use) {
    {
        const StoppedMember member(path());
        EXPECT_THROW(set_aside(path()), std::runtime_error);
    }
    const auto aside = set_aside(path());

    ASSERT_TRUE(aside);
    EXPECT_TRUE(fs::exists(*aside / "meta"));
    EXPECT_FALSE(fs::exists(path() / "raft"));
    EXPECT_FALSE(set_aside(path()));
}

}  // namespace
}  // namespace coord
