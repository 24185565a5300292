#include "agent/checks/check_runner.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace {

namespace asio = boost::asio;
using agent::Check;
using agent::CheckKind;
using agent::CheckStatus;
using agent::Health;
using asio::ip::tcp;
using std::chrono::milliseconds;

class CheckRunner : public testing::Test {
protected:
    void start(std::size_t running_max = 256) {
        agent::CheckRunnerOptions options;
        options.running_max = running_max;
        options.seed = 1;
        options.interval_min = milliseconds(1);
        options.deregister_after_min = milliseconds(1);
        options.deregister_retry = milliseconds(20);
        runner_.emplace(
            io_,
            options,
            agent::CheckReports{
                .status = [this](const auto& id,
                                 auto status) { reported_[id].push_back(std::move(status)); },
                .deregister = [this](const auto& id) { deregistered_.push_back(id); }});
    }

    static Check check(const std::string& id, CheckKind kind) {
        Check check;
        check.definition.id = id;
        check.definition.service_id = "web";
        check.definition.kind = kind;
        check.definition.interval = kind == CheckKind::ttl ? milliseconds(0) : milliseconds(20);
        return check;
    }

    static Check script(const std::string& id, const std::string& text) {
        auto one = check(id, CheckKind::script);
        one.definition.args = {"/bin/sh", "-c", text};
        return one;
    }

    bool wait(const std::function<bool()>& condition, milliseconds patience = milliseconds(5000)) {
        const auto deadline = std::chrono::steady_clock::now() + patience;
        while (!condition() && std::chrono::steady_clock::now() < deadline) {
            io_.restart();
            io_.run_for(milliseconds(5));
        }
        return condition();
    }

    [[nodiscard]] std::optional<Health> health(const std::string& id) const {
        const auto found = reported_.find(id);
        if (found == reported_.end()) return std::nullopt;
        return found->second.back().health;
    }

    [[nodiscard]] double metric(const std::string& name, const std::string& kind = {}) const {
        for (const auto& sample : runner_->metrics()) {
            if (sample.name != name) continue;
            if (kind.empty() || sample.labels.at(0).second == kind) return sample.value;
        }
        ADD_FAILURE() << "no metric " << name;
        return -1;
    }

    asio::io_context io_;
    std::map<std::string, std::vector<CheckStatus>> reported_;
    std::vector<std::string> deregistered_;
    std::optional<agent::CheckRunner> runner_;
};

TEST_F(CheckRunner, a_process_that_comes_and_goes_is_seen) {
    tcp::acceptor acceptor(io_, {asio::ip::address_v4::loopback(), 0});
    const auto port = acceptor.local_endpoint().port();
    start();
    auto tcp_check = check("tcp", CheckKind::tcp);
    tcp_check.definition.tcp = "127.0.0.1:" + std::to_string(port);

    runner_->set_checks({tcp_check});

    EXPECT_TRUE(wait([&] { return health("tcp") == Health::passing; }));
    acceptor.close();
    EXPECT_TRUE(wait([&] { return health("tcp") == Health::critical; }));
    acceptor = tcp::acceptor(io_, {asio::ip::address_v4::loopback(), port});
    EXPECT_TRUE(wait([&] { return health("tcp") == Health::passing; }));
    EXPECT_EQ(reported_["tcp"].size(), 3U);
}

TEST_F(CheckRunner, a_closed_port_is_reported_within_an_interval_and_a_bit) {
    tcp::acceptor acceptor(io_, {asio::ip::address_v4::loopback(), 0});
    start();
    auto tcp_check = check("tcp", CheckKind::tcp);
    tcp_check.definition.tcp = "127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
    tcp_check.definition.interval = milliseconds(1000);
    runner_->set_checks({tcp_check});
    ASSERT_TRUE(wait([&] { return health("tcp") == Health::passing; }));

    acceptor.close();

    EXPECT_TRUE(wait([&] { return health("tcp") == Health::critical; }, milliseconds(1200)));
}

TEST_F(CheckRunner, a_check_that_is_kept_keeps_its_schedule_and_its_counts) {
    start();
    auto kept = script("kept", "exit 2");
    kept.definition.failures_before_critical = 3;
    kept.definition.interval = milliseconds(50);
    kept.status = {Health::passing, "earlier"};

    runner_->set_checks({kept});
    for (int i = 0; i < 40 && !health("kept"); ++i) {
        runner_->set_checks({kept, script("other" + std::to_string(i), "true")});
        wait([] { return false; }, milliseconds(20));
    }

    EXPECT_EQ(health("kept"), Health::critical);
}

