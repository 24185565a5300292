#include "coord/base/tls_context.hpp"

#include "coord/base/tls_peer.hpp"
#include "tests/support/authority.hpp"
#include "tests/support/run_until.hpp"
#include "tests/support/temporary_directory.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdexcept>

namespace coord {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

using Session = std::unique_ptr<SSL, decltype(&::SSL_free)>;

Session session(const TlsContext& tls) {
    const auto context = tls.current();
    Session made(::SSL_new(context->native_handle()), &::SSL_free);
    return made;
}

// A client and a server that are joined in memory; both are given their turn until neither gets on.
struct Meeting {
    Meeting(const TlsContext& server_tls, const TlsContext& client_tls)
        : server(session(server_tls)), client(session(client_tls)) {
        BIO* of_server = nullptr;
        BIO* of_client = nullptr;
        ::BIO_new_bio_pair(&of_server, 0, &of_client, 0);
        ::SSL_set_bio(server.get(), of_server, of_server);
        ::SSL_set_bio(client.get(), of_client, of_client);
        ::SSL_set_accept_state(server.get());
        ::SSL_set_connect_state(client.get());
    }
    // What went wrong, at whom first; empty: both are done.
    std::string shake() {
        for (int turn = 0; turn < 10; ++turn) {
            for (auto* one : {client.get(), server.get()}) {
                ::ERR_clear_error();
                const int result = ::SSL_do_handshake(one);
                if (result == 1 || ::SSL_get_error(one, result) == SSL_ERROR_WANT_READ) continue;
                return ::ERR_reason_error_string(::ERR_peek_error());
            }
        }
        // TLS 1.3: the client learns last whether its certificate pleases.
        char byte = 0;
        ::SSL_read(client.get(), &byte, 1);
        return ::SSL_is_init_finished(server.get()) == 1 ? "" : "never done";
    }
    // A byte from the server to the client.
    bool passes() {
        char byte = 'x';
        return ::SSL_write(server.get(), &byte, 1) == 1 && ::SSL_read(client.get(), &byte, 1) == 1;
    }

    Session server;
    Session client;
};

class TlsContextTest : public ::testing::Test {
protected:
    TlsContextTest() {
        put(authority_.issue());
        tests::write_file(directory_.path() / "ca.pem", authority_.pem);
    }

    void put(const tests::Issued& issued) {
        tests::write_file(directory_.path() / "cert.pem", issued.pem);
        tests::write_file(directory_.path() / "key.pem", issued.key_pem);
    }
    [[nodiscard]] TlsOptions options() const {
        return {.certificate = directory_.path() / "cert.pem",
                .key = directory_.path() / "key.pem",
                .authorities = directory_.path() / "ca.pem",
                .client_certificate = ClientCertificate::none,
                .look_every = milliseconds(5)};
    }
    [[nodiscard]] TlsOptions trusting() const {
        return {.certificate = {}, .key = {}, .authorities = directory_.path() / "ca.pem"};
    }
    std::string fault(const TlsOptions& wrong) {
        const auto found = find_fault(TlsRole::server, wrong);
        return found ? found->why : "";
    }
    // The common name that a server of this context shows to a client.
    std::string shown(const TlsContext& tls) {
        const TlsContext client(io_, "client", TlsRole::client, trusting());
        Meeting meeting(tls, client);
        const auto why = meeting.shake();
        if (!why.empty()) return why;
        return tls_peer(meeting.client.get()).value().subject;
    }
    static double metric(const TlsContext& tls, std::string_view name) {
        for (const auto& metric : tls.metrics("x")) {
            if (metric.name == name) return metric.value;
        }
        return -1;
    }

