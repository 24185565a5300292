// Apache ZooKeeper's own answers to a few hundred requests, see tests/golden/tree_operations.txt.

#include "tests/support/tree_machine.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

namespace coord {
namespace {

std::string from_hex(std::string_view hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
    }
    return bytes;
}

struct Line {
    std::string label;
    SessionId session{};
    std::vector<Id> ids;
    OpCode op{};
    std::string request;
    std::int64_t zxid = 0;
    std::int32_t error = 0;
    std::string reply;
};

std::vector<Id> parse_ids(const std::string& text) {
    std::vector<Id> ids;
    std::istringstream in(text);
    for (std::string item; std::getline(in, item, ',');) {
        const auto colon = item.find(':');
        ids.push_back({item.substr(0, colon), item.substr(colon + 1)});
    }
    return ids;
}

Line parse_line(const std::string& text) {
    Line line;
    std::istringstream in(text);
    std::int64_t session = 0;
    std::string ids;
    std::string request;
    std::string reply;
    in >> line.label >> session >> ids >> request >> line.zxid >> line.error >> reply;
    line.session = SessionId{0x1000 + session};
    line.ids = parse_ids(ids);
    if (const auto colon = request.find(':'); colon != std::string::npos) {
        line.op = OpCode{std::stoi(request.substr(0, colon))};
        line.request = from_hex(request.substr(colon + 1));
    }
    line.reply = reply == "-" ? "" : from_hex(reply);
    return line;
}

std::vector<Line> read_golden(const std::string& name) {
    const auto tests = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
    std::ifstream in(tests / "golden" / name);
    std::vector<Line> lines;
    for (std::string text; std::getline(in, text);) {
        if (!text.starts_with('#')) lines.push_back(parse_line(text));
    }
    return lines;
}

bool is_write(OpCode op) {
    switch (op) {
        case OpCode::create:
        case OpCode::create2:
        case OpCode::create_container:
        case OpCode::create_ttl:
        case OpCode::remove:
        case OpCode::set_data:
        case OpCode::set_acl:
        case OpCode::multi: return true;
        default: return false;
    }
}

// Neither server promises an order of names.
std::string with_sorted_names(OpCode op, const std::string& reply) {
    const bool has_names =
        op == OpCode::get_children || op == OpCode::get_children2 || op == OpCode::get_ephemerals;
    if (!has_names || reply.empty()) return reply;
    Decoder in(reply);
    auto names = in.strings();
    std::sort(names.begin(), names.end());
    std::string sorted;
    Encoder(sorted).strings({names.begin(), names.end()});
    return sorted.append(in.rest());
}

TEST(Golden, every_answer_is_the_one_that_apache_zookeeper_gave) {
    const auto lines = read_golden("tree_operations.txt");
    ASSERT_GT(lines.size(), 200U);
    Machine machine;
    machine.tree = StateMachine();
    machine.now_ms = 0;

    for (const auto& line : lines) {
        if (line.label == "open") {
            ASSERT_EQ(machine.open(line.session).error, Errc::ok);
            continue;
        }
        Errc error{};
        std::string reply;
        if (is_write(line.op)) {
            machine.session = line.session;
            machine.ids = line.ids;
            auto outcome = machine.apply(line.op, line.request);
            error = outcome.error;
            reply = outcome.body;
        } else {
            auto outcome = machine.tree.read(line.op, line.request, line.session, line.ids);
            error = outcome.error;
            reply = outcome.body;
        }
        const auto what = line.label + " " + to_hex(line.request);
        EXPECT_EQ(static_cast<std::int32_t>(error), line.error) << what;
        EXPECT_EQ(static_cast<std::int64_t>(machine.tree.last_zxid()), line.zxid) << what;
        EXPECT_EQ(to_hex(with_sorted_names(line.op, reply)),
                  to_hex(with_sorted_names(line.op, line.reply)))
            << what;
    }
}

}  // namespace
}  // namespace coord
