#pragma once
// An embedded core on a free loopback port, in a thread and a directory of its own.
//
// Fed by:  tests that need a server to talk to.
// Thread:  the test's; the server runs on the one it starts and is reached through its sockets.

#include "coord/server/server.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <filesystem>
#include <memory>
#include <stdlib.h>
#include <string>
#include <thread>
#include <utility>

namespace coord {

class TemporaryDirectory {
public:
    TemporaryDirectory() {
        auto name = (std::filesystem::temp_directory_path() / "roster-test-XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

class RunningCore {
public:
    explicit RunningCore(ServerOptions options = {}, const std::string& host = "127.0.0.1")
        : options_(std::move(options)), host_(host) {
        options_.listen = {host_ + ":0"};
        if (options_.data_dir.empty()) options_.data_dir = directory_.path();
        start();
    }
    ~RunningCore() { stop(); }
    RunningCore(const RunningCore&) = delete;
    RunningCore& operator=(const RunningCore&) = delete;

    void start() {
        io_ = std::make_unique<boost::asio::io_context>();
        server_ = std::make_unique<Server>(*io_, options_);
        server_->start();
        port_ = server_->ports().front();
        tls_port_ = server_->ports().back();
        options_.listen = {host_ + ":" + std::to_string(port_)};  // the same after a restart
        thread_ = std::thread([this] {
            const auto work = boost::asio::make_work_guard(*io_);
            io_->run();
        });
    }
    void stop() {
        if (!server_) return;
        boost::asio::post(*io_, [this] {
            server_->stop();
            io_->stop();
        });
        thread_.join();
        server_.reset();
        io_.reset();
    }
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::uint16_t tls_port() const { return tls_port_; }  // if it was asked for
    [[nodiscard]] Server& server() { return *server_; }
    [[nodiscard]] boost::asio::io_context& io() { return *io_; }
    [[nodiscard]] double metric(std::string_view name, std::string_view reason = {}) const {
        for (const auto& metric : server_->metrics()) {
            if (metric.name != name) continue;
            if (reason.empty() || metric.labels.at(0).second == reason) return metric.value;
        }
        return -1;
    }

private:
    TemporaryDirectory directory_;
    ServerOptions options_;
    std::string host_;
    std::unique_ptr<boost::asio::io_context> io_;
    std::unique_ptr<Server> server_;
    std::thread thread_;
    std::uint16_t port_ = 0;
    std::uint16_t tls_port_ = 0;
};

}  // namespace coord
