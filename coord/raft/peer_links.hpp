#pragma once
// The members' links to each other over TCP: forming a cluster, Raft's messages, snapshots.
//
// Fed by:  Server, with what was configured; Node, through PeerTransport; the network.
// Read by: Node, through the listener.
// Thread:  coord. metrics(), waiting() and state() may be called from any.
// Holds:   one link per pair, which the member with the smaller id dials. Who has no link to a peer
//          asks it who it is, so that both sides know at once when they can reach each other again.
//          Nobody is heard before both have said who they are, and that they are of one cluster.
// Fails:   the constructor throws std::runtime_error with one line a person can act on. Strangers,
//          other clusters and garbage are refused, counted, and logged now and then.

#include "coord/base/tls_context.hpp"
#include "coord/raft/formation.hpp"
#include "coord/raft/peer_transport.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace coord {

struct PeerLinksOptions {
    std::string listen = {};             // "10.0.0.1:2888"; port 0 takes a free one
    std::string address = {};            // as the others reach this member; empty: where it listens
    std::optional<TlsOptions> tls = {};  // both ends must be named by the certificates they show
    std::filesystem::path snapshots = {};  // the directory of this member's
    std::chrono::milliseconds election_timeout{300};
    std::chrono::milliseconds connect_timeout{1000};
    std::chrono::milliseconds handshake_timeout{3000};
    std::chrono::milliseconds retry_first{20};
    std::chrono::milliseconds retry_longest{500};
    std::size_t queue_bytes_max = std::size_t{64} << 20U;  // per peer
    std::size_t strangers_max = 64;  // connections that have not said who they are
    std::size_t snapshots_sent_max = 4;
    std::size_t snapshot_bytes_per_second = std::size_t{64} << 20U;
};

class PeerLinks final : public PeerTransport {
public:
    PeerLinks(boost::asio::io_context& io, PeerLinksOptions options);
    ~PeerLinks() override;

    [[nodiscard]] const std::string& address() const;

    // Of a member that belongs to a cluster. `servers` are asked too where the others are.
    void join(MemberId self, const Founding& founding, std::vector<std::string> servers);
    // Of one that does not: founds one with all `servers`, of which it is one, or finds the one
    // that it was added to. `founded` is called once, from the event loop, and returns when that is
    // on disk; from then on this is a member.
    void form(MemberId self,
              std::vector<std::string> servers,
              std::function<void(const Founding&)> founded);

    void start(Listener listener) override;
    void stop() override;
    void set_members(const std::vector<Member>& members) override;
    void send(const Message& message) override;
    bool send_letter(MemberId to, std::string letter) override;
    [[nodiscard]] bool is_connected(MemberId peer) const override;
    void fetch_snapshot(MemberId from,
                        const SnapshotMetadata& snapshot,
                        std::filesystem::path into,
                        std::function<void(Result<void>)> done) override;

    // Reads the certificates now, instead of when they are seen to have changed.
    void reload_tls();

    // Servers without a cluster that have asked lately, to be added by an operator.
    [[nodiscard]] std::vector<Member> waiting() const;
    // What a server that is not yet a member waits for, in words; empty for a member.
    [[nodiscard]] std::string state() const;
    [[nodiscard]] std::vector<Metric> metrics() const override;

private:
    struct Parts;
    std::shared_ptr<Parts> parts_;  // its coroutines may outlive this by a turn
};

}  // namespace coord
