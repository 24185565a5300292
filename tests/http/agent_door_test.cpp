#include "http/agent_door.hpp"

#include <gtest/gtest.h>

#include <string>

namespace http {
namespace {

using std::chrono::seconds;

TEST(AgentDoor, brings_back_what_the_agent_made) {
    boost::asio::io_context http_io;
    boost::asio::io_context agent_io;
    AgentDoor door(http_io, agent_io);
    std::optional<std::string> answer;

    coord::spawn(http_io, "test", [&]() -> coord::Task<void> {
        std::function<coord::Task<std::string>()> work = []() -> coord::Task<std::string> {
            co_return "done";
        };
        answer = co_await door.run<std::string>(std::move(work), seconds(10));
    });
    http_io.poll();
    EXPECT_FALSE(answer);
    agent_io.run();
    http_io.run();

    EXPECT_EQ(answer, "done");
}

TEST(AgentDoor, gives_up_when_patience_ends_and_takes_a_late_result) {
    boost::asio::io_context http_io;
    boost::asio::io_context agent_io;
    AgentDoor door(http_io, agent_io);
    bool gave_up = false;

    coord::spawn(http_io, "test", [&]() -> coord::Task<void> {
        std::function<coord::Task<int>()> work = []() -> coord::Task<int> { co_return 1; };
        const auto answer = co_await door.run<int>(std::move(work), std::chrono::milliseconds(1));
        gave_up = !answer;
    });
    http_io.run();
    EXPECT_TRUE(gave_up);

    agent_io.run();
    http_io.restart();
    http_io.run();
}

TEST(AgentDoor, lets_nothing_through_once_it_is_closed) {
    auto http_io = std::make_unique<boost::asio::io_context>();
    boost::asio::io_context agent_io;
    AgentDoor door(*http_io, agent_io);
    coord::spawn(*http_io, "test", [&]() -> coord::Task<void> {
        std::function<coord::Task<int>()> work = []() -> coord::Task<int> { co_return 1; };
        co_await door.run<int>(std::move(work), seconds(10));
        ADD_FAILURE() << "the http thread has stopped";
    });
    http_io->poll();

    door.close();
    bool ran = false;
    door.post([&] { ran = true; });
    http_io.reset();
    agent_io.run();

    EXPECT_FALSE(ran);
}

TEST(AgentDoor, keeps_the_order_of_what_the_agent_posts) {
    boost::asio::io_context http_io;
    boost::asio::io_context agent_io;
    AgentDoor door(http_io, agent_io);
    std::string order;

    coord::spawn(http_io, "test", [&]() -> coord::Task<void> {
        std::function<coord::Task<int>()> work = [&]() -> coord::Task<int> {
            door.post([&] { order += "publication "; });
            co_return 1;
        };
        co_await door.run<int>(std::move(work), seconds(10));
        order += "reply";
    });
    http_io.poll();
    agent_io.run();
    http_io.run();

    EXPECT_EQ(order, "publication reply");
}

}  // namespace
}  // namespace http
