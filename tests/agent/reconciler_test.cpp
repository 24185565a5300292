#include "agent/reconciler.hpp"

#include "tests/support/running_agent.hpp"

#include <gtest/gtest.h>

namespace agent {
namespace {

using coord::CreateMode;
using coord::run_task;
using coord::run_until;

// A reconciler whose wants are a map, and a client that meddles.
class ReconcilerTest : public testing::Test {
protected:
    ReconcilerTest() {
        client_.on_state([this](auto state) { reconciler_.on_session_state(state); });
        client_.start();
        other_.start();
        EXPECT_TRUE(run_until(io_, [this] {
            return client_.state() == coord::SessionState::connected &&
                   other_.state() == coord::SessionState::connected;
        }));
    }
    ~ReconcilerTest() override {
        reconciler_.stop();
        client_.abandon();
        other_.abandon();
    }

    void want(const std::string& path, std::optional<std::string> content) {
        wanted_[path] = std::move(content);
        reconciler_.changed(path);
    }
    bool settled() {
        return run_until(io_, [this] { return reconciler_.settled(); });
    }
    std::optional<coord::ZnodeData> read(const std::string& path) {
        auto found = run_task(io_, other_.get_data(path));
        return found ? std::optional(found.value()) : std::nullopt;
    }
    double metric(std::string_view name) {
        for (const auto& metric : reconciler_.metrics())
            if (metric.name == name) return metric.value;
        return -1;
    }

