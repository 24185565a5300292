#pragma once
// The first words on a connection: TLS, then a Hello of each side, or why there is none.
//
// Fed by:  PeerLinks, for each connection that it has dialled or accepted.
// Read by: PeerLinks.
// Thread:  coord.
// Holds:   who is returned has shown a certificate for the host of the address that it says is its
//          own, and speaks this version of the protocol.

#include "coord/base/async.hpp"
#include "coord/raft/peer_counters.hpp"
#include "coord/raft/peer_stream.hpp"

#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace coord {

// Nobody to talk to: a refusal, or (no reason) the network or the other side would not.
struct Unmet {
    std::optional<PeerRefusal> reason;
    std::string why;
};
using Met = std::variant<Hello, Unmet>;

// Of who has accepted: hears the other side. Answering is left to the caller.
Task<Met> hear_hello(std::shared_ptr<PeerStream> stream, std::shared_ptr<PeerStream::Tls> tls);
// Of who has dialled `address`, which begins.
Task<Met> say_hello(std::shared_ptr<PeerStream> stream,
                    std::shared_ptr<PeerStream::Tls> tls,
                    std::string address,
                    Hello own);

}  // namespace coord
