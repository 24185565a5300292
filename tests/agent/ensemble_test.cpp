#include "agent/ensemble.hpp"

#include "coord/base/async.hpp"
#include "tests/support/run_until.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <array>

namespace agent {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

// A server that says `answer` to everything, or nothing if that is empty.
class FakeServer {
public:
    explicit FakeServer(asio::io_context& io, std::string says)
        : answer(std::move(says)), io_(io), acceptor_(io, {asio::ip::address_v4::loopback(), 0}) {
        coord::spawn(io, "fake server", [this] { return accept(); });
    }
    [[nodiscard]] std::string address() const {
        return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
    }

    std::string answer;
    int asked = 0;

private:
    coord::Task<void> accept() {
        while (true) {
            auto socket = std::make_shared<tcp::socket>(io_);
            const auto [error] = co_await acceptor_.async_accept(*socket, coord::use_tuple);
            if (error) co_return;
            std::array<char, 4> word{};
            co_await socket->async_read_some(asio::buffer(word), coord::use_tuple);
            EXPECT_EQ(std::string_view(word.data(), word.size()), "srvr");
            ++asked;
            if (answer.empty())
                silent_.push_back(socket);
            else
                co_await asio::async_write(*socket, asio::buffer(answer), coord::use_tuple);
        }
    }

    asio::io_context& io_;
    tcp::acceptor acceptor_;
    std::vector<std::shared_ptr<tcp::socket>> silent_;
};

std::string mode(const std::string& name) {
    return "Zookeeper version: 3.8.0\nLatency min/avg/max: 0/0.0/0\nMode: " + name +
           "\nNode count: 5\n";
}

constexpr EnsembleOptions quick{.answer_timeout = std::chrono::milliseconds(200),
                                .ask_again = std::chrono::milliseconds(10),
                                .rounds_max = 1000};

class EnsembleTest : public testing::Test {
protected:
    ~EnsembleTest() override { ensemble_.stop(); }
    bool leads(const FakeServer& server) {
        return coord::run_until(io_, [&] { return ensemble_.leader() == server.address(); });
    }

    asio::io_context io_;
    FakeServer one_{io_, mode("follower")};
    FakeServer two_{io_, mode("leader")};
    FakeServer three_{io_, mode("follower")};
    Ensemble ensemble_{
        io_, one_.address() + "," + two_.address() + "," + three_.address() + "/chroot", quick};
};

TEST_F(EnsembleTest, names_its_servers_and_at_first_no_leader) {
    EXPECT_EQ(ensemble_.servers(), (std::vector{one_.address(), two_.address(), three_.address()}));
    EXPECT_EQ(ensemble_.leader(), "");
}

TEST_F(EnsembleTest, finds_who_leads_and_who_leads_next) {
    ensemble_.find_leader();
    EXPECT_TRUE(leads(two_));

    two_.answer = mode("follower");
    three_.answer = mode("leader");
    ensemble_.find_leader();
    EXPECT_TRUE(leads(three_));
}

TEST_F(EnsembleTest, asks_again_while_nobody_leads) {
    two_.answer = "This ZooKeeper instance is not currently serving requests\n";
    ensemble_.find_leader();
    ASSERT_TRUE(coord::run_until(io_, [&] { return two_.asked >= 3; }));
    EXPECT_EQ(ensemble_.leader(), "");

    one_.answer = mode("leader");

    EXPECT_TRUE(leads(one_));
}

TEST_F(EnsembleTest, does_not_wait_for_a_server_that_says_nothing) {
    one_.answer.clear();

    ensemble_.find_leader();

    EXPECT_TRUE(leads(two_));
}

TEST_F(EnsembleTest, counts_a_lone_server_as_its_leader) {
    one_.answer = mode("standalone");

    ensemble_.find_leader();

    EXPECT_TRUE(leads(one_));
}

}  // namespace
}  // namespace agent
