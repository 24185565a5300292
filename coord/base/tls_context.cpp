#include "coord/base/tls_context.hpp"

#include "coord/base/log.hpp"
#include "coord/base/owner.hpp"
#include "coord/base/tls_peer.hpp"

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdexcept>
#include <string_view>
#include <sys/stat.h>
#include <time.h>
#include <utility>
#include <variant>

namespace coord {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using File = TlsFault::File;
using ContextPtr = std::shared_ptr<asio::ssl::context>;

constexpr std::size_t file_bytes_max = std::size_t{4} << 20U;
constexpr auto ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20:!aNULL:!PSK";
constexpr std::string_view session_id_room = "roster";

template <class T, auto Free>
struct Freed {
    void operator()(T* thing) const { Free(thing); }
};
using Bio = std::unique_ptr<BIO, Freed<BIO, ::BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freed<X509, ::X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, ::EVP_PKEY_free>>;

spdlog::logger& log() { return logger("coord.tls"); }

// Thrown and caught in this file: what is wrong is found deep below.
struct Wrong {
    TlsFault fault;
};

[[noreturn]] void wrong(File file, std::string why) { throw Wrong{{file, std::move(why)}}; }

std::string last_complaint() {
    const auto* const reason = ::ERR_reason_error_string(::ERR_peek_last_error());
    std::string text = reason != nullptr ? reason : "it cannot be read";
    ::ERR_clear_error();
    return text;
}

std::string read(File file, const fs::path& path) {
    std::error_code unknown;
    const auto kind = fs::status(path, unknown).type();
    if (kind == fs::file_type::directory) wrong(file, "is a directory");
    errno = 0;
    // Nothing else is opened: a pipe would keep us waiting for its writer.
    std::ifstream in;
    if (kind == fs::file_type::regular || kind == fs::file_type::not_found) in.open(path);
    if (!in.is_open()) {
        wrong(file,
              std::string("cannot open: ") + (errno != 0 ? std::strerror(errno)
                                              : unknown  ? unknown.message()
                                                         : "not a file"));
    }
    std::string text(file_bytes_max + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (in.bad()) wrong(file, std::string("cannot read: ") + std::strerror(errno));
    if (text.size() > file_bytes_max) wrong(file, "is larger than 4 MiB");
    return text;
}

Bio bio_of(const std::string& text) {
    return Bio(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// All certificates of a PEM file, in their order.
std::vector<Certificate> certificates_in(File file, const fs::path& path) {
    const auto text = read(file, path);
    const auto bio = bio_of(text);
    std::vector<Certificate> found;
    ::ERR_clear_error();
    while (auto* const one = ::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
        found.emplace_back(one);
    }
    if (ERR_GET_REASON(::ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
        wrong(file, "holds a certificate that cannot be read: " + last_complaint());
    }
    ::ERR_clear_error();
    if (found.empty()) wrong(file, "holds no certificate in PEM");
    return found;
}

// OpenSSL would ask the terminal.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return -1; }

void use_certificate(SSL_CTX* tls, const TlsOptions& options) {
    const auto chain = certificates_in(File::certificate, options.certificate);
    if (::SSL_CTX_use_certificate(tls, chain.front().get()) != 1) {
        wrong(File::certificate, "cannot be used: " + last_complaint());
    }
    for (std::size_t i = 1; i < chain.size(); ++i) {
        if (::SSL_CTX_add1_chain_cert(tls, chain[i].get()) != 1) {
            wrong(File::certificate, "its chain cannot be used: " + last_complaint());
        }
    }
}

void use_key(SSL_CTX* tls, const TlsOptions& options) {
    const auto text = read(File::key, options.key);
    const auto bio = bio_of(text);
    const Key key(::PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr));
    if (!key) {
        ::ERR_clear_error();
        const bool is_encrypted = text.find("ENCRYPTED") != std::string::npos;
        wrong(File::key,
              is_encrypted ? "is encrypted: only a key without a password can be used"
                           : "holds no private key in PEM");
    }
    if (::X509_check_private_key(::SSL_CTX_get0_certificate(tls), key.get()) != 1) {
        ::ERR_clear_error();
        wrong(File::key,
              "does not belong to the certificate in " + options.certificate.string() +
                  ": the public keys differ");
    }
    if (::SSL_CTX_use_PrivateKey(tls, key.get()) != 1) {
        wrong(File::key, "cannot be used: " + last_complaint());
    }
}

void trust(SSL_CTX* tls, TlsRole role, const TlsOptions& options) {
    if (options.authorities.empty()) {
        if (role == TlsRole::client) ::SSL_CTX_set_default_verify_paths(tls);
        return;
    }
    auto* const store = ::SSL_CTX_get_cert_store(tls);
    for (const auto& one : certificates_in(File::authorities, options.authorities)) {
        if (::X509_STORE_add_cert(store, one.get()) != 1) {
            wrong(File::authorities, "cannot be used: " + last_complaint());
        }
        // A client with several certificates chooses by the names that the server trusts.
        if (role == TlsRole::server) ::SSL_CTX_add_client_CA(tls, one.get());
    }
}

int verify_mode(TlsRole role, const TlsOptions& options) {
    if (role == TlsRole::client) return SSL_VERIFY_PEER;
    switch (options.client_certificate) {
        case ClientCertificate::none: return SSL_VERIFY_NONE;
        case ClientCertificate::optional: return SSL_VERIFY_PEER;
        case ClientCertificate::required: return SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    }
    return SSL_VERIFY_NONE;
}

void set_rules(SSL_CTX* tls, TlsRole role, const TlsOptions& options) {
    ::SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
    ::SSL_CTX_set_cipher_list(tls, ciphers);
    ::SSL_CTX_set_options(tls, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    // Idle connections keep no buffers; what waits to be sent may move with its string.
    ::SSL_CTX_set_mode(tls,
                       SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                           SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    // Sessions are resumed by tickets alone, which cost the server no memory. Without an id of our
    // own OpenSSL refuses to resume one that a certificate was asked for.
    ::SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    ::SSL_CTX_set_session_id_context(tls,
                                     reinterpret_cast<const unsigned char*>(session_id_room.data()),
                                     static_cast<unsigned>(session_id_room.size()));
    ::SSL_CTX_set_verify(tls, verify_mode(role, options), nullptr);
}

ContextPtr make(TlsRole role, const TlsOptions& options) {
    auto made = std::make_shared<asio::ssl::context>(
        role == TlsRole::server ? asio::ssl::context::tls_server : asio::ssl::context::tls_client);
    auto* const tls = made->native_handle();
    set_rules(tls, role, options);
    // A client need not have one.
    if (role == TlsRole::server || !options.certificate.empty()) {
        use_certificate(tls, options);
        use_key(tls, options);
    }
    trust(tls, role, options);
    return made;
}

std::variant<ContextPtr, TlsFault> load(TlsRole role, const TlsOptions& options) {
    try {
        return make(role, options);
    } catch (const Wrong& found) {
        return found.fault;
    }
}

const fs::path& path_of(File file, const TlsOptions& options) {
    switch (file) {
        case File::certificate: return options.certificate;
        case File::key: return options.key;
        case File::authorities: break;
    }
    return options.authorities;
}

std::string warning_of(SSL_CTX* tls) {
    const auto* const certificate = ::SSL_CTX_get0_certificate(tls);
    if (certificate == nullptr) return {};
    if (::X509_cmp_current_time(::X509_get0_notAfter(certificate)) < 0) {
        return "the certificate has expired";
    }
    if (::X509_cmp_current_time(::X509_get0_notBefore(certificate)) > 0) {
        return "the certificate is not valid yet";
    }
    return {};
}

// Seconds since 1970; 0 without a certificate.
std::int64_t expiry_of(SSL_CTX* tls) {
    const auto* const certificate = ::SSL_CTX_get0_certificate(tls);
    tm when{};
    if (certificate == nullptr) return 0;
    if (::ASN1_TIME_to_tm(::X509_get0_notAfter(certificate), &when) != 1) return 0;
    return ::timegm(&when);
}

// What tells one version of the files from another. Links are followed: a volume of Kubernetes is
// renewed by exchanging one.
using Look = std::array<std::array<std::int64_t, 6>, 3>;

Look look_at(const TlsOptions& options) {
    Look look{};
    std::size_t i = 0;
    for (const auto* path : {&options.certificate, &options.key, &options.authorities}) {
        struct ::stat found {};
        if (!path->empty() && ::stat(path->c_str(), &found) == 0) {
            look.at(i) = {static_cast<std::int64_t>(found.st_dev),
                          static_cast<std::int64_t>(found.st_ino),
                          found.st_size,
                          found.st_mtim.tv_sec,
                          found.st_mtim.tv_nsec,
                          found.st_ctim.tv_sec * 1'000'000'000 + found.st_ctim.tv_nsec};
        }
        ++i;
    }
    return look;
}

}  // namespace

std::optional<TlsFault> find_fault(TlsRole role, const TlsOptions& options) {
    auto loaded = load(role, options);
    const auto* const fault = std::get_if<TlsFault>(&loaded);
    return fault != nullptr ? std::optional(*fault) : std::nullopt;
}

std::string find_warning(const TlsOptions& options) {
    auto loaded = load(TlsRole::client, options);
    const auto* const made = std::get_if<ContextPtr>(&loaded);
    return made != nullptr ? warning_of((*made)->native_handle()) : "";
}

struct TlsContext::State : std::enable_shared_from_this<State> {
    State(asio::io_context& io, std::string its_name, TlsRole its_role, TlsOptions given)
        : name(std::move(its_name)), role(its_role), options(std::move(given)), timer(io) {
        taken_up = seen = look_at(options);
        auto loaded = load(role, options);
        if (const auto* fault = std::get_if<TlsFault>(&loaded)) {
            throw std::runtime_error(path_of(fault->file, options).string() + ": " + fault->why);
        }
        take(std::get<ContextPtr>(std::move(loaded)));
    }

    void take(ContextPtr loaded) {
        current = std::move(loaded);
        const auto* const certificate = ::SSL_CTX_get0_certificate(current->native_handle());
        expiry = expiry_of(current->native_handle());
        if (certificate == nullptr) return;
        const auto subject = describe(certificate).subject;
        log().info("certificate loaded for=\"{}\" subject=\"{}\"", name, subject);
        const auto warning = warning_of(current->native_handle());
        if (warning.empty()) return;
        log().warn("{} for=\"{}\" subject=\"{}\" file={}",
                   warning,
                   name,
                   subject,
                   options.certificate.string());
    }

    bool reload() {
        assert(owner.here());
        taken_up = seen = look_at(options);
        auto loaded = load(role, options);
        if (const auto* fault = std::get_if<TlsFault>(&loaded)) {
            failed_reloads.add();
            log().error("certificate not reloaded, the old one stays for=\"{}\" file={} why=\"{}\"",
                        name,
                        path_of(fault->file, options).string(),
                        fault->why);
            return false;
        }
        reloads.add();
        take(std::get<ContextPtr>(std::move(loaded)));
        return true;
    }

    // Whoever renews them writes one file after the other: they are taken up once they have stayed
    // the same from one look to the next.
    void look() {
        const auto now = look_at(options);
        if (now == seen && now != taken_up) reload();
        seen = now;
        arm();
    }

    void arm() {
        timer.expires_after(options.look_every);
        timer.async_wait([weak = weak_from_this()](const auto& cancelled) {
            const auto self = weak.lock();
            if (self && !cancelled) self->look();
        });
    }

    const std::string name;
    const TlsRole role;
    const TlsOptions options;
    Owner owner;
    asio::steady_timer timer;
    ContextPtr current;
    Look taken_up{};  // what was loaded last, or refused
    Look seen{};
    Counter reloads;
    Counter failed_reloads;
    std::atomic<std::int64_t> expiry{0};
};

TlsContext::TlsContext(asio::io_context& io, std::string name, TlsRole role, TlsOptions options)
    : state_(std::make_shared<State>(io, std::move(name), role, std::move(options))) {
    state_->arm();
}

TlsContext::~TlsContext() { state_->timer.cancel(); }

std::shared_ptr<asio::ssl::context> TlsContext::current() const { return state_->current; }

bool TlsContext::reload() { return state_->reload(); }

std::vector<Metric> TlsContext::metrics(const std::string& prefix) const {
    const auto count = [](const Counter& counter) { return static_cast<double>(counter.value()); };
    return {{MetricKind::counter,
             prefix + "_reloads_total",
             "Times changed certificates were taken up.",
             count(state_->reloads)},
            {MetricKind::counter,
             prefix + "_failed_reloads_total",
             "Times changed certificates were refused, and the old ones kept.",
             count(state_->failed_reloads)},
            {MetricKind::gauge,
             prefix + "_certificate_expiry_seconds",
             "When our certificate expires, in seconds since 1970; 0 without one.",
             static_cast<double>(state_->expiry.load())}};
}

}  // namespace coord
