#include "coord/client/client.hpp"
#include "tests/support/authority.hpp"
#include "tests/support/run_until.hpp"
#include "tests/support/running_core.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace coord {
namespace {

using std::chrono::milliseconds;

// A client of the core's TLS port.
class ClientTlsTest : public ::testing::Test {
protected:
    ClientTlsTest() {
        put("server", authority_.issue());
        put("client", authority_.issue({.subject = {{"CN", "agent"}}}));
        tests::write_file(file("ca.pem"), authority_.pem);
    }

    [[nodiscard]] std::filesystem::path file(const std::string& name) const {
        return directory_.path() / name;
    }
    void put(const std::string& name, const tests::Issued& issued) const {
        tests::write_file(file(name + ".pem"), issued.pem);
        tests::write_file(file(name + ".key"), issued.key_pem);
    }
    void start_core(ClientCertificate asked = ClientCertificate::optional) {
        ServerOptions options;
        options.tls_listen = {"127.0.0.1:0"};
        options.tls = {.certificate = file("server.pem"),
                       .key = file("server.key"),
                       .authorities = file("ca.pem"),
                       .client_certificate = asked};
        core_.emplace(options);
    }
    [[nodiscard]] ClientTls trusting() const {
        return {.files = {.certificate = {}, .key = {}, .authorities = file("ca.pem")},
                .server_name = {}};
    }
    [[nodiscard]] ClientTls known() const {
        auto tls = trusting();
        tls.files.certificate = file("client.pem");
        tls.files.key = file("client.key");
        return tls;
    }
    void connect(const ClientTls& tls, const std::string& host = "127.0.0.1") {
        ClientOptions options;
        options.connect = host + ":" + std::to_string(core_->tls_port());
        options.tls = tls;
        client_ = std::make_unique<Client>(io_, options);
        client_->start();
    }
    bool becomes_connected() {
        return run_until(io_, [&] { return client_->state() == SessionState::connected; });
    }
    [[nodiscard]] double metric(std::string_view name) const {
        for (const auto& metric : client_->metrics()) {
            if (metric.name == name) return metric.value;
        }
        return -1;
    }
    bool is_refused() {
        return run_until(io_, [&] { return metric("roster_client_tls_failures_total") >= 1; }) &&
               client_->state() == SessionState::connecting;
    }

    boost::asio::io_context io_;
    TemporaryDirectory directory_;
    tests::Authority authority_;
    std::optional<RunningCore> core_;
    std::unique_ptr<Client> client_;
};

TEST_F(ClientTlsTest, a_session_works_over_tls_with_large_values_both_ways) {
    start_core(ClientCertificate::required);
    connect(known());
    ASSERT_TRUE(becomes_connected());
    const std::string value(1'000'000, 'v');

    ASSERT_TRUE(run_task(io_, client_->create("/a", value, CreateMode::persistent)));

    EXPECT_EQ(run_task(io_, client_->get_data("/a")).value().data, value);
    EXPECT_EQ(metric("roster_client_tls_failures_total"), 0);
}

TEST_F(ClientTlsTest, many_operations_at_once_keep_their_order) {
    start_core();
    connect(trusting(), "localhost");
    ASSERT_TRUE(becomes_connected());
    std::vector<std::string> created;
    for (int i = 0; i < 200; ++i) {
        auto ask = [](Client& through, std::vector<std::string>& noted) -> Task<void> {
            const auto made =
                co_await through.create("/s-", "x", CreateMode::persistent_sequential);
            noted.push_back(made ? made->path : "failed");
        };
        spawn(io_, "ask", ask(*client_, created));
    }

    ASSERT_TRUE(run_until(io_, [&] { return created.size() == 200; }));

    EXPECT_TRUE(std::is_sorted(created.begin(), created.end()));
    EXPECT_EQ(created.back(), "/s-0000000199");
}

TEST_F(ClientTlsTest, a_server_of_another_authority_is_refused) {
    put("server", tests::Authority("Stranger").issue());
    start_core();
    connect(trusting());

    EXPECT_TRUE(is_refused());
}

TEST_F(ClientTlsTest, a_server_of_another_name_is_refused_unless_that_is_expected) {
    put("server", authority_.issue({.alternative_names = "DNS:zk.example"}));
    start_core();
    connect(trusting());
    EXPECT_TRUE(is_refused());

    auto expecting = trusting();
    expecting.server_name = "zk.example";
    connect(expecting);
    EXPECT_TRUE(becomes_connected());
}

TEST_F(ClientTlsTest, without_the_certificate_that_is_required_it_is_refused) {
    start_core(ClientCertificate::required);
    connect(trusting());

    EXPECT_TRUE(is_refused());
}

TEST_F(ClientTlsTest, a_plain_server_is_no_tls_server) {
    start_core();
    ClientOptions options;
    options.connect = "127.0.0.1:" + std::to_string(core_->port());
    options.session_timeout = milliseconds(1000);
    options.tls = trusting();
    client_ = std::make_unique<Client>(io_, options);
    client_->start();

    EXPECT_TRUE(is_refused());
}

TEST_F(ClientTlsTest, a_new_certificate_is_used_from_the_next_connection_on) {
    start_core(ClientCertificate::required);
    put("client", tests::Authority("Stranger").issue());
    connect(known());
    ASSERT_TRUE(is_refused());

    put("client", authority_.issue());
    client_->reload_tls();

    EXPECT_TRUE(becomes_connected());
    EXPECT_GE(metric("roster_client_tls_reloads_total"), 1);
}

TEST_F(ClientTlsTest, certificates_that_cannot_be_used_are_refused_at_once) {
    auto tls = known();
    tls.files.key = file("server.key");
    ClientOptions options;
    options.connect = "127.0.0.1:1";
    options.tls = tls;

    EXPECT_THROW(Client(io_, options), std::runtime_error);
}

}  // namespace
}  // namespace coord
