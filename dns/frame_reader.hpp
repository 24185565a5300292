#pragma once
// Cuts what came over TCP into messages: two octets of length before each (RFC 1035 §4.2.2).
//
// Fed by:  TcpListener, with whatever the kernel had.
// Read by: TcpListener, message by message.
// Thread:  its owner's.
// Holds:   a frame may come in any pieces, and several in one. No more is kept than was appended and
//          not yet read.

#include "dns/name.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace dns {

class FrameReader {
public:
    void append(Octets received);
    // The next whole message, valid until the next append(). None while some of it is missing.
    std::optional<Octets> next();

private:
    std::vector<std::uint8_t> bytes_;
    std::size_t at_ = 0;  // of the next frame
};

}  // namespace dns
