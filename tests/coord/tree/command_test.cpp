#include "coord/proto/jute.hpp"
#include "coord/tree/state_machine.hpp"

#include <gtest/gtest.h>

#include <string>

namespace coord {
namespace {

TEST(Command, reads_back_as_it_was_written) {
    Command command;
    command.op = OpCode::set_data;
    command.session = SessionId{-5};
    command.time_ms = 1234567890123;
    command.ids = {{"ip", "::1"}, {"digest", "u:h"}};
    command.body = "body";
    std::string bytes;
    Encoder out(bytes);

    encode(out, command);

    Decoder in(bytes);
    const auto read = decode_command(in);
    EXPECT_TRUE(in.finish() && in.rest().empty());
    EXPECT_EQ(read.op, command.op);
    EXPECT_EQ(read.session, command.session);
    EXPECT_EQ(read.time_ms, command.time_ms);
    EXPECT_EQ(read.ids, command.ids);
    EXPECT_EQ(read.body, "body");
}

TEST(Command, several_stand_behind_each_other) {
    Command opens;
    opens.op = OpCode::create_session;
    opens.session = SessionId{7};
    opens.timeout_ms = 4000;
    opens.password.fill('s');
    Command closes;
    closes.op = OpCode::close_session;
    closes.session = SessionId{7};
    std::string bytes;
    Encoder out(bytes);
    encode(out, opens);
    encode(out, closes);

    Decoder in(bytes);
    const auto first = decode_command(in);
    const auto second = decode_command(in);

    EXPECT_EQ(first.timeout_ms, 4000);
    EXPECT_EQ(first.password, opens.password);
    EXPECT_EQ(second.op, OpCode::close_session);
    EXPECT_TRUE(in.finish() && in.rest().empty());
}

TEST(Command, cut_anywhere_it_is_malformed) {
    Command command;
    command.op = OpCode::create_session;
    command.ids = {{"ip", "127.0.0.1"}};
    command.body = "x";
    std::string bytes;
    Encoder out(bytes);
    encode(out, command);

    for (std::size_t size = 0; size < bytes.size(); ++size) {
        Decoder in(std::string_view(bytes).substr(0, size));
        decode_command(in);
        EXPECT_TRUE(in.failed()) << size;
    }
}

}  // namespace
}  // namespace coord
