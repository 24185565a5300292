#pragma once
// The embedded core: a ZooKeeper server over the replicated tree.
//
// Fed by:  client connections (ZooKeeper's protocol), the raft Node's committed entries.
// Read by: its clients; main, for metrics and status.
// Thread:  coord: the thread that runs `io`. metrics() and status() may be called from any.
// Fails:   construction and start() throw std::runtime_error with one line a person can act on
//          (port in use, directory in use, damaged log).

#include "coord/base/async.hpp"
#include "coord/base/membership.hpp"
#include "coord/base/metrics.hpp"
#include "coord/base/result.hpp"
#include "coord/base/saved_snapshot.hpp"
#include "coord/raft/configuration.hpp"
#include "coord/raft/node.hpp"
#include "coord/server/server_options.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace coord {

struct ServerStatus {
    bool serving = false;
    // Where clients, or in an ensemble the other servers, reach it; empty when there is none.
    std::string leader;
    std::vector<std::string> peers;  // the voters' addresses, likewise
    std::int64_t last_zxid = 0;
    bool read_only = false;  // serving, but only who asked for that
    Role role = Role::follower;
    MemberId self{};
    std::vector<MemberStatus> members =
        {};  // as of the last second or so; empty if it stands alone
};

class Server {
public:
    Server(boost::asio::io_context& io, ServerOptions options);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Binds the sockets, then replays the log; clients are served once that is done.
    void start();
    // Closes the listeners and connections, syncs and closes the log. Sessions live on.
    void stop();
    // Before an orderly end: a leader lets another lead, so that nobody waits for an election. Calls
    // `done` when somebody else leads, or when that takes too long.
    void hand_over(std::function<void()> done);

    // Reads certificate, key and authorities of the TLS port again.
    void reload_tls();

    // Asked on the coord thread of the server that leads; see Node::change_members.
    void change_members(const MemberChange& change, std::function<void(Result<void>)> done);
    // What an operator orders; to be spawned on the coord thread's io_context. Any server will do:
    // it is carried out by the one that leads.
    Task<MembershipAnswer> order(MembershipOrder order);
    // All that is applied here by now. Fails: std::errc::io_error and the like.
    Task<Result<SavedSnapshot>> save_snapshot();

    // The ports really bound, in the order of ServerOptions::listen, then of tls_listen.
    [[nodiscard]] std::vector<std::uint16_t> ports() const;
    [[nodiscard]] std::vector<Metric> metrics() const;
    [[nodiscard]] ServerStatus status() const;
    // Of any thread: what it waits for to be a member of a cluster, in words; empty for a member.
    [[nodiscard]] std::string waits_for() const;
    // Of any thread: servers that wait to be added to this one's cluster.
    [[nodiscard]] std::vector<Member> waiting_servers() const;

private:
    struct Parts;
    std::shared_ptr<Parts> parts_;  // a callback under way may outlive the server by a turn
};

}  // namespace coord