    coord::RunningCore core_{quick_core()};
    boost::asio::io_context io_;
    coord::Client client_{io_, {.connect = address_of(core_), .resume = {}}};
    coord::Client other_{io_, {.connect = address_of(core_), .resume = {}}};
    std::map<std::string, std::optional<std::string>> wanted_;
    std::vector<std::string> gone_;
    std::size_t asked_ = 0;
    Reconciler reconciler_{
        io_,
        client_,
        {.in_flight_max = 4, .retry_after = std::chrono::milliseconds(50), .claim = {}},
        [this](const auto& path) {
            ++asked_;
            return wanted_[path];
        },
        [this](const auto& path) { gone_.push_back(path); }};
    const std::string path_ = "/services/web/a@host1";
};

TEST_F(ReconcilerTest, makes_changes_and_removes_a_znode) {
    want(path_, "one");
    ASSERT_TRUE(settled());
    EXPECT_EQ(read(path_)->data, "one");
    EXPECT_EQ(read(path_)->stat.ephemeral_owner, client_.session().id);

    want(path_, "two");
    ASSERT_TRUE(settled());
    EXPECT_EQ(read(path_)->data, "two");
    EXPECT_EQ(read(path_)->stat.version, 1);

    want(path_, std::nullopt);
    ASSERT_TRUE(settled());
    EXPECT_FALSE(read(path_));
    EXPECT_EQ(gone_, std::vector<std::string>{path_});
    EXPECT_EQ(metric("roster_registrar_writes_total"), 3);
}

TEST_F(ReconcilerTest, writes_only_the_last_of_many_changes) {
    want(path_, "one");
    ASSERT_TRUE(settled());
    for (int i = 0; i < 100; ++i) want(path_, std::to_string(i));

    ASSERT_TRUE(settled());

    EXPECT_EQ(read(path_)->data, "99");
    EXPECT_LE(read(path_)->stat.version, 2);
}

TEST_F(ReconcilerTest, replaces_what_another_session_left_and_what_somebody_made_persistent) {
    run_task(io_, other_.ensure_path("/services/web")).value();
    run_task(io_, other_.create(path_, "theirs", CreateMode::ephemeral)).value();
    run_task(io_, other_.create("/services/web/b@host1", "kept", CreateMode::persistent)).value();

    want(path_, "ours");
    want("/services/web/b@host1", "ours");

    ASSERT_TRUE(settled());
    EXPECT_EQ(read(path_)->data, "ours");
    EXPECT_EQ(read(path_)->stat.ephemeral_owner, client_.session().id);
    EXPECT_EQ(read("/services/web/b@host1")->stat.ephemeral_owner, client_.session().id);
    EXPECT_EQ(metric("roster_registrar_takeovers_total"), 2);
}

TEST_F(ReconcilerTest, makes_a_znode_again_that_somebody_removed) {
    want(path_, "one");
    ASSERT_TRUE(settled());
    run_task(io_, other_.remove(path_)).value();

    want(path_, "two");

    ASSERT_TRUE(settled());
    EXPECT_EQ(read(path_)->data, "two");
}

TEST_F(ReconcilerTest, mends_when_it_compares_what_somebody_removed_or_overwrote) {
    const std::string second = "/services/web/b@host1";
    want(path_, "one");
    want(second, "two");
    ASSERT_TRUE(settled());
    run_task(io_, other_.remove(path_)).value();
    run_task(io_, other_.set_data(second, "rubbish")).value();

    reconciler_.compare();

    ASSERT_TRUE(settled());
    EXPECT_EQ(read(path_)->data, "one");
    EXPECT_EQ(read(second)->data, "two");
    EXPECT_EQ(metric("roster_registrar_writes_total"), 4);
    reconciler_.compare();
    ASSERT_TRUE(settled());
    EXPECT_EQ(metric("roster_registrar_writes_total"), 4) << "what is right is left alone";
}

TEST_F(ReconcilerTest, tries_again_what_the_ensemble_refuses) {
    run_task(io_, other_.ensure_path("/services")).value();
    run_task(io_, other_.create("/services/web", "", CreateMode::ephemeral)).value();

    want(path_, "one");  // An ephemeral znode has no children.
    ASSERT_TRUE(run_until(io_, [&] { return metric("roster_registrar_refused_total") > 1; }));
    EXPECT_FALSE(reconciler_.settled());
    EXPECT_FALSE(run_task(io_, reconciler_.reached(path_, std::chrono::milliseconds(10))));

    run_task(io_, other_.remove("/services/web")).value();
    EXPECT_TRUE(run_task(io_, reconciler_.reached(path_, coord::test_patience)));
    EXPECT_EQ(read(path_)->data, "one");
}

TEST_F(ReconcilerTest, reads_what_may_be_there_from_before_and_leaves_it_if_it_is_right) {
    run_task(io_, client_.ensure_path("/services/web")).value();
    run_task(io_, client_.create(path_, "one", CreateMode::ephemeral)).value();
    const auto before = read(path_)->stat.mzxid;
    wanted_[path_] = "one";

    reconciler_.restored(path_);

    ASSERT_TRUE(settled());
    EXPECT_EQ(read(path_)->stat.mzxid, before);
    EXPECT_EQ(metric("roster_registrar_writes_total"), 0);
}

TEST_F(ReconcilerTest, takes_away_what_may_be_there_from_before) {
    run_task(io_, client_.ensure_path("/services/web")).value();
    run_task(io_, client_.create(path_, "one", CreateMode::ephemeral)).value();

    reconciler_.restored(path_);

    ASSERT_TRUE(settled());
    EXPECT_FALSE(read(path_));
    EXPECT_EQ(gone_, std::vector<std::string>{path_});
}

TEST_F(ReconcilerTest, has_no_more_on_the_way_than_it_may_and_finishes_all) {
    constexpr std::size_t many = 300;
    for (std::size_t i = 0; i < many; ++i) want("/services/web/" + std::to_string(i), "x");
    io_.poll_one();
    EXPECT_LE(asked_, 4U);

    ASSERT_TRUE(settled());

    EXPECT_EQ(run_task(io_, other_.get_children("/services/web"))->names.size(), many);
}

TEST_F(ReconcilerTest, has_reached_at_once_what_nobody_wants_to_change) {
    EXPECT_TRUE(run_task(io_, reconciler_.reached("/services/x/y", std::chrono::seconds(1))));
}

TEST_F(ReconcilerTest, tells_who_waits_that_it_stops) {
    core_.stop();
    ASSERT_TRUE(run_until(io_, [&] { return client_.state() != coord::SessionState::connected; }));
    want(path_, "one");
    bool reached = true;
    bool done = false;
    coord::spawn(io_, "wait", [&]() -> coord::Task<void> {
        reached = co_await reconciler_.reached(path_, std::chrono::hours(1));
        done = true;
    });
    io_.poll();

    reconciler_.stop();

    ASSERT_TRUE(run_until(io_, [&] { return done; }));
    EXPECT_FALSE(reached);
}

}  // namespace
}  // namespace agent
