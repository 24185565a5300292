#pragma once
// Certificate, key and authorities of one end of TLS, read from PEM files and read again when they
// change: a new handshake uses what is on disk, a connection keeps what it began with.
//
// Fed by:  the files, looked at every second, and reload() (SIGHUP).
// Read by: coord/server, coord/client; whoever begins a handshake asks for current().
// Thread:  the one that runs `io`. metrics() may be called from any.
// Holds:   TLS 1.2 or newer, ciphers with forward secrecy. Every load has ticket keys of its own:
//          nobody resumes a session that was verified by authorities which are no longer trusted.
// Fails:   the constructor throws std::runtime_error with the file and what is wrong with it. Files
//          that are wrong later are logged and counted, and what was loaded before stays.

#include "coord/base/metrics.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace boost::asio::ssl {
class context;
}

namespace coord {

enum class TlsRole { server, client };

// Whether a server asks its clients for a certificate, and serves those that have none.
enum class ClientCertificate { none, optional, required };

struct TlsOptions {
    std::filesystem::path certificate;  // PEM, its own first, then those up to the authority
    std::filesystem::path key;          // PEM, not encrypted
    // PEM, the authorities that are trusted. Empty: the system's for a client, nobody for a server.
    std::filesystem::path authorities;
    ClientCertificate client_certificate = ClientCertificate::none;  // of a server
    std::chrono::milliseconds look_every{1000};  // files that look the same twice are taken up
};

// What keeps the files from being used.
struct TlsFault {
    enum class File { certificate, key, authorities };
    File file{};
    std::string why;  // "cannot open: No such file or directory"
};

// nullopt: a TlsContext can be made of them.
std::optional<TlsFault> find_fault(TlsRole role, const TlsOptions& options);

// What a person should know of a certificate that can be used; empty: nothing.
std::string find_warning(const TlsOptions& options);

class TlsContext {
public:
    // `name` tells it from others in the log: "client port".
    TlsContext(boost::asio::io_context& io, std::string name, TlsRole role, TlsOptions options);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

    // For the next handshake. A session keeps what it needs of it alive by itself.
    [[nodiscard]] std::shared_ptr<boost::asio::ssl::context> current() const;

    // Reads the files now. False: something is wrong, what was loaded before stays.
    bool reload();

    // Named after the room: metrics("roster_coord_tls") has "roster_coord_tls_reloads_total".
    [[nodiscard]] std::vector<Metric> metrics(const std::string& prefix) const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace coord
