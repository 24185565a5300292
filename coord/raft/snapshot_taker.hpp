#pragma once
// One snapshot at a time, taken without stopping the world: a slice on the coord thread, its
// writing on the snapshot thread, the next slice when that is done.
//
// Fed by:  Node, when enough log has come together.
// Read by: Node, through the function that it gives.
// Thread:  coord; the file on the snapshot thread, which also keeps a spare log segment ready.
// Holds:   between two slices, every other event of the coord thread has its turn.
// Fails:   a snapshot that cannot be written is given up with one line in the log: the log keeps
//          what it would have replaced.

#include "coord/base/metrics.hpp"
#include "coord/raft/snapshot_store.hpp"
#include "coord/raft/worker.hpp"

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace coord {

class SnapshotTaker {
public:
    using Slices = std::function<bool(std::string& out, std::size_t items)>;

    SnapshotTaker(boost::asio::io_context& io, std::filesystem::path directory, std::size_t slice);

    // `done` gets true once the snapshot is the newest on disk, false if it was given up.
    void take(const SnapshotMetadata& metadata, Slices slices, std::function<void(bool)> done);
    [[nodiscard]] bool is_taking() const { return under_way_ != nullptr; }
    // As coord::prepare_spare, on the snapshot thread.
    void prepare_spare(std::filesystem::path directory, std::size_t segment_bytes);
    // Gives up what is under way, if anything is: `done` is not called.
    void give_up();
    // For other work on the snapshots, in turn with their writing.
    template <class Job>
    void post(Job&& job) {
        worker_.post(std::forward<Job>(job));
    }
    // Gives up what is under way. Nothing is called after it.
    void stop();

private:
    struct UnderWay;

    void next_slice();
    void write(std::string chunk, bool more);
    void written(bool good, bool more);

    boost::asio::io_context& io_;
    const std::filesystem::path directory_;
    const std::size_t slice_;
    std::shared_ptr<UnderWay> under_way_;
    Worker worker_;
};

}  // namespace coord
