#pragma once
// The way from the http thread to the agent thread and back.
//
// Fed by:  handlers that need Registrar, KvStore or Journal; publications from the agent thread.
// Read by: the http thread.
// Thread:  run() on the http thread; post() and close() on any. A mutex guards whether the http
//          io_context may still be posted to: the agent outlives it and may reply late.
// Holds:   what the agent posts arrives in the order of posting, so a reply never overtakes the
//          publication that was made before it.
// Fails:   run() yields nothing when `patience` ran out; the work goes on and its result is lost.

#include "coord/base/async.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace http {

class AgentDoor {
public:
    AgentDoor(boost::asio::io_context& http_io, boost::asio::io_context& agent_io);

    // Runs `work` on the agent thread. It holds by value whatever it needs of the request.
    template <class T>
    coord::Task<std::optional<T>> run(std::function<coord::Task<T>()> work,
                                      std::chrono::milliseconds patience);
    // Runs `work` on the http thread, or never when that has stopped.
    void post(std::function<void()> work);
    void close();

private:
    struct Hinge;

    template <class T>
    struct Exchange {
        std::optional<T> value;
        boost::asio::steady_timer* waiting = nullptr;  // touched on the http thread only
    };

    static void post(Hinge& hinge, std::function<void()> work);

    boost::asio::io_context& http_io_;
    boost::asio::io_context& agent_io_;
    std::shared_ptr<Hinge> hinge_;
};

template <class T>
coord::Task<std::optional<T>> AgentDoor::run(std::function<coord::Task<T>()> work,
                                             std::chrono::milliseconds patience) {
    auto exchange = std::make_shared<Exchange<T>>();
    boost::asio::steady_timer timer(http_io_, patience);
    exchange->waiting = &timer;
    auto errand = [hinge = hinge_, exchange, work = std::move(work)]() -> coord::Task<void> {
        auto value = std::make_shared<T>(co_await work());
        post(*hinge, [exchange, value] {
            exchange->value = std::move(*value);
            if (exchange->waiting != nullptr) exchange->waiting->cancel();
        });
    };
    coord::spawn(agent_io_, "http errand", std::move(errand));
    co_await timer.async_wait(coord::use_tuple);
    exchange->waiting = nullptr;
    co_return std::move(exchange->value);
}

}  // namespace http
