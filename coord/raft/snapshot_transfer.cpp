#include "coord/raft/snapshot_transfer.hpp"

#include "coord/base/log.hpp"
#include "coord/raft/snapshot_store.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <exception>
#include <optional>
#include <system_error>
#include <utility>

namespace coord {

namespace {

namespace asio = boost::asio;
namespace errc = boost::system::errc;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

spdlog::logger& log() { return logger("coord.raft"); }

template <class T>
struct Awaited {
    explicit Awaited(asio::io_context& io) : over(io, Clock::time_point::max()) {}

    asio::steady_timer over;
    std::optional<Result<T>> value;
};

// Does the job on the worker's thread; what it throws is an error.
template <class T, class Job>
Task<Result<T>> on_worker(asio::io_context& io, Worker& worker, Job job) {
    const auto awaited = std::make_shared<Awaited<T>>(io);
    worker.post([&io, awaited, job = std::move(job)]() mutable {
        std::optional<Result<T>> value;
        try {
            value = job();
        } catch (const std::system_error& failure) {
            value = Error(failure.code().value(), boost::system::system_category());
        } catch (const std::exception& damaged) {
            log().warn("a snapshot does not read back why=\"{}\"", damaged.what());
            value = make_error_code(errc::bad_message);
        }
        asio::post(io, [awaited = std::move(awaited), value = std::move(value)]() mutable {
            awaited->value = std::move(value);
            awaited->over.cancel();
        });
    });
    while (!awaited->value) co_await awaited->over.async_wait(use_tuple);
    co_return std::move(*awaited->value);
}

Task<void> refuse(std::shared_ptr<PeerStream> stream, std::string_view why) {
    std::string frame;
    encode_refusal(why, frame);
    static_cast<void>(co_await stream->write(frame));
}

// Whether all of it is there, as it was written, and it is the one that was asked for.
Result<void> check(const fs::path& path, const SnapshotMetadata& wanted) {
    SnapshotFileReader reader(path);
    const auto& found = reader.metadata();
    const bool same = found.index == wanted.index && found.term == wanted.term &&
                      found.configuration_index == wanted.configuration_index &&
                      found.configuration == wanted.configuration;
    std::string chunk;
    while (reader.next(chunk)) {
    }
    if (!same) return make_error_code(errc::bad_message);
    return {};
}

}  // namespace

Task<void> send_snapshot(asio::io_context& io,
                         SnapshotTransferOptions options,
                         std::shared_ptr<PeerStream> stream,
                         Worker& worker,
                         PeerCounters& counters) {
    stream->set_deadline(options.stall_max);
    const auto frame = co_await stream->read_frame();
    const bool is_fetch = frame && frame.value().type == FrameType::fetch;
    const auto request = is_fetch ? decode_fetch(frame.value().content) : std::nullopt;
    if (!request) co_return;
    const auto file = std::make_shared<File>();
    const auto path = snapshot_path(options.directory, request->index);
    const auto open = [file, path]() -> Result<std::uint64_t> {
        *file = File(path, File::Mode::read);
        return file->size();
    };
    const auto size = co_await on_worker<std::uint64_t>(io, worker, open);
    if (!size || request->offset > size.value()) {
        co_await refuse(stream, "there is no such snapshot");
        co_return;
    }
    std::string out;
    encode_size(size.value(), out);
    asio::steady_timer pace(io, Clock::now());
    for (auto offset = request->offset; offset < size.value() || !out.empty();) {
        const auto count = std::min<std::uint64_t>(chunk_bytes_max, size.value() - offset);
        const auto read = [file, offset, count]() -> Result<std::string> {
            return file->read(offset, count);
        };
        if (count > 0) {
            const auto chunk = co_await on_worker<std::string>(io, worker, read);
            if (!chunk || chunk.value().size() != count) co_return;
            encode_chunk(chunk.value(), out);
        }
        stream->set_deadline(options.stall_max);
        const auto error = co_await stream->write(out);
        if (error) co_return;
        out.clear();
        offset += count;
        counters.snapshot_bytes_sent.add(count);
        const auto worth = std::chrono::microseconds(count * 1'000'000 / options.bytes_per_second);
        pace.expires_at(std::max(pace.expiry() + worth, Clock::now()));
        co_await pace.async_wait(use_tuple);
    }
    // The other side closes, when it has all.
    static_cast<void>(co_await stream->read_frame());
}

SnapshotFetch::SnapshotFetch(asio::io_context& io,
                             SnapshotTransferOptions options,
                             Worker& worker,
                             PeerCounters& counters,
                             Dial dial)
    : io_(io),
      options_(std::move(options)),
      worker_(worker),
      counters_(counters),
      dial_(std::move(dial)),
      pause_(io) {}

void SnapshotFetch::start(Wanted wanted) {
    wanted_ = std::move(wanted);
    spawn(io_, "snapshot fetch", [self = shared_from_this()] { return self->run(); });
}

void SnapshotFetch::give_up() {
    given_up_ = true;
    pause_.cancel();
    if (stream_) stream_->close();
}

void SnapshotFetch::finish(const Result<void>& result) {
    if (!std::exchange(given_up_, true)) wanted_.done(result);
}

Task<void> SnapshotFetch::run() {
    const auto create = [this]() -> Result<void> {
        fs::remove(wanted_.into);
        file_ = std::make_shared<File>(wanted_.into, File::Mode::create);
        return {};
    };
    auto result = co_await on_worker<void>(io_, worker_, create);
    auto progress = Clock::now();
    bool complete = false;
    while (result && !complete && !given_up_) {
        const auto before = have_;
        const auto error = co_await pull();
        complete = !error;
        if (have_ > before) progress = Clock::now();
        if (failure_) result = failure_;
        if (result && error && Clock::now() - progress > options_.patience) result = error;
        if (!result || complete || given_up_) break;
        pause_.expires_after(options_.retry);
        co_await pause_.async_wait(use_tuple);
    }
    const auto settle = [this]() -> Result<void> {
        file_->sync();
        return check(wanted_.into, wanted_.snapshot);
    };
    if (complete) result = co_await on_worker<void>(io_, worker_, settle);
    finish(result);
}

// One connection. No error: the file is complete.
Task<Error> SnapshotFetch::pull() {
    auto dialled = co_await dial_();
    if (!dialled) co_return dialled.error();
    stream_ = dialled.value();
    if (given_up_) co_return make_error_code(errc::operation_canceled);
    stream_->set_content_bytes_max(chunk_bytes_max);
    stream_->set_deadline(options_.stall_max);
    std::string out;
    const FetchRequest request{wanted_.snapshot.index, have_};
    encode_fetch(request, out);
    auto error = co_await stream_->write(out);
    if (error) co_return error;
    const auto frame = co_await stream_->read_frame();
    if (!frame) co_return frame.error();
    if (frame.value().type == FrameType::refusal) {
        co_return failure_ = make_error_code(errc::no_such_file_or_directory);
    }
    const bool is_size = frame.value().type == FrameType::size;
    const auto size = is_size ? decode_size(frame.value().content) : std::nullopt;
    if (!size) co_return make_error_code(errc::bad_message);
    error = co_await receive(*size);
    stream_->close();
    co_return error;
}

Task<Error> SnapshotFetch::receive(std::uint64_t size) {
    while (have_ < size && !given_up_) {
        stream_->set_deadline(options_.stall_max);
        const auto frame = co_await stream_->read_frame();
        if (!frame) co_return frame.error();
        const auto& [type, content] = frame.value();
        if (type != FrameType::chunk || content.empty() || content.size() > size - have_) {
            co_return make_error_code(errc::bad_message);
        }
        const auto write =
            [file = file_, at = have_, chunk = std::string(content)]() -> Result<void> {
            file->write_at(at, chunk);
            file->write_back(at, at + chunk.size());
            return {};
        };
        const auto count = content.size();
        const auto written = co_await on_worker<void>(io_, worker_, write);
        if (!written) co_return failure_ = written.error();
        have_ += count;
        counters_.snapshot_bytes_received.add(count);
    }
    co_return Error();
}

}  // namespace coord
