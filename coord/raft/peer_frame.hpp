#pragma once
// What is on the wire between two members: frames, and what is in them.
//
// Fed by:  PeerLinks: what to send, and the bytes that came.
// Read by: PeerLinks.
// Thread:  any; they are values.
// Holds:   a length is checked before anything is allocated for it, and nothing is read behind the
//          end. What was encoded decodes as the same.
// Fails:   the decoders return nothing, and FrameBuffer std::errc::bad_message or message_size, for
//          bytes that no member of this version sends.

#include "coord/base/result.hpp"
#include "coord/raft/configuration.hpp"
#include "coord/raft/founding.hpp"
#include "coord/raft/message.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

inline constexpr std::uint16_t peer_protocol_version = 1;
inline constexpr std::size_t frame_header_bytes = 5;  // length, type
inline constexpr std::size_t frame_bytes_max = (std::size_t{4} << 20U) + (std::size_t{64} << 10U);
inline constexpr std::size_t hello_bytes_max = std::size_t{16} << 10U;
inline constexpr std::size_t chunk_bytes_max = std::size_t{256} << 10U;
inline constexpr std::size_t servers_max = 15;

// The numbers are those on the wire.
enum class FrameType : std::uint8_t {
    hello = 1,    // the first of each side
    refusal = 2,  // instead of it, or of what was asked for: why, in words. The last.
    message = 3,
    letter = 4,
    fetch = 5,  // of a snapshot; answered by its size,
    size = 6,
    chunk = 7,  // then by so many bytes of it
};

// What the dialling side wants, and what the other is ready for. ask: nothing but the Hellos.
enum class PeerPurpose : std::uint8_t { ask = 1, link = 2, fetch = 3 };

// Who one is, and what one knows of the cluster. The first thing that each side says.
struct Hello {
    PeerPurpose purpose = PeerPurpose::ask;
    MemberId id{};
    std::uint64_t incarnation = 0;     // drawn at each start of the process
    ClusterId cluster{};               // none: it waits for one
    std::string address = {};          // where it listens
    std::vector<Member> members = {};  // of the newest configuration; empty without a cluster
    // Whose entry 1 it is. Without a cluster: those it would found one with, once it has seen all.
    std::vector<Member> founders = {};
    std::vector<std::string> servers = {};  // as configured, sorted

    bool operator==(const Hello&) const = default;
};

struct FetchRequest {
    Index index{};  // of the snapshot
    std::uint64_t offset = 0;

    bool operator==(const FetchRequest&) const = default;
};

// Each appends one frame.
void encode_hello(const Hello& hello, std::string& out);
void encode_refusal(std::string_view why, std::string& out);
void encode_letter(std::string_view letter, std::string& out);
void encode_fetch(const FetchRequest& request, std::string& out);
void encode_size(std::uint64_t size, std::string& out);
void encode_chunk(std::string_view chunk, std::string& out);
// One frame, or several: entries that do not fit into one follow as a message of their own.
// Returns how many. An entry must be smaller than frame_bytes_max by 64 KiB.
std::size_t encode_message(const Message& message, std::string& out);

// Each of the content of one frame.
std::optional<Hello> decode_hello(std::string_view content);
// Whose peer is `from`.
std::optional<Message> decode_message(MemberId from, std::string_view content);
std::optional<FetchRequest> decode_fetch(std::string_view content);
std::optional<std::uint64_t> decode_size(std::string_view content);
// Of a Hello of whatever version: what the other side speaks.
std::optional<std::uint16_t> decode_version(std::string_view content);

struct Frame {
    FrameType type{};
    std::string_view content;  // valid until the next prepare()
};

// The bytes of a stream, cut into frames.
class FrameBuffer {
public:
    explicit FrameBuffer(std::size_t content_bytes_max) : content_bytes_max_(content_bytes_max) {}

    // Where the next bytes of the stream are to be put, and that they were.
    std::span<char> prepare();
    void commit(std::size_t count) { end_ += count; }
    // The next whole frame, if there is one.
    Result<std::optional<Frame>> next();
    void set_content_bytes_max(std::size_t bytes) { content_bytes_max_ = bytes; }

private:
    std::size_t content_bytes_max_;
    std::string bytes_;  // those of [begin_, end_) are there
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t wanted_ = 0;  // of the frame at begin_, its header included
};

}  // namespace coord
