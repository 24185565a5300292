#pragma once
// A server for a client to talk to: Apache ZooKeeper, the oracle, or our own core. What a client
// does must be the same on both; a suite says so with
//
//   INSTANTIATE_TEST_SUITE_P(Ensemble, SuiteTest, testing::Values(Oracle::apache));
//   INSTANTIATE_TEST_SUITE_P(Core, SuiteTest, testing::Values(Oracle::core));

#include "tests/support/running_core.hpp"
#include "tests/support/zookeeper_process.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace coord {

enum class Oracle { apache, core };

class TestEnsemble {
public:
    explicit TestEnsemble(Oracle oracle) {
        if (oracle == Oracle::apache) zookeeper_.emplace();
        if (oracle == Oracle::core) core_.emplace();
    }

    [[nodiscard]] std::uint16_t port() const { return core_ ? core_->port() : zookeeper_->port(); }
    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port()); }

    void stop() {
        if (core_) return core_->stop();
        zookeeper_->kill();
    }
    void start() {
        if (core_) return core_->start();
        zookeeper_->start();
    }

private:
    std::optional<ZookeeperProcess> zookeeper_;
    std::optional<RunningCore> core_;
};

// One server for all the tests of a suite.
class EnsembleTest : public testing::TestWithParam<Oracle> {
protected:
    static void TearDownTestSuite() { ensemble.reset(); }

    void SetUp() override {
        if (GetParam() == Oracle::apache && !ZookeeperProcess::available()) {
            GTEST_SKIP() << "Apache ZooKeeper is not installed";
        }
        if (!ensemble) ensemble = std::make_unique<TestEnsemble>(GetParam());
    }

    // A path of the test's own.
    static std::string path_of_test() {
        const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
        return "/" + name.substr(0, name.find('/'));
    }

    static inline std::unique_ptr<TestEnsemble> ensemble;
};

}  // namespace coord
