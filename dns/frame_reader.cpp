#include "dns/frame_reader.hpp"

#include "dns/query.hpp"

namespace dns {

void FrameReader::append(Octets received) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(at_));
    at_ = 0;
    bytes_.insert(bytes_.end(), received.begin(), received.end());
}

std::optional<Octets> FrameReader::next() {
    const Octets rest = Octets(bytes_).subspan(at_);
    if (rest.size() < 2) return std::nullopt;
    const std::size_t size = read_u16(rest, 0);
    if (rest.size() - 2 < size) return std::nullopt;
    at_ += 2 + size;
    return rest.subspan(2, size);
}

}  // namespace dns
