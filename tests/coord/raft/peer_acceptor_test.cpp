#include "coord/raft/peer_acceptor.hpp"

#include "tests/support/run_until.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace coord {
namespace {

using boost::asio::ip::tcp;
using testing::HasSubstr;

TEST(PeerAcceptor, welcomes_who_comes_until_it_is_stopped) {
    boost::asio::io_context io;
    const auto acceptor = std::make_shared<PeerAcceptor>(io, "127.0.0.1:0");
    int welcomed = 0;
    acceptor->start([&](const tcp::socket& socket) { welcomed += socket.is_open() ? 1 : 0; });
    const tcp::endpoint there(boost::asio::ip::make_address("127.0.0.1"), acceptor->port());
    tcp::socket one(io);
    one.connect(there);
    tcp::socket two(io);
    two.connect(there);

    EXPECT_TRUE(run_until(io, [&] { return welcomed == 2; }));

    acceptor->stop();
    boost::system::error_code refused;
    tcp::socket(io).connect(there, refused);
    EXPECT_TRUE(refused);
}

std::string complaint(const std::string& where) {
    boost::asio::io_context io;
    try {
        const PeerAcceptor acceptor(io, where);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "none";
}

TEST(PeerAcceptor, says_why_it_cannot_listen) {
    boost::asio::io_context io;
    const PeerAcceptor taken(io, "127.0.0.1:0");

    EXPECT_THAT(complaint("127.0.0.1:" + std::to_string(taken.port())),
                HasSubstr("address already in use"));
    EXPECT_THAT(complaint("here"), HasSubstr("expected host:port"));
    EXPECT_THAT(complaint("192.0.2.1:2888"),
                HasSubstr("cannot listen for peers on 192.0.2.1:2888"));
}

}  // namespace
}  // namespace coord
