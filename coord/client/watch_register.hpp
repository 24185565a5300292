#pragma once
// Which watches the client holds at the ensemble, to set them again on a new connection.
//
// Fed by:  Client, when a read that set a watch was answered; ClientSession, with every event.
// Read by: ClientSession, after each handshake.
// Thread:  agent; no I/O.
// Holds:   a one-shot watch is here from the reply that set it to the event that used it up.
//          Paths are the ensemble's own, chroot included.

#include "coord/proto/records.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

class WatchRegister {
public:
    void add_data(std::string path);   // by getData, or exists of a znode that is there
    void add_exist(std::string path);  // by exists of a znode that is missing
    void add_child(std::string path);
    void add(std::string path, WatchMode mode);

    // Takes out the one-shot watches that this event used up.
    void fired(const WatcherEvent& event);

    struct Request {
        OpCode op{};  // set_watches, or set_watches2 when there are persistent watches
        std::string body;
    };
    // Requests that set all of them again; split, for servers refuse frames above 1 MiB.
    // The ensemble answers with events for what changed after `seen`.
    [[nodiscard]] std::vector<Request> requests(Zxid seen) const;

private:
    using Paths = std::set<std::string, std::less<>>;
    Paths data_;
    Paths exist_;
    Paths child_;
    Paths persistent_;
    Paths persistent_recursive_;
};

}  // namespace coord
