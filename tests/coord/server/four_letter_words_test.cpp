#include "coord/server/four_letter_words.hpp"

#include "coord/proto/four_letter_word.hpp"

#include <gtest/gtest.h>

#include <regex>

namespace coord {
namespace {

struct FourLetterWordsTest : testing::Test {
    FourLetterWordsTest() {
        server.latency = {0, 13, 4.1111};
        server.received = 12;
        server.sent = 11;
        server.connections = 2;
        server.zxid = Zxid{0x1f};
        server.znodes = 8;
        process.counters = {{"connection_rejected", 4}};

        ConnectionLine client;
        client.address = "127.0.0.1:39190";
        client.session = SessionId{0x1000012dd5e0000};
        client.timeout = std::chrono::milliseconds(10000);
        client.figures.received = 9;
        client.figures.sent = 9;
        client.figures.last_op = OpCode::get_children;
        client.figures.established_ms = 1795316185030;
        client.figures.last_xid = 8;
        client.figures.last_zxid = Zxid{4};
        client.figures.latency_last_ms = 1;
        client.figures.latency_max_ms = 13;
        client.figures.latency_sum_ms = 40;
        client.figures.replies = 9;
        ConnectionLine asking;
        asking.address = "127.0.0.1:39222";
        asking.is_asking = true;
        asking.figures.received = 1;
        lines = {client, asking};
    }

    std::string answer(std::string_view word, const std::vector<std::string>& allowed = {"*"}) {
        const FigureSources sources{
            [&] { return serving; },
            [&] { return server; },
            [&] { return process; },
            [&] { return settings; },
            [&] { return lines; },
            [&] {
                return std::vector<SessionSet>{{1795316195000, {SessionId{0xabc}}}};
            },
            [&] {
                return std::vector<PathsOfSession>{{SessionId{0xabc}, {"/e", "/f"}}};
            },
            [&] {
                return std::vector<PathsOfSession>{{SessionId{0xabc}, {"/x", "/y"}},
                                                   {SessionId{0xdef}, {"/x"}}};
            },
            [&] { resets += "s"; },
            [&](std::optional<std::int64_t> mask) {
                return trace_mask = mask.value_or(trace_mask);
            },
            [&] { resets += "c"; }};
        return answer_four_letter_word(word, sources, allowed);
    }

