#include "coord/raft/peer_stream.hpp"

#include "tests/support/authority.hpp"
#include "tests/support/run_until.hpp"
#include "tests/support/stream_pair.hpp"

#include <boost/asio/ssl/context.hpp>
#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace coord {
namespace {

namespace asio = boost::asio;
namespace errc = boost::system::errc;
namespace ssl = asio::ssl;
using std::chrono_literals::operator""ms;

std::shared_ptr<ssl::context> tls(const tests::Authority& authority, const std::string& names) {
    const auto issued = authority.issue({.alternative_names = names});
    auto context = std::make_shared<ssl::context>(ssl::context::tls);
    context->use_certificate_chain(asio::buffer(issued.pem));
    context->use_private_key(asio::buffer(issued.key_pem), ssl::context::pem);
    context->add_certificate_authority(asio::buffer(authority.pem));
    context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
    return context;
}

TEST(PeerStream, frames_come_over_it_plain) {
    asio::io_context io;
    const StreamPair pair(io);
    std::string out;
    encode_letter("one", out);
    encode_letter("two", out);

    EXPECT_FALSE(run_task(io, pair.dialled->write(out)));

    EXPECT_EQ(run_task(io, pair.accepted->read_frame()).value().content, "one");
    EXPECT_EQ(run_task(io, pair.accepted->read_frame()).value().content, "two");
    pair.dialled->close();
    EXPECT_EQ(run_task(io, pair.accepted->read_frame()).error(), asio::error::eof);
}

TEST(PeerStream, frames_come_over_it_with_tls_and_the_certificate_says_for_which_host) {
    asio::io_context io;
    const StreamPair pair(io);
    const tests::Authority authority;
    Error accepted = errc::make_error_code(errc::not_connected);
    spawn(io, "accept", [&]() -> Task<void> {
        accepted = co_await pair.accepted->handshake(tls(authority, "IP:127.0.0.1"));
    });
    const auto own = tls(authority, "DNS:Peer.example,IP:127.0.0.9");
    EXPECT_FALSE(run_task(io, pair.dialled->handshake_with(own, "127.0.0.1")));
    ASSERT_TRUE(run_until(io, [&] { return !accepted; }));
    std::string out;
    encode_letter("secret", out);

    EXPECT_FALSE(run_task(io, pair.dialled->write(out)));

    EXPECT_EQ(run_task(io, pair.accepted->read_frame()).value().content, "secret");
    EXPECT_TRUE(pair.accepted->is_certified_for("127.0.0.9"));
    EXPECT_TRUE(pair.accepted->is_certified_for("peer.example"));
    EXPECT_FALSE(pair.accepted->is_certified_for("127.0.0.1"));
    EXPECT_FALSE(pair.accepted->is_certified_for("example"));
}

TEST(PeerStream, a_deadline_closes_it_unless_it_is_taken_back) {
    asio::io_context io;
    const StreamPair pair(io);
    pair.dialled->set_deadline(1ms);
    pair.dialled->clear_deadline();
    pair.accepted->set_deadline(1ms);

    EXPECT_EQ(run_task(io, pair.accepted->read_frame()).error(), errc::timed_out);
    EXPECT_TRUE(pair.accepted->timed_out());
    EXPECT_TRUE(pair.dialled->is_open());
}

TEST(PeerStream, a_port_where_nobody_listens_cannot_be_connected_to) {
    asio::io_context io;
    const auto stream = std::make_shared<PeerStream>(io, 3000ms);
    asio::ip::tcp::acceptor unused(io, {asio::ip::make_address("127.0.0.1"), 0});
    const auto port = std::to_string(unused.local_endpoint().port());
    unused.close();

    EXPECT_EQ(run_task(io, stream->connect("127.0.0.1", port)), errc::connection_refused);
}

}  // namespace
}  // namespace coord
