#include "agent/connect.hpp"

#include <boost/asio/error.hpp>

#include <vector>

namespace agent {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

struct Resolved {
    std::vector<tcp::endpoint> endpoints;
    std::string error;
};

coord::Task<Resolved> resolve(tcp::socket::executor_type executor, const HostPort& to) {
    boost::system::error_code no_address;
    const auto address = asio::ip::make_address(to.host, no_address);
    if (!no_address) co_return Resolved{{{address, to.port}}, {}};
    if (to.host == "localhost") {
        co_return Resolved{{{asio::ip::address_v4::loopback(), to.port},
                            {asio::ip::address_v6::loopback(), to.port}},
                           {}};
    }
    tcp::resolver resolver(executor);
    const auto [error, found] =
        co_await resolver.async_resolve(to.host, std::to_string(to.port), coord::use_tuple);
    if (error) co_return Resolved{{}, "cannot resolve " + to.host + ": " + sentence(error)};
    co_return Resolved{{found.begin(), found.end()}, {}};
}

}  // namespace

std::string sentence(const boost::system::error_code& error) {
    if (error == asio::error::eof) return "the connection was closed by the other side";
    auto text = error.message();
    if (const auto origin = text.find(" [system:"); origin != std::string::npos)
        text.resize(origin);
    const bool is_word = text.size() > 1 && text[1] >= 'a' && text[1] <= 'z';
    if (is_word && text[0] >= 'A' && text[0] <= 'Z')
        text[0] = static_cast<char>(text[0] - 'A' + 'a');
    return text;
}

coord::Task<std::string> connect(tcp::socket& socket, HostPort to) {
    const auto resolved = co_await resolve(socket.get_executor(), to);
    if (!resolved.error.empty()) co_return resolved.error;
    std::string why = "it has no address";
    for (const auto& endpoint : resolved.endpoints) {
        boost::system::error_code error;
        socket.close(error);
        const auto [failed] = co_await socket.async_connect(endpoint, coord::use_tuple);
        if (!failed) co_return std::string();
        why = sentence(failed);
        if (failed == asio::error::operation_aborted) break;  // Given up by our caller.
    }
    co_return why;
}

}  // namespace agent
