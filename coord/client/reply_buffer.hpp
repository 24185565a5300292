#pragma once
// Bytes from the ensemble, until they make whole frames.
//
// Fed by:  ClientSession, with what the socket gave.
// Thread:  agent; confined to one connection.
// Holds:   memory is at most one frame of the size allowed, and the part of another one.
// Fails:   Errc::marshalling_error for a length that is negative or above the limit: the
//          connection cannot be read any further.

#include "coord/base/result.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace coord {

class ReplyBuffer {
public:
    explicit ReplyBuffer(std::size_t frame_bytes_max);

    // Where the next bytes go; never empty. Ends the life of the frames handed out before.
    std::span<char> space();
    void commit(std::size_t size);
    // The content of the next frame, or nullopt until all of it is here.
    Result<std::optional<std::string_view>> next();

private:
    [[nodiscard]] std::string_view filled() const;

    std::size_t frame_bytes_max_;
    std::string bytes_;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    std::size_t wanted_ = 0;  // size of the frame that has begun, its length field included
};

}  // namespace coord
