#pragma once
// A thread of its own for work that waits for the disk.
//
// Fed by:  LogWriter and SnapshotTaker, each with its own.
// Thread:  post() from any; what is posted runs here, one at a time and in order.
// Holds:   what was posted before stop() is done when stop() returns.

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <thread>
#include <utility>

namespace coord {

class Worker {
public:
    Worker() : io_(1), work_(io_.get_executor()), thread_([this] { io_.run(); }) {}
    ~Worker() { stop(); }
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    template <class Job>
    void post(Job&& job) {
        boost::asio::post(io_, std::forward<Job>(job));
    }

    void stop() {
        work_.reset();
        if (thread_.joinable()) thread_.join();
    }

private:
    boost::asio::io_context io_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    std::thread thread_;
};

}  // namespace coord
