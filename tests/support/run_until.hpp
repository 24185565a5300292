#pragma once
// Runs an event loop until something is true: what a test does instead of sleeping.

#include "coord/base/async.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <utility>

namespace coord {

inline constexpr std::chrono::seconds test_patience{20};

// True once `done()` is; false when `patience` was not enough.
template <class Done>
bool run_until(boost::asio::io_context& io,
               Done done,
               std::chrono::milliseconds patience = test_patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    io.restart();
    while (!done()) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        if (io.stopped()) io.restart();
        io.run_one_for(std::chrono::milliseconds(10));
    }
    return true;
}

// Runs the loop until the task is through, and returns what it returned.
template <class T>
T run_task(boost::asio::io_context& io, Task<T> task) {
    std::optional<T> result;
    auto keep = [](Task<T> awaited, std::optional<T>& kept) -> Task<void> {
        kept.emplace(co_await std::move(awaited));
    };
    spawn(io, "run_task", keep(std::move(task), result));
    if (!run_until(io, [&] { return result.has_value(); })) throw std::runtime_error("task hangs");
    return std::move(*result);
}

inline void run_task(boost::asio::io_context& io, Task<void> task) {
    bool done = false;
    auto keep = [](Task<void> awaited, bool& kept) -> Task<void> {
        co_await std::move(awaited);
        kept = true;
    };
    spawn(io, "run_task", keep(std::move(task), done));
    if (!run_until(io, [&] { return done; })) throw std::runtime_error("task hangs");
}

}  // namespace coord
