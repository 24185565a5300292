#include "coord/client/reply_buffer.hpp"

#include "coord/proto/error.hpp"
#include "coord/proto/jute.hpp"

#include <algorithm>
#include <cassert>

namespace coord {
namespace {

constexpr std::size_t usual_bytes = std::size_t{64} << 10U;
constexpr std::size_t length_bytes = 4;

}  // namespace

ReplyBuffer::ReplyBuffer(std::size_t frame_bytes_max)
    : frame_bytes_max_(frame_bytes_max), bytes_(usual_bytes, '\0') {}

std::string_view ReplyBuffer::filled() const {
    return std::string_view(bytes_).substr(begin_, end_ - begin_);
}

std::span<char> ReplyBuffer::space() {
    const auto kept = end_ - begin_;
    if (begin_ > 0) {
        std::copy_n(filled().begin(), kept, bytes_.begin());  // downwards: may overlap
        begin_ = 0;
        end_ = kept;
    }
    const auto size = std::max(usual_bytes, wanted_);
    if (bytes_.size() < size) bytes_.resize(size);
    if (bytes_.size() > size && kept == 0) bytes_ = std::string(size, '\0');
    assert(end_ < bytes_.size());
    return std::span(bytes_).subspan(end_);
}

void ReplyBuffer::commit(std::size_t size) {
    assert(size <= bytes_.size() - end_);
    end_ += size;
}

Result<std::optional<std::string_view>> ReplyBuffer::next() {
    wanted_ = 0;
    const auto bytes = filled();
    if (bytes.size() < length_bytes) return std::optional<std::string_view>();
    const auto length = Decoder(bytes).int32();
    if (length < 0 || static_cast<std::size_t>(length) > frame_bytes_max_) {
        return Errc::marshalling_error;
    }
    const auto size = length_bytes + static_cast<std::size_t>(length);
    if (bytes.size() < size) {
        wanted_ = size;
        return std::optional<std::string_view>();
    }
    begin_ += size;
    return std::optional(bytes.substr(length_bytes, size - length_bytes));
}

}  // namespace coord
