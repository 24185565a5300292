#pragma once
// A deadline for work that cannot be interrupted everywhere, such as asking the system's resolver.
//
// Fed by:  http_client, checks/tcp_check.
// Thread:  the one that runs `io`.
// Holds:   the caller goes on at the deadline. The work goes on too, so it must own what it uses;
//          its result is dropped. Closing its sockets makes that short.

#include "coord/base/async.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace agent {

template <class T>
struct Awaited {
    explicit Awaited(boost::asio::io_context& io) : over(io) {}

    boost::asio::steady_timer over;  // ends when the value is there, or the time is over
    std::optional<T> value;
};

template <class T>
coord::Task<void> complete(std::shared_ptr<Awaited<T>> awaited, coord::Task<T> work) {
    awaited->value = co_await std::move(work);
    awaited->over.cancel();
}

// Nothing: the time was over first.
template <class T>
coord::Task<std::optional<T>> within(boost::asio::io_context& io,
                                     std::chrono::milliseconds timeout,
                                     std::string_view task,
                                     coord::Task<T> work) {
    const auto awaited = std::make_shared<Awaited<T>>(io);
    awaited->over.expires_after(timeout);
    coord::spawn(io, task, complete(awaited, std::move(work)));
    // Work that never had to wait is over by now.
    if (!awaited->value) co_await awaited->over.async_wait(coord::use_tuple);
    co_return std::move(awaited->value);
}

}  // namespace agent
