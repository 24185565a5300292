#pragma once
// A ZooKeeper client: one session, its reconnects, and an awaitable for each operation.
//
// Fed by:  Registrar, Catalog, the recipes; the ensemble's replies and watch events.
// Read by: whoever awaits an operation; `on_event` and `on_state`.
// Thread:  agent: the thread that runs `io`. Every callback comes on it.
// Holds:   replies complete in the order of the requests; an event is delivered before any reply
//          that could reflect it. A request in flight when the connection breaks fails with
//          connection_loss and is never sent again by us.
// Fails:   coord::Errc for what the ensemble answers; bad_arguments before anything is sent;
//          connection_loss when the fate of the operation is unknown, or when it waited for a
//          connection longer than the session timeout; session_expired when it waited for a session
//          that ended, or the client is closed. The constructor throws std::invalid_argument for a
//          connection string that cannot be read, std::runtime_error for certificates that cannot
//          be used.

#include "coord/base/async.hpp"
#include "coord/base/metrics.hpp"
#include "coord/base/result.hpp"
#include "coord/base/tls_context.hpp"
#include "coord/proto/error.hpp"
#include "coord/proto/records.hpp"
#include "coord/proto/requests.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace coord {

class ClientSession;

struct SessionIdentity {
    SessionId id{};
    Password password{};
};

struct ClientTls {
    TlsOptions files;         // authorities that the servers are trusted by; our own certificate
    std::string server_name;  // in the servers' certificates; empty: as each is called in `connect`
};

struct ClientOptions {
    std::string connect;  // "zk1:2181,zk2:2181/chroot", as ZooKeeper's connection string
    std::chrono::milliseconds session_timeout{10000};
    std::optional<SessionIdentity> resume;  // re-attach to this session if it still lives
    std::optional<ClientTls> tls = {};           // none: plain connections
    std::size_t frame_bytes_max = std::size_t{16} << 20U;  // of a reply
    std::size_t request_bytes_max = 1048575;  // jute.maxbuffer: a server drops who sends more
    std::size_t outstanding_max = 10000;      // then operations wait for their turn
    std::size_t waiting_max = 100000;  // then they are refused: throttled_op, connection_loss
};

enum class SessionState {
    connecting,  // not connected now; the session may still live
    connected,
    expired,  // its ephemerals are gone. The client opens a new session by itself.
    closed,
};

struct Created {
    std::string path;
    Stat stat;
};
struct ZnodeData {
    std::string data;
    Stat stat;
};
struct Children {
    std::vector<std::string> names;
    Stat stat;
};

struct CreateOp {
    std::string path;
    std::string data;
    CreateMode mode = CreateMode::persistent;
};
struct RemoveOp {
    std::string path;
    std::int32_t version = -1;
};
struct SetDataOp {
    std::string path;
    std::string data;
    std::int32_t version = -1;
};
struct CheckOp {
    std::string path;
    std::int32_t version = -1;
};
using Op = std::variant<CreateOp, RemoveOp, SetDataOp, CheckOp>;

// A multi's reply: one error per operation (ok for all, or the culprit's code and -2 after it).
struct MultiResult {
    std::vector<Errc> errors;
    // Of sets. Of creates only where the server tells it: ZooKeeper does for containers alone.
    std::vector<std::optional<Stat>> stats;
    std::vector<std::string> paths;          // of creates, with their sequence number; else empty
    [[nodiscard]] Errc first_error() const;  // ok when all went through
};

class Client {
public:
    Client(boost::asio::io_context& io, ClientOptions options);
    ~Client();
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // Both are heard from now on: set them before start() to miss nothing. States are told in
    // order; `connected` comes with session() valid. A callback may close or destroy the client.
    void on_state(std::function<void(SessionState)> told);
    // Every watch event of this session, of whatever watch. Several may listen.
    void on_event(std::function<void(const WatcherEvent&)> told);

    // Connects, and goes on reconnecting with backoff until close() or abandon().
    void start();
    // Ends the session at the ensemble (its ephemerals vanish), waits for the reply at most
    // `patience`, and closes.
    Task<void> close(std::chrono::milliseconds patience);
    // Reads our certificate and the authorities again, if we have any.
    void reload_tls();
    // Closes the socket and leaves the session to its timeout.
    void abandon();

    Task<Result<Created>> create(std::string path, std::string data, CreateMode mode);
    Task<Result<void>> remove(std::string path, std::int32_t version = -1);
    Task<Result<Stat>> exists(std::string path, bool watch = false);
    Task<Result<ZnodeData>> get_data(std::string path, bool watch = false);
    Task<Result<Stat>> set_data(std::string path, std::string data, std::int32_t version = -1);
    Task<Result<Children>> get_children(std::string path, bool watch = false);
    Task<Result<void>> sync(std::string path);
    Task<Result<MultiResult>> multi(std::vector<Op> ops);
    Task<Result<void>> add_watch(std::string path, WatchMode mode);
    // Many reads in one frame (multiRead, ZooKeeper >= 3.6), in the order asked.
    Task<Result<std::vector<Result<ZnodeData>>>> get_data_of(std::vector<std::string> paths);
    // The names of the children of many, likewise.
    Task<Result<std::vector<Result<std::vector<std::string>>>>>
    get_children_of(std::vector<std::string> paths);
    // Creates what is missing of the path (and of the chroot), each part as a persistent znode;
    // fine if it exists.
    Task<Result<void>> ensure_path(std::string path);

    [[nodiscard]] SessionState state() const;
    // Valid from the first `connected` on; {0} before.
    [[nodiscard]] SessionIdentity session() const;
    [[nodiscard]] std::chrono::milliseconds session_timeout() const;  // as negotiated
    // The newest zxid any reply of this session carried. Right after an operation was awaited it is
    // that of its reply; everything up to it was delivered to `on_event` before.
    [[nodiscard]] Zxid last_zxid() const;
    [[nodiscard]] boost::asio::io_context& io() const;
    // Of any thread.
    [[nodiscard]] std::vector<Metric> metrics() const;

private:
    std::shared_ptr<ClientSession> session_;
};

}  // namespace coord
