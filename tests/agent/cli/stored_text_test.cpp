#include "agent/cli/stored_text.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace agent {
namespace {

coord::StoredServer example() {
    coord::StoredServer server;
    server.member = 0xab;
    server.cluster = 0xcd;
    server.term = 4;
    server.last_index = 99;
    server.last_term = 3;
    server.servers = {{0xab, "10.0.0.1:2888", coord::ListedServer::Role::voter, false, false, {}}};
    auto& snapshot = server.snapshot.emplace();
    snapshot.index = 90;
    snapshot.all = {7, 700};
    snapshot.below["/services"] = {5, 500};
    return server;
}

TEST(StoredText, says_what_is_there_for_people) {
    const auto text = describe(example(), false);

    for (const auto* part : {"server 00000000000000ab, of the cluster 00000000000000cd",
                             "index 99, term 3",
                             "10.0.0.1:2888",
                             "snapshot: index 90",
                             "/services  5       500"}) {
        EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
    }
}

TEST(StoredText, says_the_same_as_json) {
    const auto value = boost::json::parse(describe(example(), true));

    EXPECT_EQ(value.at("ID"), "00000000000000ab");
    EXPECT_EQ(value.at("LastIndex"), 99);
    EXPECT_EQ(value.at("Snapshot").at("Below").at("/services").at("Znodes"), 5);
}

TEST(StoredText, a_core_is_found_in_the_agents_data_directory) {
    std::string fault;

    const auto found = find_core({{}, "/somewhere"}, fault);

    ASSERT_TRUE(found) << fault;
    EXPECT_EQ(found->path, "/somewhere/coord");
    EXPECT_FALSE(find_core({"/no/such/file", {}}, fault));
    EXPECT_FALSE(fault.empty());
}

}  // namespace
}  // namespace agent