    boost::asio::io_context io_;
    coord::TemporaryDirectory directory_;
    tests::Authority authority_;
};

TEST_F(TlsContextTest, both_ends_know_each_other_by_their_certificates) {
    auto mutual = options();
    mutual.client_certificate = ClientCertificate::required;
    const TlsContext server(io_, "server", TlsRole::server, mutual);
    const TlsContext client(io_, "client", TlsRole::client, mutual);
    Meeting meeting(server, client);
    expect_server(meeting.client.get(), "localhost");

    EXPECT_EQ(meeting.shake(), "");

    EXPECT_TRUE(meeting.passes());
    EXPECT_EQ(tls_peer(meeting.server.get()).value().subject, "CN=localhost");
    EXPECT_THAT(tls_peer(meeting.client.get()).value().dns_names, ElementsAre("localhost"));
}

TEST_F(TlsContextTest, a_server_of_another_name_or_address_is_refused) {
    const TlsContext server(io_, "server", TlsRole::server, options());
    const TlsContext client(io_, "client", TlsRole::client, trusting());
    for (const auto* name : {"other.example", "127.0.0.2"}) {
        Meeting meeting(server, client);
        expect_server(meeting.client.get(), name);
        EXPECT_EQ(meeting.shake(), "certificate verify failed") << name;
    }
    Meeting meeting(server, client);
    expect_server(meeting.client.get(), "127.0.0.1");
    EXPECT_EQ(meeting.shake(), "");
}

TEST_F(TlsContextTest, a_server_of_another_authority_or_time_is_refused) {
    const TlsContext client(io_, "client", TlsRole::client, trusting());
    put(tests::Authority("Stranger").issue());
    const TlsContext strange(io_, "server", TlsRole::server, options());
    EXPECT_EQ(Meeting(strange, client).shake(), "certificate verify failed");

    put(authority_.issue({.valid_from = -7200, .valid_until = -10}));
    const TlsContext expired(io_, "server", TlsRole::server, options());
    EXPECT_EQ(Meeting(expired, client).shake(), "certificate verify failed");
}

TEST_F(TlsContextTest, a_client_certificate_is_required_asked_for_or_ignored) {
    const TlsContext anonymous(io_, "client", TlsRole::client, trusting());
    auto asking = options();
    asking.client_certificate = ClientCertificate::required;
    const TlsContext strict(io_, "server", TlsRole::server, asking);
    EXPECT_EQ(Meeting(strict, anonymous).shake(), "peer did not return a certificate");

    asking.client_certificate = ClientCertificate::optional;
    const TlsContext polite(io_, "server", TlsRole::server, asking);
    Meeting meeting(polite, anonymous);
    EXPECT_EQ(meeting.shake(), "");
    EXPECT_FALSE(tls_peer(meeting.server.get()));

    const TlsContext known(io_, "client", TlsRole::client, options());
    Meeting introduced(polite, known);
    EXPECT_EQ(introduced.shake(), "");
    EXPECT_TRUE(tls_peer(introduced.server.get()));

    const TlsContext indifferent(io_, "server", TlsRole::server, options());
    Meeting unasked(indifferent, known);
    EXPECT_EQ(unasked.shake(), "");
    EXPECT_FALSE(tls_peer(unasked.server.get()));
}

TEST_F(TlsContextTest, a_client_of_another_authority_is_refused_even_if_it_is_optional) {
    auto asking = options();
    asking.client_certificate = ClientCertificate::optional;
    const TlsContext server(io_, "server", TlsRole::server, asking);
    put(tests::Authority("Stranger").issue());
    const TlsContext client(io_, "client", TlsRole::client, options());

    EXPECT_EQ(Meeting(server, client).shake(), "certificate verify failed");
}

TEST_F(TlsContextTest, what_is_older_than_tls_1_2_is_refused) {
    const TlsContext server(io_, "server", TlsRole::server, options());
    const TlsContext client(io_, "client", TlsRole::client, trusting());
    Meeting meeting(server, client);
    ::SSL_set_cipher_list(meeting.client.get(), "ALL:@SECLEVEL=0");  // Else it would not even ask.
    ::SSL_set_min_proto_version(meeting.client.get(), TLS1_1_VERSION);
    ::SSL_set_max_proto_version(meeting.client.get(), TLS1_1_VERSION);

    EXPECT_EQ(meeting.shake(), "unsupported protocol");
}

TEST_F(TlsContextTest, changed_files_are_taken_up_and_established_sessions_live_on) {
    const TlsContext server(io_, "server", TlsRole::server, options());
    const TlsContext client(io_, "client", TlsRole::client, trusting());
    Meeting established(server, client);
    ASSERT_EQ(established.shake(), "");

    put(authority_.issue({.subject = {{"CN", "renewed"}}}));

    ASSERT_TRUE(run_until(io_, [&] { return metric(server, "x_reloads_total") == 1; }));
    EXPECT_EQ(shown(server), "CN=renewed");
    EXPECT_TRUE(established.passes());
}

// A volume of Kubernetes: the files are links into a directory which is itself a link, and only
// that one is exchanged.
TEST_F(TlsContextTest, a_directory_exchanged_under_the_links_is_noticed) {
    const auto& root = directory_.path();
    for (const auto* version : {"v1", "v2"}) {
        const auto issued = authority_.issue({.subject = {{"CN", version}}});
        fs::create_directory(root / version);
        tests::write_file(root / version / "cert.pem", issued.pem);
        tests::write_file(root / version / "key.pem", issued.key_pem);
    }
    fs::remove(root / "cert.pem");
    fs::remove(root / "key.pem");
    fs::create_symlink("v1", root / "..data");
    fs::create_symlink("..data/cert.pem", root / "cert.pem");
    fs::create_symlink("..data/key.pem", root / "key.pem");
    const TlsContext server(io_, "server", TlsRole::server, options());
    ASSERT_EQ(shown(server), "CN=v1");

    fs::create_symlink("v2", root / "..tmp");
    fs::rename(root / "..tmp", root / "..data");

    ASSERT_TRUE(run_until(io_, [&] { return metric(server, "x_reloads_total") == 1; }));
    EXPECT_EQ(shown(server), "CN=v2");
}

TEST_F(TlsContextTest, broken_files_are_counted_once_and_the_old_certificate_stays) {
    TlsContext server(io_, "server", TlsRole::server, options());

    tests::write_file(directory_.path() / "cert.pem", "no certificate");

    ASSERT_TRUE(run_until(io_, [&] { return metric(server, "x_failed_reloads_total") == 1; }));
    io_.run_for(milliseconds(50));
    EXPECT_EQ(metric(server, "x_failed_reloads_total"), 1);
    EXPECT_EQ(shown(server), "CN=localhost");
    EXPECT_FALSE(server.reload());
    put(authority_.issue({.subject = {{"CN", "mended"}}}));
    EXPECT_TRUE(server.reload());
    EXPECT_EQ(shown(server), "CN=mended");
}

TEST_F(TlsContextTest, a_ticket_of_before_a_reload_is_worth_nothing) {
    TlsContext server(io_, "server", TlsRole::server, options());
    const TlsContext client(io_, "client", TlsRole::client, trusting());
    Meeting first(server, client);
    ASSERT_EQ(first.shake(), "");
    const std::unique_ptr<SSL_SESSION, decltype(&::SSL_SESSION_free)> ticket(
        ::SSL_get1_session(first.client.get()), &::SSL_SESSION_free);
    Meeting second(server, client);
    ::SSL_set_session(second.client.get(), ticket.get());
    ASSERT_EQ(second.shake(), "");
    ASSERT_EQ(::SSL_session_reused(second.client.get()), 1);

    ASSERT_TRUE(server.reload());

    Meeting third(server, client);
    ::SSL_set_session(third.client.get(), ticket.get());
    EXPECT_EQ(third.shake(), "");
    EXPECT_EQ(::SSL_session_reused(third.client.get()), 0);
}

TEST_F(TlsContextTest, what_is_wrong_with_a_file_is_said) {
    EXPECT_EQ(fault(options()), "");
    auto wrong = options();
    wrong.certificate = directory_.path() / "missing.pem";
    EXPECT_EQ(fault(wrong), "cannot open: No such file or directory");
    wrong.certificate = directory_.path();
    EXPECT_EQ(fault(wrong), "is a directory");
    wrong.certificate = "/dev/null";
    EXPECT_EQ(fault(wrong), "cannot open: not a file");
    wrong.certificate = directory_.path() / "key.pem";
    EXPECT_EQ(fault(wrong), "holds no certificate in PEM");
    wrong = options();
    wrong.key = directory_.path() / "cert.pem";
    EXPECT_EQ(fault(wrong), "holds no private key in PEM");
    wrong.key = tests::write_file(directory_.path() / "other.pem", authority_.issue().key_pem);
    EXPECT_THAT(fault(wrong), HasSubstr("does not belong to the certificate in"));
    wrong.key = tests::write_file(directory_.path() / "locked.pem",
                                  "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"
                                  "-----END ENCRYPTED PRIVATE KEY-----\n");
    EXPECT_EQ(fault(wrong), "is encrypted: only a key without a password can be used");
    wrong = options();
    wrong.authorities = tests::write_file(directory_.path() / "cut.pem",
                                          authority_.pem.substr(0, authority_.pem.size() / 2));
    EXPECT_THAT(fault(wrong), HasSubstr("holds a certificate that cannot be read"));
}

TEST_F(TlsContextTest, without_good_files_it_does_not_start_and_names_the_file) {
    fs::remove(directory_.path() / "key.pem");
    try {
        const TlsContext server(io_, "server", TlsRole::server, options());
        FAIL() << "it started";
    } catch (const std::runtime_error& error) {
        EXPECT_THAT(error.what(), EndsWith("key.pem: cannot open: No such file or directory"));
    }
}

TEST_F(TlsContextTest, a_certificate_out_of_its_time_is_warned_of_and_used) {
    EXPECT_EQ(find_warning(options()), "");
    put(authority_.issue({.valid_from = 100, .valid_until = 200}));
    EXPECT_EQ(find_warning(options()), "the certificate is not valid yet");
    put(authority_.issue({.valid_from = -200, .valid_until = -100}));
    EXPECT_EQ(find_warning(options()), "the certificate has expired");
    EXPECT_EQ(fault(options()), "");
}

TEST_F(TlsContextTest, its_expiry_is_a_figure) {
    const TlsContext server(io_, "server", TlsRole::server, options());
    EXPECT_GT(metric(server, "x_certificate_expiry_seconds"), 1'600'000'000);
    const TlsContext client(io_, "client", TlsRole::client, trusting());
    EXPECT_EQ(metric(client, "x_certificate_expiry_seconds"), 0);
}

}  // namespace
}  // namespace coord
