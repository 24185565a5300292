#include "coord/tree/multi.hpp"

#include "tests/support/tree_machine.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace coord {
namespace {

std::vector<std::int32_t> errors_of(const Outcome& outcome) {
    EXPECT_EQ(outcome.error, Errc::ok);
    std::vector<std::int32_t> errors;
    Decoder in(outcome.body);
    for (;;) {
        const auto header = MultiHeader::decode(in);
        EXPECT_FALSE(in.failed());
        if (header.done || in.failed()) return errors;
        EXPECT_EQ(header.op, OpCode::error);
        EXPECT_EQ(in.int32(), header.error);
        errors.push_back(header.error);
    }
}

TEST(Multi, failing_answers_with_the_recorded_bytes) {
    Machine machine;

    const auto failed =
        machine.apply(OpCode::multi, MultiBody().create("/m3").remove("/zzz").create("/m4").done());

    EXPECT_EQ(to_hex(failed.body),
              "ffffffff000000000000000000"
              "ffffffff00ffffff9bffffff9b"
              "ffffffff00fffffffefffffffe"
              "ffffffff01ffffffff");
    EXPECT_EQ(failed.error, Errc::ok);
}

TEST(Multi, each_operation_sees_what_those_before_it_did_and_all_share_a_zxid) {
    Machine machine;

    const auto done = machine.apply(OpCode::multi,
                                    MultiBody()
                                        .create("/a")
                                        .check("/a", 0)
                                        .set("/a", "x", 0)
                                        .check("/a", 1)
                                        .create("/a/s-", CreateMode::persistent_sequential)
                                        .create("/a/s-", CreateMode::ephemeral_sequential)
                                        .remove("/a/s-0000000000")
                                        .done());

    Decoder in(done.body);
    EXPECT_EQ(MultiHeader::decode(in).op, OpCode::create);
    EXPECT_EQ(in.ustring(), "/a");
    EXPECT_EQ(machine.children("/a"), std::vector<std::string>{"s-0000000001"});
    const auto stat = machine.stat("/a");
    EXPECT_EQ(stat.czxid, done.zxid);
    EXPECT_EQ(stat.mzxid, done.zxid);
    EXPECT_EQ(stat.pzxid, done.zxid);
    EXPECT_EQ(stat.version, 1);
    EXPECT_EQ(machine.tree.ephemeral_count(), 1U);
    ASSERT_EQ(done.events.size(), 9U);
    EXPECT_EQ(done.events[2].type, EventType::node_data_changed);
    EXPECT_EQ(done.events[7].type, EventType::node_deleted);
}

TEST(Multi, that_fails_has_done_nothing_and_tells_nobody) {
    Machine machine;
    machine.create("/p");
    machine.create("/p/old", CreateMode::ephemeral, "data");
    const auto before = machine.stat("/p");
    const auto old = machine.stat("/p/old");

    const auto failed = machine.apply(OpCode::multi,
                                      MultiBody()
                                          .create("/p/s-", CreateMode::ephemeral_sequential)
                                          .set("/p", "x")
                                          .remove("/p/old")
                                          .create("/p/old")
                                          .create("/p/old")
                                          .remove("/none")
                                          .done());

    EXPECT_EQ(errors_of(failed), (std::vector<std::int32_t>{0, 0, 0, 0, -110, -2}));
    EXPECT_TRUE(failed.events.empty());
    EXPECT_EQ(machine.stat("/p"), before);
    EXPECT_EQ(machine.stat("/p/old"), old);
    EXPECT_EQ(machine.data("/p/old"), "data");
    EXPECT_EQ(machine.tree.ephemeral_count(), 1U);
    EXPECT_EQ(created_path(machine.create("/p/s-", CreateMode::persistent_sequential)),
              "/p/s-0000000001");
}

TEST(Multi, an_empty_one_succeeds_with_nothing) {
    Machine machine;

    EXPECT_EQ(to_hex(machine.apply(OpCode::multi, MultiBody().done()).body), "ffffffff01ffffffff");
}

TEST(Multi, is_refused_whole_when_an_operation_may_not_be_in_it) {
    Machine machine;
    const auto error = [&](const MultiBody& body) {
        const auto outcome = machine.apply(OpCode::multi, body.done());
        EXPECT_TRUE(outcome.body.empty());
        return outcome.error;
    };

    EXPECT_EQ(error(MultiBody().create("/a").read(OpCode::get_data, "/a")),
              Errc::marshalling_error);
    EXPECT_EQ(error(MultiBody().create("/a").add(OpCode::set_acl,
                                                 SetAclRequest{"/a", open_acl_unsafe, -1})),
              Errc::marshalling_error);
    EXPECT_EQ(error(MultiBody().create("/a").remove("/a").read(OpCode::multi, "/a")),
              Errc::marshalling_error);
    EXPECT_EQ(error(MultiBody().create("/a", CreateMode::persistent_ttl, OpCode::create)),
              Errc::marshalling_error);
    EXPECT_FALSE(machine.has("/a"));
}

TEST(Multi, is_broken_by_the_flags_of_a_ttl_without_one_unless_it_has_failed_before) {
    Machine machine;
    constexpr auto flags = CreateMode::persistent_ttl;

    const auto broken = machine.apply(
        OpCode::multi, MultiBody().create("/a").create("/b", flags, OpCode::create).done());
    const auto failed = machine.apply(
        OpCode::multi, MultiBody().remove("/none").create("/b", flags, OpCode::create).done());

    EXPECT_EQ(broken.error, Errc::marshalling_error);
    EXPECT_TRUE(broken.body.empty());
    EXPECT_TRUE(broken.events.empty());
    EXPECT_FALSE(machine.has("/a"));
    EXPECT_EQ(failed.error, Errc::ok);
    EXPECT_EQ(to_hex(failed.body),
              "ffffffff00ffffff9bffffff9b"
              "ffffffff00fffffffefffffffe"
              "ffffffff01ffffffff");
}

TEST(Multi, cut_anywhere_is_malformed) {
    Machine machine;
    const auto body = MultiBody().create("/a").set("/a", "data").remove("/a").done();

    for (std::size_t size = 0; size < body.size(); ++size) {
        EXPECT_EQ(machine.apply(OpCode::multi, body.substr(0, size)).error,
                  Errc::marshalling_error);
    }
}

TEST(Multi, a_container_or_ttl_znode_answers_as_create2) {
    Machine machine;
    const auto done =
        machine.apply(OpCode::multi,
                      MultiBody()
                          .create("/c", CreateMode::container, OpCode::create_container)
                          .create("/t", CreateMode::persistent_ttl, OpCode::create_ttl)
                          .create("/p", CreateMode::persistent, OpCode::create2)
                          .done());

    Decoder in(done.body);
    for (const auto path : {"/c", "/t"}) {
        EXPECT_EQ(MultiHeader::decode(in).op, OpCode::create2);
        EXPECT_EQ(in.ustring(), path);
        EXPECT_EQ(in.stat(), machine.stat(path));
    }
    EXPECT_EQ(MultiHeader::decode(in).op, OpCode::create);
    EXPECT_EQ(in.ustring(), "/p");
    EXPECT_TRUE(MultiHeader::decode(in).done);
}

}  // namespace
}  // namespace coord
