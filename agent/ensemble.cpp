#include "agent/ensemble.hpp"

#include "agent/connect.hpp"
#include "agent/within.hpp"
#include "coord/base/async.hpp"
#include "coord/client/hosts.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <cassert>
#include <cstdint>
#include <mutex>
#include <utility>

namespace agent {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::size_t answer_bytes_max = 4096;  // "srvr" takes some hundred

// What the server says to "srvr"; as much as came before the connection ended.
coord::Task<std::string> ask(std::shared_ptr<tcp::socket> socket, HostPort server) {
    std::string answer;
    const auto failed = co_await connect(*socket, server);
    if (!failed.empty()) co_return answer;
    const std::string word = "srvr";
    co_await asio::async_write(*socket, asio::buffer(word), coord::use_tuple);
    std::array<char, 1024> part{};
    while (answer.size() < answer_bytes_max) {
        const auto [error, size] =
            co_await socket->async_read_some(asio::buffer(part), coord::use_tuple);
        answer.append(part.data(), size);
        if (error) break;
    }
    co_return answer;
}

bool leads(const std::string& answer) {
    return answer.find("\nMode: leader\n") != std::string::npos ||
           answer.find("\nMode: standalone\n") != std::string::npos;
}

}  // namespace

struct Ensemble::State : std::enable_shared_from_this<Ensemble::State> {
    State(asio::io_context& loop, EnsembleOptions given) : io(loop), options(given), pause(loop) {}

    coord::Task<void> search(std::uint64_t number);
    coord::Task<std::string> who_leads();
    void set(const std::string& server) {
        const std::lock_guard lock(mutex);
        leader = server;
    }

    asio::io_context& io;
    EnsembleOptions options;
    asio::steady_timer pause;
    std::vector<HostPort> hosts;
    std::vector<std::string> servers;
    std::uint64_t searches = 0;  // the newest one counts
    mutable std::mutex mutex;
    std::string leader;  // guarded by `mutex`
};

coord::Task<void> Ensemble::State::search(std::uint64_t number) {
    const auto self = shared_from_this();
    for (int round = 0; round < options.rounds_max; ++round) {
        const auto found = co_await who_leads();
        if (number != searches) co_return;
        set(found);
        if (!found.empty()) co_return;
        pause.expires_after(options.ask_again);
        co_await pause.async_wait(coord::use_tuple);
        if (number != searches) co_return;
    }
}

coord::Task<std::string> Ensemble::State::who_leads() {
    for (std::size_t i = 0; i < hosts.size(); ++i) {
        const auto socket = std::make_shared<tcp::socket>(io);
        auto asking = ask(socket, hosts[i]);
        const auto answer =
            co_await within(io, options.answer_timeout, "ask who leads", std::move(asking));
        boost::system::error_code ignored;  // It has served.
        socket->close(ignored);
        if (answer && leads(*answer)) co_return servers[i];
    }
    co_return std::string();
}

Ensemble::Ensemble(asio::io_context& io, const std::string& connect, EnsembleOptions options)
    : state_(std::make_shared<State>(io, options)) {
    const auto parsed = coord::parse_connect_string(connect);
    assert(parsed);
    for (const auto& host : parsed.value().hosts) {
        state_->hosts.push_back({host.name, host.port});
        state_->servers.push_back(format(state_->hosts.back()));
    }
}

Ensemble::~Ensemble() { stop(); }

void Ensemble::find_leader() {
    state_->pause.cancel();
    coord::spawn(state_->io, "find leader", [state = state_, number = ++state_->searches] {
        return state->search(number);
    });
}

void Ensemble::stop() {
    ++state_->searches;
    state_->pause.cancel();
}

const std::vector<std::string>& Ensemble::servers() const { return state_->servers; }

std::string Ensemble::leader() const {
    const std::lock_guard lock(state_->mutex);
    return state_->leader;
}

}  // namespace agent
