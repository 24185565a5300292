#include "tests/support/fake_agent.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <thread>

namespace {

namespace asio = boost::asio;

// Answers one question: the same message as a response with this rcode, and perhaps an A record.
class OneAnswer {
public:
    OneAnswer(unsigned char rcode, bool has_record)
        : socket_(io_, {asio::ip::address_v4::loopback(), 0}),
          address_("127.0.0.1:" + std::to_string(socket_.local_endpoint().port())),
          thread_([this, rcode, has_record] { serve(rcode, has_record); }) {}
    ~OneAnswer() { thread_.join(); }
    OneAnswer(const OneAnswer&) = delete;
    OneAnswer& operator=(const OneAnswer&) = delete;

    [[nodiscard]] const std::string& address() const { return address_; }
    [[nodiscard]] const std::string& question() const { return question_; }

private:
    void serve(unsigned char rcode, bool has_record) {
        std::array<char, 512> buffer{};
        asio::ip::udp::endpoint from;
        const auto size = socket_.receive_from(asio::buffer(buffer), from);
        question_.assign(buffer.data() + 12, size - 12);
        std::string reply(buffer.data(), size);
        reply[2] = static_cast<char>(0x84);
        reply[3] = static_cast<char>(rcode);
        reply[7] = has_record ? '\1' : '\0';
        if (has_record) reply += std::string("\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x0a\0\0\1", 16);
        socket_.send_to(asio::buffer(reply), from);
    }

    asio::io_context io_;
    asio::ip::udp::socket socket_;
    std::string address_;
    std::string question_;
    std::thread thread_;
};

TEST(ResolveCommand, a_short_name_is_a_service_of_the_agents_domain) {
    tests::FakeAgent fake([](const auto&, const auto&) {
        return tests::FakeReply{200, R"({"DebugConfig": {"DNSDomain": "x.test"}})"};
    });
    OneAnswer dns(0, true);

    const auto ran = tests::run_command(
        {"resolve", "web", "A", "--dns-addr", dns.address(), "--http-addr", fake.address()});

    EXPECT_EQ(ran.code, agent::exit_ok) << ran.err;
    EXPECT_EQ(ran.out, "web.service.x.test.  1  A  10.0.0.1\n");
}

TEST(ResolveCommand, a_service_is_asked_for_by_srv_and_the_domain_can_be_given) {
    OneAnswer dns(0, false);

    const auto ran =
        tests::run_command({"resolve", "_web._tcp", "--domain", "y", "--dns-addr", dns.address()});

    EXPECT_EQ(ran.code, agent::exit_not_found);
    EXPECT_EQ(ran.err, "roster resolve: _web._tcp.service.y has no SRV records now\n");
    EXPECT_TRUE(dns.question().ends_with(std::string("\1y\0\0\x21\0\1", 7)));
}

TEST(ResolveCommand, json_has_every_record) {
    OneAnswer dns(0, true);

    const auto ran = tests::run_command({"resolve", "a.b", "--json", "--dns-addr", dns.address()});

    EXPECT_EQ(ran.out,
              "[{\"name\":\"a.b.\",\"ttl\":1,\"type\":\"A\",\"data\":\"10.0.0.1\","
              "\"section\":\"answer\"}]\n");
}

TEST(ResolveCommand, what_the_server_says_is_the_exit_code) {
    OneAnswer missing(3, false);
    const auto nowhere = tests::run_command({"resolve", "a.b", "--dns-addr", missing.address()});
    EXPECT_EQ(nowhere.code, agent::exit_not_found);
    EXPECT_EQ(nowhere.err, "roster resolve: a.b does not exist\n");

    OneAnswer refused(5, false);
    const auto no = tests::run_command({"resolve", "a.b", "--dns-addr", refused.address()});
    EXPECT_EQ(no.code, agent::exit_failed);
    EXPECT_EQ(no.err, "roster resolve: a.b: REFUSED (not a name of the agent's domain)\n");
}

TEST(ResolveCommand, wrong_arguments_are_told) {
    EXPECT_EQ(tests::run_command({"resolve", "a.b", "NONSENSE"}).code, agent::exit_usage);
    EXPECT_EQ(tests::run_command({"resolve", "a.b", "--dns-addr", "x"}).code, agent::exit_usage);
}

}  // namespace