TEST_F(CheckRunner, a_check_that_is_removed_is_not_reported_any_more) {
    start();
    runner_->set_checks({script("slow", "sleep 30"), script("quick", "true")});
    ASSERT_TRUE(wait([&] { return metric("roster_checks_running") > 0 && health("quick"); }));
    ASSERT_TRUE(wait([&] { return metric("roster_checks_running") == 1; }));

    runner_->set_checks({});

    EXPECT_TRUE(wait([&] { return metric("roster_checks_running") == 0; }));
    EXPECT_FALSE(health("slow"));
    EXPECT_EQ(metric("roster_checks"), 0);
}

TEST_F(CheckRunner, a_changed_definition_starts_anew) {
    start();
    runner_->set_checks({script("c", "true")});
    ASSERT_TRUE(wait([&] { return health("c") == Health::passing; }));

    runner_->set_checks({script("c", "false")});

    EXPECT_TRUE(wait([&] { return health("c") == Health::warning; }));
}

TEST_F(CheckRunner, at_most_so_many_run_at_once_and_the_rest_is_counted) {
    start(2);
    std::vector<Check> many;
    for (int i = 0; i < 6; ++i) many.push_back(script("c" + std::to_string(i), "sleep 0.05"));

    runner_->set_checks(many);
    bool too_many = false;
    const bool all = wait([&] {
        too_many = too_many || metric("roster_checks_running") > 2;
        return reported_.size() == 6;
    });

    EXPECT_TRUE(all);
    EXPECT_FALSE(too_many);
    EXPECT_GT(metric("roster_checks_delayed_total"), 0);
}

TEST_F(CheckRunner, a_ttl_check_expires_unless_it_is_reported) {
    start();
    auto ttl = check("ttl", CheckKind::ttl);
    ttl.definition.ttl = milliseconds(100);
    ttl.status = {Health::passing, "fine"};
    runner_->set_checks({ttl});

    for (int i = 0; i < 5; ++i) {
        wait([] { return false; }, milliseconds(50));
        runner_->ttl_reported("ttl", {Health::passing, "still fine"});
    }
    EXPECT_FALSE(health("ttl"));

    ASSERT_TRUE(wait([&] { return health("ttl") == Health::critical; }));
    EXPECT_EQ(reported_["ttl"].back().output,
              "TTL expired (last output before timeout follows): still fine");
    EXPECT_EQ(metric("roster_checks_failures_total", "ttl"), 1);
}

TEST_F(CheckRunner, what_is_critical_for_too_long_is_deregistered_until_it_is_gone) {
    start();
    auto hopeless = script("c", "exit 2");
    hopeless.definition.deregister_critical_after = milliseconds(50);

    runner_->set_checks({hopeless});

    EXPECT_TRUE(wait([&] { return deregistered_.size() >= 2; }));
    EXPECT_EQ(deregistered_.front(), "web");
    runner_->set_checks({});
    const auto so_far = deregistered_.size();
    wait([] { return false; }, milliseconds(100));
    EXPECT_EQ(deregistered_.size(), so_far);
}

TEST_F(CheckRunner, what_recovers_in_time_is_not_deregistered) {
    start();
    auto ttl = check("ttl", CheckKind::ttl);
    ttl.definition.ttl = std::chrono::hours(1);
    ttl.definition.deregister_critical_after = milliseconds(100);
    runner_->set_checks({ttl});

    runner_->ttl_reported("ttl", {Health::passing, ""});
    wait([] { return false; }, milliseconds(200));

    EXPECT_TRUE(deregistered_.empty());
    runner_->ttl_reported("ttl", {Health::critical, "down"});
    EXPECT_TRUE(wait([&] { return !deregistered_.empty(); }));
}

TEST_F(CheckRunner, runs_failures_and_timeouts_are_counted) {
    start();
    auto late = script("late", "sleep 30");
    late.definition.timeout = milliseconds(30);

    runner_->set_checks({late, script("good", "true")});

    EXPECT_TRUE(
        wait([&] { return metric("roster_checks_timeouts_total") >= 1 && health("good"); }));
    EXPECT_GE(metric("roster_checks_runs_total", "script"), 2);
    EXPECT_GE(metric("roster_checks_failures_total", "script"), 1);
    EXPECT_EQ(metric("roster_checks_runs_total", "http"), 0);
    EXPECT_EQ(metric("roster_checks"), 2);
}

TEST_F(CheckRunner, after_stop_nothing_is_reported) {
    start();
    runner_->set_checks({script("c", "true")});

    runner_->stop();
    wait([] { return false; }, milliseconds(100));

    EXPECT_TRUE(reported_.empty());
}

}  // namespace
