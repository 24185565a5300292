#include "agent/kv.hpp"

#include "tests/support/running_agent.hpp"

#include <gtest/gtest.h>

namespace agent {
namespace {

using coord::CreateMode;
using coord::Errc;
using coord::run_task;
using coord::run_until;

TEST(KvZnode, comes_back_as_it_was) {
    KvEntry entry;
    entry.value = std::string("\0\xff value", 8);
    entry.flags = 0xFEDCBA9876543210U;
    entry.lock_index = 7;
    entry.session = "adf4238a-882b-9ddc-4a9d-5b6758e4159e";

    const auto back = decode_kv(encode(entry));

    ASSERT_TRUE(back.value) << back.error;
    EXPECT_EQ(back.value->value, entry.value);
    EXPECT_EQ(back.value->flags, entry.flags);
    EXPECT_EQ(back.value->lock_index, entry.lock_index);
    EXPECT_EQ(back.value->session, entry.session);
}

TEST(KvZnode, that_is_none_is_refused) {
    auto cut = encode({.key = {}, .value = {}, .flags = 0, .lock_index = 0, .session = "session"});
    cut.resize(cut.size() - 1);

    EXPECT_EQ(decode_kv("").error, "not an entry of the key-value store");
    EXPECT_EQ(decode_kv("hello, this is a znode made by hand").error,
              "not an entry of the key-value store");
    EXPECT_EQ(decode_kv(cut).error, "its session is cut short");
}

class KvTest : public testing::Test {
protected:
    KvTest() {
        store_.subscribe([this](const auto& published) { publications_.push_back(published); });
        store_.start();
        other_.start();
        client_.start();
        rival_.start();
        EXPECT_TRUE(run_until(io_, [this] {
            return !publications_.empty() && rival_.state() == coord::SessionState::connected;
        }));
    }
    ~KvTest() override {
        store_.stop();
        other_.stop();
        client_.abandon();
        rival_.abandon();
    }

    coord::Result<bool> put(const std::string& key,
                            const std::string& value,
                            std::optional<std::uint64_t> cas = std::nullopt) {
        return run_task(io_, store_.put(key, value, 0, cas));
    }
    coord::Result<bool> remove(const std::string& key,
                               std::optional<std::uint64_t> cas = std::nullopt) {
        return run_task(io_, store_.remove(key, cas));
    }
    std::uint64_t index_of(const std::string& key) {
        return static_cast<std::uint64_t>(store_.find(key)->modify_index);
    }

