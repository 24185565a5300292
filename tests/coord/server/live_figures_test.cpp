#include "coord/server/live_figures.hpp"

#include "tests/support/running_core.hpp"
#include "tests/support/wire_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coord {
namespace {

using testing::HasSubstr;

struct LiveFiguresTest : testing::Test {
    LiveFiguresTest() {
        client.open();
        client.ask(WireClient::create(1, "/e", 1));
        client.ask(WireClient::read(2, OpCode::get_data, "/e", true));
    }
    std::string word(std::string_view asked) const {
        WireClient asking(core.port());
        asking.send(asked);
        return asking.read_all();
    }

    RunningCore core;
    WireClient client{core.port()};
};

TEST_F(LiveFiguresTest, tell_of_the_server_and_its_tree) {
    EXPECT_THAT(word("srvr"), HasSubstr("Mode: standalone\n"));
    EXPECT_THAT(word("srvr"), HasSubstr("Zxid: 0x2\n"));
    EXPECT_THAT(word("mntr"), HasSubstr("zk_ephemerals_count\t1\n"));
    EXPECT_THAT(word("conf"), HasSubstr("clientPort=" + std::to_string(core.port())));
}

TEST_F(LiveFiguresTest, tell_of_the_process) {
    const auto told = word("mntr");
    const auto figure = [&](const std::string& name) {
        const auto at = told.find("\nzk_" + name + "\t");
        return at == std::string::npos ? -1 : std::stod(told.substr(at + name.size() + 5));
    };
    EXPECT_GT(figure("open_file_descriptor_count"), 0);
    EXPECT_GE(figure("max_file_descriptor_count"), figure("open_file_descriptor_count"));
    EXPECT_EQ(figure("connection_request_count"), 2);
    EXPECT_EQ(figure("cnt_updatelatency"), 1);
}

TEST_F(LiveFiguresTest, tell_of_connections_and_who_asks) {
    EXPECT_THAT(word("stat"), HasSubstr("(queued=0,recved=3,sent=3)\n"));
    EXPECT_THAT(word("cons"), HasSubstr(",lop=GETD,"));
    EXPECT_THAT(word("cons"), HasSubstr("[0](queued=0,recved=1,sent=0)\n"));
}

TEST_F(LiveFiguresTest, tell_of_sessions_and_their_watches) {
    EXPECT_THAT(word("dump"), HasSubstr("Sessions with Ephemerals (1):\n"));
    EXPECT_EQ(word("wchs"), "1 connections watching 1 paths\nTotal watches:1\n");
    EXPECT_THAT(word("wchp"), HasSubstr("/e\n\t0x"));
}

TEST_F(LiveFiguresTest, begin_anew_when_they_are_told_to) {
    word("crst");
    EXPECT_THAT(word("stat"), HasSubstr("(queued=0,recved=0,sent=0)\n"));
    word("srst");
    EXPECT_THAT(word("srvr"), HasSubstr("Received: 0\nSent: 0\n"));
}

}  // namespace
}  // namespace coord
