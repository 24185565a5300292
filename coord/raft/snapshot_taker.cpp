#include "coord/raft/snapshot_taker.hpp"

#include "coord/base/log.hpp"
#include "coord/raft/log_store.hpp"

#include <boost/asio/post.hpp>

#include <cassert>
#include <exception>
#include <utility>

namespace coord {

namespace {

spdlog::logger& log() { return logger("coord.raft"); }

}  // namespace

struct SnapshotTaker::UnderWay {
    SnapshotMetadata metadata;
    Slices slices;
    std::function<void(bool)> done;
    std::optional<SnapshotFileWriter> writer;  // touched by the snapshot thread only
};

SnapshotTaker::SnapshotTaker(boost::asio::io_context& io,
                             std::filesystem::path directory,
                             std::size_t slice)
    : io_(io), directory_(std::move(directory)), slice_(slice) {}

void SnapshotTaker::take(const SnapshotMetadata& metadata,
                         Slices slices,
                         std::function<void(bool)> done) {
    assert(!under_way_);
    under_way_ = std::make_shared<UnderWay>();
    under_way_->metadata = metadata;
    under_way_->slices = std::move(slices);
    under_way_->done = std::move(done);
    next_slice();
}

void SnapshotTaker::next_slice() {
    std::string chunk;
    const bool more = under_way_->slices(chunk, slice_);
    write(std::move(chunk), more);
}

void SnapshotTaker::write(std::string chunk, bool more) {
    worker_.post([this, current = under_way_, chunk = std::move(chunk), more] {
        bool good = true;
        try {
            if (!current->writer) current->writer.emplace(directory_, current->metadata);
            current->writer->write(chunk);
            if (!more) current->writer->finish();
        } catch (const std::exception& failure) {
            log().error("snapshot given up reason={}", failure.what());
            good = false;
        }
        boost::asio::post(io_, [this, weak = std::weak_ptr(current), good, more] {
            // Gone if it was stopped meanwhile, and then `this` may be gone too.
            const auto still = weak.lock();
            if (still && still == under_way_) written(good, more);
        });
    });
}

void SnapshotTaker::written(bool good, bool more) {
    if (good && more) return next_slice();
    const auto finished = std::exchange(under_way_, nullptr);
    finished->slices = nullptr;  // lets the state machine forget the images that it kept for it
    finished->done(good);
}

void SnapshotTaker::prepare_spare(std::filesystem::path directory, std::size_t segment_bytes) {
    worker_.post([directory = std::move(directory), segment_bytes] {
        try {
            coord::prepare_spare(directory, segment_bytes);
        } catch (const std::exception& failure) {
            // Not needed yet; when it is, the log thread tries again and means it.
            log().warn("no spare log segment reason={}", failure.what());
        }
    });
}

void SnapshotTaker::give_up() {
    if (const auto given_up = std::exchange(under_way_, nullptr)) given_up->slices = nullptr;
}

void SnapshotTaker::stop() {
    worker_.stop();
    under_way_.reset();
}

}  // namespace coord
