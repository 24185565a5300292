#include "coord/server/tls_channel.hpp"

#include "coord/proto/error.hpp"
#include "tests/support/authority.hpp"
#include "tests/support/run_until.hpp"
#include "tests/support/running_core.hpp"
#include "tests/support/wire_client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <openssl/pem.h>

namespace coord {
namespace {

using std::chrono::milliseconds;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

using Who = std::vector<std::pair<std::string, std::string>>;

// A core with a TLS port, and clients of it.
class TlsPort : public ::testing::Test {
protected:
    TlsPort() {
        put("server", authority_.issue());
        put("client", authority_.issue({.subject = {{"O", "Example"}, {"CN", "web, 1"}}}));
        tests::write_file(file("ca.pem"), authority_.pem);
        options_.tls_listen = {"127.0.0.1:0"};
        options_.tls = {.certificate = file("server.pem"),
                        .key = file("server.key"),
                        .authorities = file("ca.pem"),
                        .client_certificate = ClientCertificate::optional,
                        .look_every = milliseconds(5)};
    }

    [[nodiscard]] std::filesystem::path file(const std::string& name) const {
        return directory_.path() / name;
    }
    void put(const std::string& name, const tests::Issued& issued) const {
        tests::write_file(file(name + ".pem"), issued.pem);
        tests::write_file(file(name + ".key"), issued.key_pem);
    }
    RunningCore& start() { return core_.emplace(options_); }

    // A connection, with the certificate in these files, or none.
    std::unique_ptr<WireClient> connect(const std::string& certificate = "") {
        TlsOptions own{.certificate = {}, .key = {}, .authorities = file("ca.pem")};
        if (!certificate.empty()) {
            own.certificate = file(certificate + ".pem");
            own.key = file(certificate + ".key");
        }
        const TlsContext tls(io_, "client", TlsRole::client, own);
        return std::make_unique<WireClient>(core_->tls_port(), tls.current()->native_handle());
    }
    // In TLS 1.3 a client learns last what the server says of its certificate: by an alert instead
    // of an answer.
    static std::string refusal(WireClient& client) {
        if (!client.tls_error().empty()) return client.tls_error();
        ::ERR_clear_error();
        client.open();
        const auto* const reason = ::ERR_reason_error_string(::ERR_peek_error());
        return reason != nullptr ? reason : "";
    }
    Who who(WireClient& client) {
        const auto reply = client.ask(WireClient::request(1, OpCode::who_am_i));
        Decoder in(reply.body);
        Who found;
        for (int left = in.int32(); left > 0; --left) {
            const auto scheme = in.ustring();
            found.emplace_back(scheme, in.ustring());
        }
        return found;
    }
    [[nodiscard]] double failures(std::string_view reason) const {
        return core_->metric("roster_coord_tls_handshake_failures_total", reason);
    }
    [[nodiscard]] bool comes_to(std::string_view reason, double count) {
        return run_until(io_, [&] { return failures(reason) == count; });
    }

