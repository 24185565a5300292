#pragma once
// Jute, ZooKeeper's serialisation: big-endian, no tags, no padding.
//
// Fed by:  requests.hpp; frames from the network (Decoder), which are hostile until decoded.
// Read by: client, server, tree, snapshots.
// Thread:  any; both are values confined to their user.
// Holds:   a Decoder never reads past its end and never allocates more than it was given.
// Fails:   Errc::marshalling_error, sticky: after the first failure every read yields a zero value,
//          so a record is decoded straight through and checked once, with finish() or failed().

#include "coord/base/result.hpp"
#include "coord/proto/records.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

// Bytes are char in this house: std::string owns them, std::string_view looks at them.
class Encoder {
public:
    explicit Encoder(std::string& out) : out_(out) {}

    void boolean(bool value);
    void int32(std::int32_t value);
    void int64(std::int64_t value);
    void ustring(std::string_view value);
    void buffer(std::optional<std::string_view> value);  // nullopt is length -1: null, not empty
    void strings(const std::vector<std::string>& values);
    void stat(const Stat& value);
    void acl(const std::vector<Acl>& value);

private:
    std::string& out_;
};

class Decoder {
public:
    explicit Decoder(std::string_view bytes) : rest_(bytes) {}

    bool boolean();
    std::int32_t int32();
    std::int64_t int64();
    std::string_view ustring();  // null is a failure
    std::optional<std::string_view> nullable_ustring();
    std::optional<std::string_view> buffer();  // nullopt is null
    std::vector<std::string_view> strings();   // null is empty
    Stat stat();
    std::optional<std::vector<Acl>> acl();  // nullopt is null; a null id reads as ""

    // A vector's count, believed only if so many elements fit into what is left; nullopt is null.
    std::optional<std::size_t> count(std::size_t element_bytes_min);

    // For what reads well but makes no sense.
    void fail();

    [[nodiscard]] std::string_view rest() const { return rest_; }
    [[nodiscard]] bool failed() const { return failed_; }
    // Trailing bytes are fine: ZooKeeper's own decoders ignore them.
    [[nodiscard]] Result<void> finish() const;

private:
    std::string_view take(std::size_t size);

    std::string_view rest_;
    bool failed_ = false;
};

// A frame is an int32 length and that many bytes. Reserves the length, returns where it stands.
std::size_t begin_frame(std::string& out);
void end_frame(std::string& out, std::size_t begun);

}  // namespace coord
