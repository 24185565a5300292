#pragma once
// An upstream server in the test's process, over UDP and TCP on one port, that says what a script
// says: nothing, something wrong, or the right thing.
//
// Fed by:  tests of the forwarder.
// Thread:  one of its own; the script runs there.

#include "tests/support/upstream_messages.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace support {

class FakeUpstream {
public:
    using Octets = std::vector<std::uint8_t>;
    // The messages to send back, in order.
    using Script = std::function<std::vector<Octets>(const Octets& query, bool tcp)>;

    explicit FakeUpstream(Script script)
        : script_(std::move(script)),
          acceptor_(io_, {boost::asio::ip::make_address("127.0.0.1"), 0}),
          udp_(io_, {acceptor_.local_endpoint().address(), acceptor_.local_endpoint().port()}) {
        receive();
        accept();
        thread_ = std::thread([this] { io_.run(); });
    }
    ~FakeUpstream() {
        io_.stop();
        thread_.join();
    }

    [[nodiscard]] std::string address() const {
        return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
    }
    [[nodiscard]] unsigned queries() const { return queries_; }
    [[nodiscard]] unsigned tcp_queries() const { return tcp_queries_; }
    // From how many ports it was asked over UDP.
    [[nodiscard]] std::size_t ports() const {
        const std::scoped_lock lock(mutex_);
        return ports_.size();
    }

private:
    void receive() {
        udp_.async_receive_from(boost::asio::buffer(room_), from_, [this](auto error, auto n) {
            if (error) return;
            ++queries_;
            {
                const std::scoped_lock lock(mutex_);
                ports_.insert(from_.port());
            }
            for (const auto& reply :
                 script_({room_.begin(), room_.begin() + static_cast<int>(n)}, false)) {
                udp_.send_to(boost::asio::buffer(reply), from_);
            }
            receive();
        });
    }

    void accept() {
        acceptor_.async_accept([this](auto error, auto socket) {
            if (error) return;
            serve(std::make_shared<boost::asio::ip::tcp::socket>(std::move(socket)));
            accept();
        });
    }

    // One query of each connection.
    void serve(const std::shared_ptr<boost::asio::ip::tcp::socket>& socket) {
        auto length = std::make_shared<std::array<std::uint8_t, 2>>();
        boost::asio::async_read(*socket, boost::asio::buffer(*length), [=, this](auto error, auto) {
            if (error) return;
            auto query = std::make_shared<Octets>((*length)[0] << 8U | (*length)[1]);
            boost::asio::async_read(
                *socket, boost::asio::buffer(*query), [=, this](auto failed, auto) {
                    if (failed) return;
                    ++queries_;
                    ++tcp_queries_;
                    for (auto reply : script_(*query, true)) {
                        const std::size_t size = reply.size();
                        reply.insert(reply.begin(),
                                     {static_cast<std::uint8_t>(size >> 8U),
                                      static_cast<std::uint8_t>(size)});
                        boost::asio::write(*socket, boost::asio::buffer(reply));
                    }
                    kept_.push_back(socket);
                });
        });
    }

    Script script_;
    boost::asio::io_context io_;
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::ip::udp::socket udp_;
    std::array<std::uint8_t, 4096> room_{};
    boost::asio::ip::udp::endpoint from_;
    std::atomic<unsigned> queries_{0};
    std::atomic<unsigned> tcp_queries_{0};
    mutable std::mutex mutex_;
    std::set<std::uint16_t> ports_;
    std::vector<std::shared_ptr<boost::asio::ip::tcp::socket>> kept_;  // silent ones stay open
    std::thread thread_;
};

}  // namespace support