    coord::RunningCore core_{quick_core()};
    boost::asio::io_context io_;
    coord::Client client_{
        io_,
        {.connect = address_of(core_), .session_timeout = std::chrono::seconds(1), .resume = {}}};
    coord::Client rival_{io_, {.connect = address_of(core_), .resume = {}}};
    KvStore store_{client_};
    KvStore other_{rival_};  // of another agent
    std::vector<std::shared_ptr<const KvPublication>> publications_;
};

TEST_F(KvTest, reads_its_own_writes) {
    ASSERT_TRUE(run_task(io_, store_.put("app/a", "one", 42, std::nullopt)).value());
    ASSERT_TRUE(store_.find("app/a"));
    EXPECT_EQ(store_.find("app/a")->value, "one");
    EXPECT_EQ(store_.find("app/a")->flags, 42U);
    const auto created = store_.find("app/a")->create_index;

    ASSERT_TRUE(put("app/a", "two").value());
    EXPECT_EQ(store_.find("app/a")->value, "two");
    EXPECT_EQ(store_.find("app/a")->create_index, created);
    EXPECT_GT(store_.find("app/a")->modify_index, created);
    EXPECT_EQ(publications_.back()->entries.at(0)->value, "two");

    ASSERT_TRUE(remove("app/a").value());
    EXPECT_EQ(store_.find("app/a"), nullptr);
    EXPECT_EQ(publications_.back()->removed, std::vector<std::string>{"app/a"});
}

TEST_F(KvTest, takes_any_key) {
    for (const std::string& key : std::vector<std::string>{
             "/", "a//b/", ".", "..", "grün %41", std::string("\0\n\xff", 3), "zookeeper"}) {
        ASSERT_TRUE(put(key, key).value());
        ASSERT_TRUE(store_.find(key));
        EXPECT_EQ(store_.find(key)->value, key);
    }
}

TEST_F(KvTest, refuses_keys_and_values_beyond_the_limits) {
    EXPECT_EQ(put("", "x").error(), Errc::bad_arguments);
    EXPECT_EQ(put(std::string(kv_key_bytes_max + 1, 'k'), "x").error(), Errc::bad_arguments);
    EXPECT_EQ(put("k", std::string(kv_value_bytes_max + 1, 'v')).error(), Errc::bad_arguments);
    EXPECT_EQ(remove("").error(), Errc::bad_arguments);
    EXPECT_TRUE(put(std::string(kv_key_bytes_max, '\xff'), std::string(kv_value_bytes_max, 'v')));
}

TEST_F(KvTest, compares_and_sets) {
    ASSERT_TRUE(put("k", "one", 0).value());
    EXPECT_FALSE(put("k", "two", 0).value()) << "it exists";
    const auto index = index_of("k");
    EXPECT_FALSE(put("k", "two", index - 1).value());
    EXPECT_FALSE(put("k", "two", index + 1000).value());
    EXPECT_FALSE(put("missing", "two", index).value());
    EXPECT_EQ(store_.find("k")->value, "one");

    EXPECT_TRUE(put("k", "two", index).value());
    EXPECT_EQ(store_.find("k")->value, "two");
    EXPECT_FALSE(put("k", "three", index).value()) << "no longer the newest";
}

TEST_F(KvTest, compares_with_an_index_that_only_another_agent_has_seen) {
    ASSERT_TRUE(put("k", "one").value());
    ASSERT_TRUE(run_task(io_, other_.put("k", "two", 0, std::nullopt)).value());
    const auto index = static_cast<std::uint64_t>(other_.find("k")->modify_index);

    EXPECT_TRUE(put("k", "three", index).value());
    EXPECT_EQ(store_.find("k")->value, "three");
}

TEST_F(KvTest, removes_if_it_is_as_expected) {
    ASSERT_TRUE(put("k", "one").value());
    EXPECT_FALSE(remove("k", 0).value());
    EXPECT_FALSE(remove("k", index_of("k") + 1).value());
    EXPECT_TRUE(store_.find("k"));

    EXPECT_TRUE(remove("k", index_of("k")).value());
    EXPECT_TRUE(remove("k").value()) << "what is not there is removed";
    EXPECT_FALSE(remove("k", 1).value());
}

TEST_F(KvTest, removes_all_with_a_prefix_and_nothing_else) {
    for (int i = 0; i < 300; ++i) ASSERT_TRUE(put("app/" + std::to_string(i), "x").value());
    ASSERT_TRUE(put("ap", "x").value());
    ASSERT_TRUE(put("app", "x").value());
    ASSERT_TRUE(run_task(io_, other_.put("app/late", "x", 0, std::nullopt)).value());

    ASSERT_TRUE(run_task(io_, store_.remove_prefix("app/")).value());

    EXPECT_EQ(store_.find("app/0"), nullptr);
    EXPECT_EQ(store_.find("app/299"), nullptr);
    EXPECT_EQ(store_.find("app/late"), nullptr);
    EXPECT_TRUE(store_.find("ap"));
    EXPECT_TRUE(store_.find("app"));
    EXPECT_TRUE(run_task(io_, store_.remove_prefix("none")).value());
}

TEST_F(KvTest, sees_with_sync_what_another_agent_has_written) {
    ASSERT_TRUE(run_task(io_, other_.put("k", "theirs", 0, std::nullopt)).value());

    ASSERT_TRUE(run_task(io_, store_.sync()));

    ASSERT_TRUE(store_.find("k"));
    EXPECT_EQ(store_.find("k")->value, "theirs");
}

TEST_F(KvTest, keeps_the_lock_of_a_key_through_a_write) {
    KvEntry locked;
    locked.value = "one";
    locked.lock_index = 3;
    locked.session = "s";
    run_task(io_, rival_.create("/roster/kv/k", encode(locked), CreateMode::persistent)).value();
    ASSERT_TRUE(run_task(io_, store_.sync()));

    ASSERT_TRUE(put("k", "two").value());
    EXPECT_EQ(store_.find("k")->session, "s");
    EXPECT_EQ(store_.find("k")->lock_index, 3U);

    ASSERT_TRUE(put("k", "three", index_of("k")).value());
    EXPECT_EQ(store_.find("k")->session, "s");
}

TEST_F(KvTest, writes_although_another_agent_was_faster) {
    for (int round = 0; round < 20; ++round) {
        const auto key = "k" + std::to_string(round);
        int done = 0;
        for (auto* store : {&store_, &other_, &store_, &other_}) {
            coord::spawn(io_, "put", [&, store]() -> coord::Task<void> {
                const auto written = co_await store->put(key, "x", 0, std::nullopt);
                if (written && written.value()) ++done;
            });
        }
        ASSERT_TRUE(run_until(io_, [&] { return done == 4; }));
    }
}

TEST_F(KvTest, skips_and_counts_what_is_no_entry) {
    run_task(io_, rival_.create("/roster/kv/hand", "made", CreateMode::persistent)).value();
    ASSERT_TRUE(run_task(io_, store_.sync()));

    EXPECT_EQ(store_.find("hand"), nullptr);
    const auto metrics = store_.metrics();
    EXPECT_EQ(metrics.back().name, "roster_kv_malformed_total");
    EXPECT_EQ(metrics.back().value, 1);
}

TEST_F(KvTest, fails_when_the_core_is_away) {
    core_.stop();
    ASSERT_TRUE(run_until(io_, [&] { return client_.state() != coord::SessionState::connected; }));

    EXPECT_FALSE(put("k", "x"));
    EXPECT_FALSE(remove("k"));
    EXPECT_FALSE(run_task(io_, store_.sync()));
}

}  // namespace
}  // namespace agent
