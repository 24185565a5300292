#include "coord/server/client_port.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace coord {
namespace {

using boost::asio::ip::make_address;

TEST(ClientPort, is_opened_by_address_and_by_name) {
    boost::asio::io_context io;
    for (const std::string where : {"127.0.0.1:0", "[::1]:0", "localhost:0"}) {
        const auto bound = listen_on(io, where).local_endpoint();
        EXPECT_NE(bound.port(), 0) << where;
        EXPECT_TRUE(bound.address().is_loopback()) << where;
    }
}

TEST(ClientPort, says_in_one_line_what_is_wrong_with_an_address) {
    boost::asio::io_context io;
    for (const auto& [where, why] : std::vector<std::pair<std::string, std::string>>{
             {"2181", "expected host:port"},
             {"127.0.0.1:", "bad port"},
             {"127.0.0.1:http", "bad port"},
             {"127.0.0.1:99999", "bad port"},
             {"no.such.host.invalid:2181", "unknown host"},
             {"192.0.2.1:0", "Cannot assign requested address"}}) {
        try {
            listen_on(io, where);
            ADD_FAILURE() << where;
        } catch (const std::runtime_error& error) {
            EXPECT_EQ(error.what(), "cannot listen on " + where + ": " + why);
        }
    }
}

TEST(ClientPort, knows_an_ipv4_client_that_comes_by_ipv6) {
    const auto address = [](const char* text) { return format(unmapped({make_address(text), 7})); };
    EXPECT_EQ(address("::ffff:192.0.2.1"), "192.0.2.1:7");
    EXPECT_EQ(address("192.0.2.1"), "192.0.2.1:7");
    EXPECT_EQ(address("2001:db8::1"), "[2001:db8::1]:7");
}

}  // namespace
}  // namespace coord