    boost::asio::io_context io_;
    TemporaryDirectory directory_;
    tests::Authority authority_;
    ServerOptions options_;
    std::optional<RunningCore> core_;
};

TEST_F(TlsPort, serves_as_the_plain_port_does_and_both_see_the_same_tree) {
    start();
    WireClient plain(core_->port());
    plain.open();
    const auto client = connect();
    ASSERT_EQ(client->tls_error(), "");
    client->open();

    EXPECT_EQ(client->ask(WireClient::create(1, "/a")).header.error, 0);

    EXPECT_EQ(plain.ask(WireClient::read(1, OpCode::exists, "/a")).header.error, 0);
    EXPECT_EQ(core_->metric("roster_coord_tls_handshakes_total"), 1);
    EXPECT_EQ(core_->metric("roster_coord_tls_handshakes"), 0);
}

TEST_F(TlsPort, large_values_and_many_requests_at_once_pass) {
    start();
    const auto client = connect();
    client->open();
    client->ask(WireClient::create(1, "/a"));
    const std::string value(1'000'000, 'v');
    EXPECT_EQ(client->ask(WireClient::set(2, "/a", value)).header.error, 0);

    std::string many;
    for (std::int32_t xid = 3; xid < 23; ++xid) {
        many += WireClient::read(xid, OpCode::get_data, "/a");
    }
    client->send(many);

    for (std::int32_t xid = 3; xid < 23; ++xid) {
        const auto reply = client->read_reply();
        ASSERT_EQ(reply.header.xid, xid);
        ASSERT_EQ(Decoder(reply.body).buffer(), value);
    }
}

TEST_F(TlsPort, a_request_in_the_smallest_of_records_arrives) {
    start();
    const auto client = connect();
    client->open();

    for (const char byte : WireClient::create(1, "/a")) client->send({&byte, 1});

    EXPECT_EQ(client->read_reply().header.error, 0);
}

TEST_F(TlsPort, answers_four_letter_words) {
    start();
    connect()->open();  // It serves from now on.
    const auto client = connect();
    client->send("ruok");
    EXPECT_EQ(client->read_all(), "imok");
    WireClient plain(core_->port());
    plain.send("conf");
    EXPECT_NE(plain.read_all().find("secureClientPort=" + std::to_string(core_->tls_port()) + "\n"),
              std::string::npos);
}

TEST_F(TlsPort, a_client_certificate_gives_an_x509_identity) {
    options_.super_subject = "CN=root";
    put("super", authority_.issue({.subject = {{"CN", "root"}}}));
    put("nameless", authority_.issue({.subject = {}}));
    start();
    const auto known = connect("client");
    known->open();
    EXPECT_EQ(who(*known), (Who{{"ip", "127.0.0.1"}, {"x509", R"(CN=web\, 1,O=Example)"}}));
    const auto unknown = connect();
    unknown->open();
    EXPECT_EQ(who(*unknown), (Who{{"ip", "127.0.0.1"}}));
    const auto nameless = connect("nameless");
    nameless->open();
    EXPECT_EQ(who(*nameless), (Who{{"ip", "127.0.0.1"}}));
    const auto super = connect("super");
    super->open();
    EXPECT_EQ(who(*super), (Who{{"ip", "127.0.0.1"}, {"super", ""}, {"x509", "CN=root"}}));
}

TEST_F(TlsPort, what_belongs_to_a_certificate_is_closed_to_others) {
    start();
    const auto owner = connect("client");
    owner->open();
    CreateRequest create;
    create.path = "/mine";
    create.data = "secret";
    create.acl = std::vector<Acl>{{31, {"auth", ""}}};
    ASSERT_EQ(owner
                  ->ask(WireClient::request(
                      1, OpCode::create, WireClient::encoded(create, OpCode::create)))
                  .header.error,
              0);

    WireClient plain(core_->port());
    plain.open();

    EXPECT_EQ(plain.ask(WireClient::read(1, OpCode::get_data, "/mine")).header.error,
              static_cast<std::int32_t>(Errc::no_auth));
    EXPECT_EQ(owner->ask(WireClient::read(2, OpCode::get_data, "/mine")).header.error, 0);
}

TEST_F(TlsPort, a_certificate_that_is_required_must_be_there_and_good) {
    options_.tls.client_certificate = ClientCertificate::required;
    put("expired", authority_.issue({.valid_from = -7200, .valid_until = -60}));
    put("stranger", tests::Authority("Stranger").issue());
    start();

    auto client = connect();
    EXPECT_EQ(refusal(*client), "tlsv13 alert certificate required");
    client = connect("expired");
    EXPECT_EQ(refusal(*client), "sslv3 alert certificate expired");
    client = connect("stranger");
    EXPECT_EQ(refusal(*client), "tlsv1 alert unknown ca");
    client = connect("client");
    EXPECT_EQ(refusal(*client), "");

    EXPECT_EQ(failures("no_certificate"), 1);
    EXPECT_EQ(failures("certificate_refused"), 2);
}

TEST_F(TlsPort, a_client_that_does_not_trust_the_server_is_counted) {
    put("server", tests::Authority("Stranger").issue());
    start();

    const auto client = connect();

    EXPECT_EQ(client->tls_error(), "certificate verify failed");
    EXPECT_TRUE(comes_to("refused_by_client", 1));
}

TEST_F(TlsPort, what_is_no_tls_is_closed_and_harms_nobody) {
    start();
    const auto good = connect();
    good->open();
    for (const auto* bytes :
         {"GET / HTTP/1.1\r\n\r\n", "ruok\r\n\r\n", "\xff\xff\xff\xff\xff\xff\xff\xff"}) {
        WireClient garbage(core_->tls_port());
        garbage.send(bytes);
        garbage.read_all();
    }
    WireClient client(core_->tls_port());
    EXPECT_FALSE(client.open());
    EXPECT_EQ(failures("not_tls") + failures("malformed"), 4);

    WireClient gone(core_->tls_port());
    gone.close();
    EXPECT_TRUE(comes_to("cut", 1));
    EXPECT_EQ(good->ask(WireClient::create(1, "/a")).header.error, 0);
}

TEST_F(TlsPort, half_a_handshake_is_dropped_at_its_deadline) {
    options_.handshake_timeout = milliseconds(100);
    options_.tick = milliseconds(50);
    start();
    WireClient silent(core_->tls_port());
    WireClient half(core_->tls_port());
    half.send(
        std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));  // a ClientHello
    const auto idle = connect();  // TLS, and no ConnectRequest

