#include "coord/raft/snapshot_transfer.hpp"

#include "coord/raft/snapshot_store.hpp"
#include "tests/support/run_until.hpp"
#include "tests/support/stream_pair.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

namespace coord {
namespace {

namespace errc = boost::system::errc;
namespace fs = std::filesystem;
using std::chrono_literals::operator""ms;

const SnapshotMetadata metadata{Index{7}, Term{2}, Index{1}, "configuration"};

class SnapshotTransferTest : public testing::Test {
protected:
    SnapshotTransferTest() {
        options.directory = directory / "source";
        options.retry = 1ms;
        options.patience = 2000ms;
        fs::create_directories(options.directory);
        SnapshotFileWriter writer(options.directory, metadata);
        for (int i = 0; i < 20; ++i) writer.write(std::string(100'000, static_cast<char>('a' + i)));
        writer.finish();
    }

    // The next connections break off after `bytes` of them were relayed; 0: they do not.
    std::shared_ptr<SnapshotFetch> fetch(const SnapshotMetadata& wanted, int breaks) {
        breaks_ = breaks;
        const auto made = std::make_shared<SnapshotFetch>(
            io, options, worker, counters, [this] { return dial(); });
        made->start({wanted, directory / "fetched", [this](auto result) { done = result; }});
        return made;
    }

    Task<Result<std::shared_ptr<PeerStream>>> dial() {
        ++dials;
        const StreamPair pair(io);
        spawn(io, "source", [this, stream = pair.accepted] {
            return send_snapshot(io, options, stream, worker, counters);
        });
        if (breaks_-- > 0) {
            auto cut_at = counters.snapshot_bytes_received.value() + 300'000;
            spawn(io, "cut", [this, cut_at, stream = pair.accepted]() -> Task<void> {
                boost::asio::steady_timer tick(io);
                while (counters.snapshot_bytes_received.value() < cut_at) {
                    tick.expires_after(1ms);
                    co_await tick.async_wait(use_tuple);
                }
                stream->close();
            });
        }
        co_return pair.dialled;
    }

    std::string fetched() const {
        return File(directory / "fetched", File::Mode::read).read(0, 10'000'000);
    }
    std::string original() const {
        return File(snapshot_path(options.directory, metadata.index), File::Mode::read)
            .read(0, 10'000'000);
    }
    void await_done() {
        ASSERT_TRUE(run_until(io, [&] { return done.has_value(); }));
    }

    const TemporaryDirectory directory;
    SnapshotTransferOptions options;
    boost::asio::io_context io;
    PeerCounters counters;
    Worker worker;
    std::optional<Result<void>> done;
    int dials = 0;

private:
    int breaks_ = 0;
};

TEST_F(SnapshotTransferTest, the_file_arrives_whole) {
    const auto under_way = fetch(metadata, 0);
    await_done();

    EXPECT_TRUE(done->has_value());
    EXPECT_EQ(fetched(), original());
    EXPECT_EQ(dials, 1);
}

TEST_F(SnapshotTransferTest, goes_on_where_a_broken_connection_left_off) {
    options.bytes_per_second = 20'000'000;
    const auto under_way = fetch(metadata, 2);
    await_done();

    EXPECT_TRUE(done->has_value());
    EXPECT_EQ(fetched(), original());
    EXPECT_EQ(dials, 3);
    EXPECT_EQ(counters.snapshot_bytes_received.value(), original().size());
}

TEST_F(SnapshotTransferTest, what_was_there_before_is_not_mixed_in) {
    File(directory / "fetched", File::Mode::create).write_at(0, std::string(9'000'000, 'x'));
    const auto under_way = fetch(metadata, 0);
    await_done();

    EXPECT_EQ(fetched(), original());
}

TEST_F(SnapshotTransferTest, a_snapshot_that_is_not_there_is_not_asked_for_again) {
    auto other = metadata;
    other.index = Index{8};
    const auto under_way = fetch(other, 0);
    await_done();

    EXPECT_EQ(done->error(), errc::no_such_file_or_directory);
    EXPECT_EQ(dials, 1);
}

TEST_F(SnapshotTransferTest, a_file_that_is_damaged_or_another_is_not_passed_on) {
    auto other = metadata;
    other.term = Term{3};
    const auto first = fetch(other, 0);
    await_done();
    EXPECT_EQ(done->error(), errc::bad_message);

    done.reset();
    File(snapshot_path(options.directory, metadata.index), File::Mode::update)
        .write_at(1'000'000, "damage");
    const auto second = fetch(metadata, 0);
    await_done();
    EXPECT_EQ(done->error(), errc::bad_message);
}

TEST_F(SnapshotTransferTest, a_file_that_cannot_be_written_ends_it) {
    fs::create_directories(directory / "fetched" / "in the way");
    const auto under_way = fetch(metadata, 0);
    await_done();

    EXPECT_FALSE(done->has_value());
    EXPECT_EQ(dials, 0);
}

TEST_F(SnapshotTransferTest, what_is_given_up_says_nothing) {
    options.bytes_per_second = 1'000'000;
    const auto under_way = fetch(metadata, 0);
    ASSERT_TRUE(run_until(io, [&] { return counters.snapshot_bytes_received.value() > 0; }));

    under_way->give_up();
    ASSERT_TRUE(run_until(io, [&] { return under_way.use_count() == 1; }));

    EXPECT_FALSE(done.has_value());
}

}  // namespace
}  // namespace coord
