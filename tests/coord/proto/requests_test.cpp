#include "coord/proto/requests.hpp"

#include "coord/proto/error.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
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

struct Frame {
    bool from_client = false;
    int connection = 0;
    std::string body;
};

// What real clients and the real server said to each other, see the head of that file.
std::vector<Frame> golden_frames() {
    const auto tests = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path();
    std::ifstream in(tests / "golden" / "frames.txt");
    std::vector<Frame> frames;
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with('#')) continue;
        std::istringstream words(line);
        std::string direction;
        std::string hex;
        Frame frame;
        words >> direction >> frame.connection >> hex;
        frame.from_client = direction == ">";
        const auto bytes = from_hex(hex);
        EXPECT_EQ(static_cast<std::size_t>(Decoder(bytes).int32()), bytes.size() - 4);
        frame.body = bytes.substr(4);
        frames.push_back(std::move(frame));
    }
    return frames;
}

template <class Request, class... Op>
void copy(Decoder& in, Encoder& out, Op... op) {
    Request::decode(in, op...).encode(out, op...);
}

void copy_multi(Decoder& in, Encoder& out) {
    for (;;) {
        const auto header = MultiHeader::decode(in);
        header.encode(out);
        if (in.failed() || header.done) return;
        switch (header.op) {
            case OpCode::create: copy<CreateRequest>(in, out, header.op); break;
            case OpCode::set_data: copy<SetDataRequest>(in, out); break;
            default: copy<RemoveRequest>(in, out);
        }
    }
}

void copy_request(OpCode op, Decoder& in, Encoder& out) {
    switch (op) {
        case OpCode::create:
        case OpCode::create2:
        case OpCode::create_container:
        case OpCode::create_ttl: return copy<CreateRequest>(in, out, op);
        case OpCode::remove: return copy<RemoveRequest>(in, out);
        case OpCode::set_data: return copy<SetDataRequest>(in, out);
        case OpCode::set_acl: return copy<SetAclRequest>(in, out);
        case OpCode::exists:
        case OpCode::get_data:
        case OpCode::get_children:
        case OpCode::get_children2: return copy<ReadRequest>(in, out);
        case OpCode::auth: return copy<AuthRequest>(in, out);
        case OpCode::add_watch:
        case OpCode::remove_watches: return copy<WatchRequest>(in, out);
        case OpCode::multi: return copy_multi(in, out);
        case OpCode::get_acl:
        case OpCode::sync:
        case OpCode::get_ephemerals:
        case OpCode::get_all_children_number: return out.ustring(in.ustring());
        default: return;
    }
}

TEST(Requests, every_frame_of_kazoo_and_zkcli_reads_and_writes_back_unchanged) {
    std::set<OpCode> seen;
    std::set<int> greeted;
    for (const auto& frame : golden_frames()) {
        if (!frame.from_client) continue;
        std::string again;
        Encoder out(again);
        if (greeted.insert(frame.connection).second) {
            ConnectRequest::decode(frame.body).value().encode(out);
        } else {
            Decoder in(frame.body);
            const auto header = decode_request_header(in);
            encode(out, header);
            copy_request(header.op, in, out);
            EXPECT_TRUE(in.finish());
            EXPECT_EQ(in.rest(), "");
            seen.insert(header.op);
        }
        EXPECT_EQ(again, frame.body);
    }
    EXPECT_GE(seen.size(), 18U);
}

TEST(Requests, every_frame_of_the_server_reads_and_writes_back_unchanged) {
    std::set<int> greeted;
    int events = 0;
    for (const auto& frame : golden_frames()) {
        if (frame.from_client) continue;
        std::string again;
        Encoder out(again);
        if (greeted.insert(frame.connection).second) {
            ConnectResponse::decode(frame.body).value().encode(out);
            EXPECT_EQ(again, frame.body);
            continue;
        }
        Decoder in(frame.body);
        const auto header = decode_reply_header(in);
        encode(out, header);
        if (header.xid == notification_xid) {
            encode(out, decode_watcher_event(in));
            ++events;
        } else {
            again.append(in.rest());
        }
        EXPECT_EQ(again, frame.body);
    }
    EXPECT_GT(events, 2);
}

TEST(Requests, a_handshake_says_what_the_recorded_one_said) {
    const auto frames = golden_frames();
    ASSERT_GT(frames.size(), 2U);

    const auto request = ConnectRequest::decode(frames[0].body).value();
    const auto response = ConnectResponse::decode(frames[1].body).value();

    EXPECT_EQ(request.timeout_ms, 10000);
    EXPECT_EQ(request.session, SessionId{0});
    EXPECT_EQ(request.password, std::string(16, '\0'));
    EXPECT_EQ(request.read_only, false);
    EXPECT_EQ(response.timeout_ms, 10000);
    EXPECT_NE(response.session, SessionId{0});
    EXPECT_EQ(response.read_only, false);
}

TEST(Requests, a_handshake_of_old_clients_knows_no_read_only) {
    ConnectRequest request;
    const std::string password(16, 'p');
    request.password = password;
    std::string bytes;
    Encoder out(bytes);
    request.encode(out);
    EXPECT_EQ(bytes.size(), 44U);
    EXPECT_EQ(ConnectRequest::decode(bytes).value().read_only, std::nullopt);

    std::string answer;
    Encoder answer_out(answer);
    ConnectResponse().encode(answer_out);
    EXPECT_EQ(answer.size(), 36U);
    EXPECT_EQ(ConnectResponse::decode(answer).value().read_only, std::nullopt);
}

TEST(Requests, a_cut_handshake_is_malformed) {
    const auto frames = golden_frames();
    for (std::size_t size = 0; size < 44; ++size) {
        EXPECT_EQ(ConnectRequest::decode(frames[0].body.substr(0, size)).error(),
                  Errc::marshalling_error);
    }
    for (std::size_t size = 0; size < 36; ++size) {
        EXPECT_EQ(ConnectResponse::decode(frames[1].body.substr(0, size)).error(),
                  Errc::marshalling_error);
    }
}

TEST(Requests, set_watches_has_three_lists_and_set_watches2_five) {
    SetWatchesRequest request;
    request.relative_zxid = Zxid{7};
    request.data = {"/d"};
    request.exist = {"/e"};
    request.child = {"/c1", "/c2"};
    request.persistent = {"/p"};
    request.persistent_recursive = {"/r"};
    std::string three;
    std::string five;
    Encoder out3(three);
    Encoder out5(five);

    request.encode(out3, OpCode::set_watches);
    request.encode(out5, OpCode::set_watches2);

    Decoder in(five);
    const auto read = SetWatchesRequest::decode(in, OpCode::set_watches2);
    EXPECT_EQ(read.relative_zxid, Zxid{7});
    EXPECT_EQ(read.child, request.child);
    EXPECT_EQ(read.persistent_recursive, request.persistent_recursive);
    EXPECT_TRUE(in.rest().empty());
    EXPECT_TRUE(five.starts_with(three));
    Decoder in3(three);
    EXPECT_TRUE(SetWatchesRequest::decode(in3, OpCode::set_watches).persistent.empty());
    EXPECT_TRUE(in3.rest().empty() && !in3.failed());
}

}  // namespace
}  // namespace coord
