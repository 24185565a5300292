#pragma once
// How another thread calls the owner of an event loop: rung any number of times, heard once for all.
//
// Fed by:  the log thread, whenever a group is on disk.
// Read by: Node, which then looks how far it has come.
// Thread:  ring() from any; the rest, and `heard`, on the thread that runs `io`.
// Holds:   no lock is taken: posting would hold the loop's while it wakes the loop, which then has to
//          wait for it. What was written before ring() is seen by `heard`.
// Fails:   construction throws std::system_error if there is no file descriptor left.

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>

namespace coord {

class Bell {
public:
    Bell(boost::asio::io_context& io, std::function<void()> heard);
    // Nothing is heard after that. Whoever rings has stopped before.
    ~Bell();
    Bell(const Bell&) = delete;
    Bell& operator=(const Bell&) = delete;

    void ring();

private:
    struct Parts;
    static void listen(const std::shared_ptr<Parts>& parts);

    std::shared_ptr<Parts> parts_;  // the wait under way may outlive the bell by a turn
};

}  // namespace coord