    bool serving = true;
    ServerFigures server;
    ProcessFigures process;
    ServerSettings settings{2181, -1, "/var/lib/x", 42, {}, false, "membership: \n"};
    std::int64_t trace_mask = 306;
    std::vector<ConnectionLine> lines;
    std::string resets;
};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }
std::string after_first_line(const std::string& text) { return text.substr(text.find('\n') + 1); }

TEST_F(FourLetterWordsTest, ruok_and_isro_have_no_line_end) {
    EXPECT_EQ(answer("ruok"), "imok");
    EXPECT_EQ(answer("isro"), "rw");
    serving = false;
    EXPECT_EQ(answer("ruok"), "imok");
    EXPECT_EQ(answer("isro"), "null");
}

// The patterns are those of ZooKeeper's own tests and of its Go client.
TEST_F(FourLetterWordsTest, srvr_is_what_tools_parse) {
    const auto text = answer("srvr");

    EXPECT_TRUE(std::regex_match(first_line(text),
                                 std::regex(R"(Zookeeper version: \d+\.\d+\.\d+-[A-Za-z0-9.-]+, )"
                                            R"(built on \d\d/\d\d/\d{4} \d\d:\d\d [A-Z]+)")));
    EXPECT_EQ(after_first_line(text),
              "Latency min/avg/max: 0/4.1111/13\nReceived: 12\nSent: 11\nConnections: 2\n"
              "Outstanding: 0\nZxid: 0x1f\nMode: standalone\nNode count: 8\n");
}

TEST_F(FourLetterWordsTest, an_average_has_a_digit_behind_the_point_and_no_more_than_it_needs) {
    server.latency.average_ms = 0;
    EXPECT_NE(answer("srvr").find("Latency min/avg/max: 0/0.0/13\n"), std::string::npos);
    server.latency.average_ms = 2.5;
    EXPECT_NE(answer("srvr").find("Latency min/avg/max: 0/2.5/13\n"), std::string::npos);
}

TEST_F(FourLetterWordsTest, stat_lists_the_clients_the_asking_one_among_them) {
    EXPECT_EQ(after_first_line(answer("stat")).substr(0, 112),
              "Clients:\n"
              " /127.0.0.1:39190[1](queued=0,recved=9,sent=9)\n"
              " /127.0.0.1:39222[0](queued=0,recved=1,sent=0)\n"
              "\nLatency ");
}

TEST_F(FourLetterWordsTest, cons_tells_all_of_a_connection) {
    EXPECT_EQ(answer("cons"),
              " /127.0.0.1:39190[1](queued=0,recved=9,sent=9,sid=0x1000012dd5e0000,lop=GETC,"
              "est=1795316185030,to=10000,lcxid=0x8,lzxid=0x4,lresp=0,llat=1,minlat=0,avglat=4,"
              "maxlat=13)\n"
              " /127.0.0.1:39222[0](queued=0,recved=1,sent=0)\n\n");
}

TEST_F(FourLetterWordsTest, conf_says_one_setting_a_line) {
    const auto text = answer("conf");
    const std::string as_zookeeper =
        "clientPort=2181\nsecureClientPort=-1\ndataDir=/var/lib/x\ndataDirSize=42\n"
        "dataLogDir=/var/lib/x\ndataLogSize=42\ntickTime=2000\nmaxClientCnxns=0\n"
        "minSessionTimeout=4000\nmaxSessionTimeout=40000\nclientPortListenBacklog=-1\n"
        "serverId=0\n";
    EXPECT_EQ(text.substr(0, as_zookeeper.size()), as_zookeeper);
    EXPECT_NE(text.find("\nenforceQuota=false\n"), std::string::npos);
    EXPECT_TRUE(text.ends_with("\nmembership: \n"));
    each_limit(settings.limits, [&](const std::string& key, const auto&...) {
        EXPECT_NE(text.find("\nlimits." + key + "="), std::string::npos) << key;
    });
    EXPECT_NE(text.find("\nlimits.frame_bytes_max=1048575\n"), std::string::npos);
    EXPECT_NE(text.find("\nlimits.handshake_timeout=10000\n"), std::string::npos);
}

TEST_F(FourLetterWordsTest, mntr_has_a_tab_between_key_and_value) {
    const auto text = answer("mntr");

    for (const auto* line : {"zk_server_state\tstandalone\n",
                             "zk_znode_count\t8\n",
                             "zk_avg_latency\t4.1111\n",
                             "zk_packets_received\t12\n",
                             "zk_connection_rejected\t4\n"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line;
    }
    EXPECT_TRUE(std::regex_match(text, std::regex("(zk_[a-z0-9_]+\t[^\t\n]+\n)+")));
}

TEST_F(FourLetterWordsTest, mntr_tells_of_replies_and_of_the_time_they_took) {
    server.response_bytes_last = 16;
    server.response_bytes_min = 12;
    server.response_bytes_max = 90;
    process.timings = {{"readlatency", {1, 7, 4, 10}}};

    const auto text = answer("mntr");

    for (const auto* line : {"zk_last_client_response_size\t16\n",
                             "zk_min_client_response_size\t12\n",
                             "zk_max_client_response_size\t90\n",
                             "zk_avg_readlatency\t2.5\n",
                             "zk_min_readlatency\t1\n",
                             "zk_max_readlatency\t7\n",
                             "zk_cnt_readlatency\t4\n",
                             "zk_sum_readlatency\t10\n"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line;
    }
}

TEST_F(FourLetterWordsTest, mntr_tells_of_followers_only_where_there_are_some) {
    EXPECT_EQ(answer("mntr").find("zk_followers"), std::string::npos);
    server.mode = "leader";
    server.leader = LeaderFigures{2, 1, 0, 3, 3};

    const auto text = answer("mntr");

    for (const auto* line : {"zk_server_state\tleader\n",
                             "zk_learners\t2\n",
                             "zk_followers\t2\n",
                             "zk_synced_followers\t1\n",
                             "zk_pending_syncs\t3\n",
                             "zk_quorum_size\t3\n"}) {
        EXPECT_NE(text.find(line), std::string::npos) << line;
    }
}

TEST_F(FourLetterWordsTest, the_trace_mask_is_kept_and_told) {
    EXPECT_EQ(answer("gtmk"), "306");
    EXPECT_EQ(answer(std::string_view("stmk\0\0\0\0\0\0\0\x02", 12)), "2");
    EXPECT_EQ(answer("gtmk"), "2");
    EXPECT_EQ(four_letter_word_bytes("stmk"), 12U);
    EXPECT_EQ(four_letter_word_bytes("gtmk"), 4U);
}

TEST_F(FourLetterWordsTest, every_word_that_zookeeper_has_is_one) {
    for (const auto word : four_letter_word_names) EXPECT_TRUE(is_four_letter_word(word)) << word;
    EXPECT_EQ(answer("hash"), "");
}

TEST_F(FourLetterWordsTest, envi_names_the_version) {
    EXPECT_NE(answer("envi").find("\nzookeeper.version=3.8.4-"), std::string::npos);
    EXPECT_EQ(first_line(answer("envi")), "Environment:");
}

TEST_F(FourLetterWordsTest, dump_lists_sessions_by_expiry_and_their_ephemerals) {
    const auto text = answer("dump");

    EXPECT_TRUE(text.starts_with("SessionTracker dump:\nSession Sets (1)/(1):\n"
                                 "1 expire at Sun Nov 22 02:56:35 UTC 2026:\n\t0xabc\n"
                                 "ephemeral nodes dump:\nSessions with Ephemerals (1):\n"
                                 "0xabc:\n\t/e\n\t/f\nConnections dump:\n"))
        << text;
}

TEST_F(FourLetterWordsTest, watches_are_summed_up_by_session_and_by_path) {
    EXPECT_EQ(answer("wchs"), "2 connections watching 2 paths\nTotal watches:3\n");
    EXPECT_EQ(answer("wchc"), "0xabc\n\t/x\n\t/y\n0xdef\n\t/x\n\n");
    EXPECT_EQ(answer("wchp"), "/x\n\t0xabc\n\t0xdef\n/y\n\t0xabc\n\n");
}

TEST_F(FourLetterWordsTest, dirs_and_the_resets_answer_as_zookeeper_does) {
    EXPECT_EQ(answer("dirs"), "datadir_size: 42\nlogdir_size: 42\n");
    EXPECT_EQ(answer("srst"), "Server stats reset.\n");
    EXPECT_EQ(answer("crst"), "Connection stats reset.\n");
    EXPECT_EQ(resets, "sc");
    EXPECT_EQ(answer("gtmk"), "306");
}

TEST_F(FourLetterWordsTest, only_known_words_are_words) {
    EXPECT_TRUE(is_four_letter_word("stat"));
    EXPECT_FALSE(is_four_letter_word("zzzz"));
    EXPECT_FALSE(is_four_letter_word(std::string_view("\0\0\0\x2d", 4)));
}

TEST_F(FourLetterWordsTest, a_word_outside_the_allow_list_is_not_executed) {
    EXPECT_EQ(answer("srst", {"srvr", "ruok"}),
              "srst is not executed because it is not in the whitelist.\n");
    EXPECT_EQ(answer("ruok", {"srvr", "ruok"}), "imok");
    EXPECT_EQ(answer("ruok", {}), "ruok is not executed because it is not in the whitelist.\n");
    EXPECT_EQ(resets, "");
}

TEST_F(FourLetterWordsTest, a_server_that_does_not_serve_says_so) {
    serving = false;
    for (const auto* word : {"srvr", "stat", "mntr", "cons", "wchs"}) {
        EXPECT_EQ(answer(word), "This ZooKeeper instance is not currently serving requests\n");
    }
}

}  // namespace
}  // namespace coord
