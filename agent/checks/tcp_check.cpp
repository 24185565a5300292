#include "agent/checks/tcp_check.hpp"

#include "agent/connect.hpp"
#include "agent/endpoint.hpp"
#include "agent/tls_client.hpp"
#include "agent/within.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <utility>

namespace agent {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::chrono::milliseconds default_timeout{10'000};

struct Dial {
    Dial(asio::io_context& io, const CheckDefinition& definition, HostPort where)
        : check(definition), to(std::move(where)), socket(io) {}

    CheckDefinition check;
    HostPort to;
    tcp::socket socket;
};

// Why not; empty: connected. Owns the dial: it goes on for a moment after its deadline.
coord::Task<std::string> run(std::shared_ptr<Dial> dial) {
    auto why = co_await connect(dial->socket, dial->to);
    if (!why.empty() || !dial->check.tcp_use_tls) co_return why;
    auto tls = client_tls();
    asio::ssl::stream<tcp::socket&> stream(dial->socket, tls);
    const auto& given = dial->check.tls_server_name;
    const auto& name = given.empty() ? dial->to.host : given;
    co_return co_await handshake(stream, name, dial->check.tls_skip_verify);
}

}  // namespace

TcpCheck::TcpCheck(asio::io_context& io, CheckDefinition definition)
    : io_(io), definition_(std::move(definition)) {}

coord::Task<ProbeResult> TcpCheck::run() {
    const auto& where = definition_.tcp;
    const auto to = parse_host_port(where);
    ProbeResult result;
    if (!to) {
        result.status.output = "dial tcp " + where + ": not an address of the form host:port";
        co_return result;
    }
    const auto timeout = definition_.timeout.count() > 0 ? definition_.timeout : default_timeout;
    const auto dial = std::make_shared<Dial>(io_, definition_, *to);
    const auto why = co_await within(io_, timeout, "tcp check", agent::run(dial));
    boost::system::error_code ignored;  // Whatever the peer thinks of it, we have our answer.
    dial->socket.close(ignored);
    if (why && why->empty()) {
        result.status = {Health::passing, "TCP connect " + where + ": Success"};
        co_return result;
    }
    result.timed_out = !why;
    result.status.output =
        "dial tcp " + where + ": " + (why ? *why : "timed out after " + format_duration(timeout));
    co_return result;
}

}  // namespace agent
