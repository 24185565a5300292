#include "tests/support/faulty_link.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <list>
#include <utility>

namespace coord {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

struct Pair {
    explicit Pair(asio::io_context& io) : client(io), server(io) {}
    void cut() {
        Error ignored;
        client.close(ignored);
        server.close(ignored);
    }
    tcp::socket client;
    tcp::socket server;
};

}  // namespace

struct FaultyLink::State : std::enable_shared_from_this<FaultyLink::State> {
    State(asio::io_context& context, std::uint16_t port)
        : io(context),
          acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
          target(asio::ip::address_v4::loopback(), port),
          changed(context) {
        changed.expires_at(asio::steady_timer::time_point::max());
    }

    Task<void> accept() {
        const auto self = shared_from_this();
        while (acceptor.is_open()) {
            auto pair = std::make_shared<Pair>(io);
            const auto [error] = co_await acceptor.async_accept(pair->client, use_tuple);
            if (error) co_return;
            ++accepted;
            if (!open) continue;
            pairs.push_back(pair);
            spawn(io, "faulty_link", [self, pair] { return self->join(pair); });
        }
    }

    Task<void> join(std::shared_ptr<Pair> pair) {
        const auto self = shared_from_this();
        const auto [error] = co_await pair->server.async_connect(target, use_tuple);
        if (error) co_return pair->cut();
        pair->server.set_option(tcp::no_delay(true));
        pair->client.set_option(tcp::no_delay(true));
        spawn(io, "faulty_link", [self, pair] { return self->pump(pair, false); });
        co_await pump(pair, true);
        pairs.remove(pair);
    }

    Task<void> pump(std::shared_ptr<Pair> pair, bool from_server) {
        const auto self = shared_from_this();
        auto& in = from_server ? pair->server : pair->client;
        auto& out = from_server ? pair->client : pair->server;
        std::array<char, 16384> bytes{};
        while (true) {
            const auto [error, read] = co_await in.async_read_some(asio::buffer(bytes), use_tuple);
            if (error) co_return pair->cut();
            auto size = read;
            while (silent) co_await changed.async_wait(use_tuple);
            if (delay.count() > 0) {
                asio::steady_timer held(io, delay);
                co_await held.async_wait(use_tuple);
            }
            const bool last = from_server && left && size >= *left;
            if (last) size = *left;
            if (from_server && left) *left -= size;
            const auto [broken, written] =
                co_await asio::async_write(out, asio::buffer(bytes.data(), size), use_tuple);
            if (broken) co_return pair->cut();
            if (last) {
                left.reset();
                cut();
            }
        }
    }

    void cut() {
        for (const auto& pair : pairs) pair->cut();
    }

    asio::io_context& io;
    tcp::acceptor acceptor;
    tcp::endpoint target;
    asio::steady_timer changed;  // cancelled when `silent` changes
    std::list<std::shared_ptr<Pair>> pairs;
    std::size_t accepted = 0;
    std::optional<std::size_t> left;
    std::chrono::milliseconds delay{0};
    bool open = true;
    bool silent = false;
};

FaultyLink::FaultyLink(asio::io_context& io, std::uint16_t server_port)
    : state_(std::make_shared<State>(io, server_port)) {
    spawn(io, "faulty_link", [state = state_] { return state->accept(); });
}

FaultyLink::~FaultyLink() {
    Error ignored;
    state_->acceptor.close(ignored);
    set_silent(false);
    cut();
}

std::uint16_t FaultyLink::port() const { return state_->acceptor.local_endpoint().port(); }
std::size_t FaultyLink::accepted() const { return state_->accepted; }
void FaultyLink::cut() { state_->cut(); }
void FaultyLink::cut_after(std::size_t bytes_from_server) { state_->left = bytes_from_server; }
void FaultyLink::set_open(bool open) { state_->open = open; }
void FaultyLink::set_silent(bool silent) {
    state_->silent = silent;
    state_->changed.cancel();
}
void FaultyLink::set_delay(std::chrono::milliseconds delay) { state_->delay = delay; }

}  // namespace coord
