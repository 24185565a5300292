// What a member reads from a connection, before and after it knows who is there.
//
// The first octet says which: the content of a Hello (0), of a message (1), of a request for a
// snapshot (2), or a stream of frames (3), which is cut into pieces of as many octets as the second
// says.

#include "coord/raft/message_check.hpp"
#include "coord/raft/peer_address.hpp"
#include "coord/raft/peer_frame.hpp"
#include "tests/fuzz/fuzz_input.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

namespace coord {
namespace {

using fuzz::expect;

std::string content_of(const std::string& frame) { return frame.substr(frame_header_bytes); }

// What decodes is what its encoding decodes to.
void read_hello(std::string_view bytes) {
    const auto hello = decode_hello(bytes);
    if (!hello) return;
    static_cast<void>(parse_peer_address(hello->address));
    std::string again;
    encode_hello(*hello, again);
    expect(decode_hello(content_of(again)) == hello);
}

void read_message(std::string_view bytes) {
    const auto message = decode_message(MemberId{1}, bytes);
    if (!message || !is_well_formed(*message)) return;
    std::string again;
    expect(encode_message(*message, again) == 1);
    expect(content_of(again) == bytes);
}

void read_requests(std::string_view bytes) {
    static_cast<void>(decode_size(bytes));
    const auto request = decode_fetch(bytes);
    if (!request) return;
    std::string again;
    encode_fetch(*request, again);
    expect(content_of(again) == bytes);
}

// However the stream is cut, the frames are the same, until it breaks off or is none.
void read_stream(std::string_view bytes, std::size_t piece) {
    FrameBuffer buffer(hello_bytes_max);
    while (!bytes.empty()) {
        const auto room = buffer.prepare();
        const auto count = std::min({room.size(), bytes.size(), piece});
        expect(count > 0);
        std::memcpy(room.data(), bytes.data(), count);
        buffer.commit(count);
        bytes.remove_prefix(count);
        for (;;) {
            const auto frame = buffer.next();
            if (!frame) return;
            if (!frame.value()) break;
            expect(frame.value()->content.size() <= hello_bytes_max);
            if (frame.value()->type == FrameType::hello) read_hello(frame.value()->content);
            if (frame.value()->type == FrameType::message) read_message(frame.value()->content);
        }
    }
}

}  // namespace
}  // namespace coord

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    fuzz::be_silent();
    fuzz::Input input(bytes, size);
    switch (input.byte() % 4) {
        case 0: coord::read_hello(input.rest()); break;
        case 1: coord::read_message(input.rest()); break;
        case 2: coord::read_requests(input.rest()); break;
        default: {
            const std::size_t piece = input.byte();
            coord::read_stream(input.rest(), piece + 1);
        }
    }
    return 0;
}
