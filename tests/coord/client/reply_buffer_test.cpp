#include "coord/client/reply_buffer.hpp"

#include "coord/proto/error.hpp"
#include "coord/proto/jute.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace coord {
namespace {

std::string framed(std::string_view content) {
    std::string frame;
    const auto begun = begin_frame(frame);
    frame += content;
    end_frame(frame, begun);
    return frame;
}

// Gives the bytes as a socket would: as many at once as fit.
void feed(ReplyBuffer& buffer, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto space = buffer.space();
        const auto size = std::min(space.size(), bytes.size());
        std::copy_n(bytes.begin(), size, space.begin());
        buffer.commit(size);
        bytes.remove_prefix(size);
    }
}

TEST(ReplyBuffer, gives_a_frame_once_its_last_byte_is_here) {
    ReplyBuffer buffer(1000);
    const auto bytes = framed("hello");

    for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
        feed(buffer, std::string_view(bytes).substr(i, 1));
        EXPECT_FALSE(buffer.next().value().has_value()) << i;
    }
    feed(buffer, std::string_view(bytes).substr(bytes.size() - 1));

    EXPECT_EQ(buffer.next().value(), "hello");
    EXPECT_FALSE(buffer.next().value().has_value());
}

TEST(ReplyBuffer, gives_frames_that_came_together_one_by_one) {
    ReplyBuffer buffer(1000);

    feed(buffer, framed("a") + framed("") + framed("ccc").substr(0, 5));

    EXPECT_EQ(buffer.next().value(), "a");
    EXPECT_EQ(buffer.next().value(), "");
    EXPECT_FALSE(buffer.next().value().has_value());
    feed(buffer, framed("ccc").substr(5));
    EXPECT_EQ(buffer.next().value(), "ccc");
}

TEST(ReplyBuffer, grows_to_the_frame_and_shrinks_again) {
    ReplyBuffer buffer(std::size_t{1} << 20U);
    const auto usual = buffer.space().size();
    const std::string large(std::size_t{1} << 20U, 'x');

    const auto bytes = framed(large);
    feed(buffer, std::string_view(bytes).substr(0, 100));
    EXPECT_FALSE(buffer.next().value().has_value());
    feed(buffer, std::string_view(bytes).substr(100));

    EXPECT_EQ(buffer.next().value(), large);
    EXPECT_FALSE(buffer.next().value().has_value());
    EXPECT_EQ(buffer.space().size(), usual);
}

TEST(ReplyBuffer, refuses_a_length_that_is_negative_or_above_the_limit) {
    for (const auto* length : {"\x00\x00\x03\xe9", "\xff\xff\xff\xff", "\x7f\xff\xff\xff"}) {
        ReplyBuffer buffer(1000);

        feed(buffer, std::string_view(length, 4));

        EXPECT_EQ(buffer.next().error(), Errc::marshalling_error);
    }
}

}  // namespace
}  // namespace coord