    EXPECT_TRUE(silent.is_closed());
    EXPECT_TRUE(half.is_closed());
    EXPECT_TRUE(idle->is_closed());
    EXPECT_EQ(failures("timeout"), 2);
    EXPECT_EQ(core_->metric("roster_coord_connections_dropped_total", "handshake_timeout"), 1);
}

// Slow loris: its bytes do not move the deadline.
TEST_F(TlsPort, a_handshake_in_drops_is_dropped_at_its_deadline) {
    options_.handshake_timeout = milliseconds(200);
    options_.tick = milliseconds(50);
    start();
    WireClient slow(core_->tls_port());
    const auto hello =
        std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + std::string(400, 'x');
    std::size_t sent = 0;
    auto next = std::chrono::steady_clock::now();

    ASSERT_TRUE(run_until(io_, [&] {
        if (sent < hello.size() && std::chrono::steady_clock::now() >= next) {
            slow.send({&hello.at(sent++), 1});
            next += milliseconds(5);
        }
        return failures("timeout") == 1;
    }));

    EXPECT_LT(sent, hello.size());
}

TEST_F(TlsPort, a_crowd_of_handshakes_all_succeed_while_others_are_served) {
    start();
    WireClient plain(core_->port());
    plain.open();
    std::vector<std::unique_ptr<WireClient>> half;
    for (int i = 0; i < 50; ++i) half.push_back(std::make_unique<WireClient>(core_->tls_port()));
    std::vector<std::unique_ptr<WireClient>> crowd;
    for (int i = 0; i < 20; ++i) crowd.push_back(connect("client"));

    EXPECT_EQ(plain.ask(WireClient::create(1, "/a")).header.error, 0);
    for (auto& client : crowd) EXPECT_TRUE(client->open());
    EXPECT_EQ(core_->metric("roster_coord_tls_handshakes"), 50);
    half.clear();
    EXPECT_TRUE(run_until(io_, [&] { return core_->metric("roster_coord_tls_handshakes") == 0; }));
}

TEST_F(TlsPort, connections_are_limited_as_plain_ones_are) {
    options_.connections_max = 2;
    start();
    WireClient plain(core_->port());
    plain.open();
    const auto client = connect();
    client->open();

    const auto refused = connect();

    EXPECT_NE(refused->tls_error(), "");
    EXPECT_EQ(core_->metric("roster_coord_connections_refused_total", "connections_max"), 1);
}

TEST_F(TlsPort, a_changed_certificate_is_taken_up_and_connections_live_on) {
    start();
    const auto before = connect("client");
    before->open();
    put("server", authority_.issue({.subject = {{"CN", "renewed"}}}));

    ASSERT_TRUE(
        run_until(io_, [&] { return core_->metric("roster_coord_tls_reloads_total") == 1; }));

    const auto after = connect("client");
    EXPECT_EQ(tls_peer(after->tls()).value().subject, "CN=renewed");
    EXPECT_EQ(before->ask(WireClient::create(1, "/a")).header.error, 0);
    EXPECT_THAT(
        who(*before),
        UnorderedElementsAre(Pair("ip", "127.0.0.1"), Pair("x509", R"(CN=web\, 1,O=Example)")));
}

TEST_F(TlsPort, a_resumed_session_has_the_identity_of_its_certificate) {
    start();
    const TlsContext tls(io_,
                         "client",
                         TlsRole::client,
                         {.certificate = file("client.pem"),
                          .key = file("client.key"),
                          .authorities = file("ca.pem")});
    auto* const context = tls.current()->native_handle();
    WireClient first(core_->tls_port(), context);
    first.open();
    const std::unique_ptr<SSL_SESSION, decltype(&::SSL_SESSION_free)> ticket(
        ::SSL_get1_session(first.tls()), &::SSL_SESSION_free);
    ASSERT_EQ(::SSL_SESSION_is_resumable(ticket.get()), 1);

    WireClient second(core_->tls_port(), context, ticket.get());
    second.open();

    EXPECT_EQ(::SSL_session_reused(second.tls()), 1);
    EXPECT_EQ(who(second), (Who{{"ip", "127.0.0.1"}, {"x509", R"(CN=web\, 1,O=Example)"}}));
}

}  // namespace
}  // namespace coord
