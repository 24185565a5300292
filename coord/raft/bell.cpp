#include "coord/raft/bell.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <cassert>
#include <cerrno>
#include <cstdint>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace coord {

namespace asio = boost::asio;

struct Bell::Parts {
    asio::posix::stream_descriptor descriptor;
    std::function<void()> heard;
};

namespace {

int open_eventfd() {
    const int descriptor = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
    return descriptor;
}

}  // namespace

Bell::Bell(asio::io_context& io, std::function<void()> heard)
    : parts_(std::make_shared<Parts>(
          Parts{asio::posix::stream_descriptor(io, open_eventfd()), std::move(heard)})) {
    listen(parts_);
}

Bell::~Bell() {
    boost::system::error_code ignored;
    parts_->descriptor.close(ignored);
}

void Bell::ring() {
    const std::uint64_t once = 1;
    const auto written = ::write(parts_->descriptor.native_handle(), &once, sizeof once);
    assert(written == sizeof once);
}

void Bell::listen(const std::shared_ptr<Parts>& parts) {
    parts->descriptor.async_wait(
        asio::posix::stream_descriptor::wait_read,
        [weak = std::weak_ptr(parts)](const boost::system::error_code& error) {
            const auto self = weak.lock();
            if (error || !self || !self->descriptor.is_open()) return;
            // Silenced before `heard` looks, so that what comes meanwhile rings anew.
            std::uint64_t times = 0;
            const auto got = ::read(self->descriptor.native_handle(), &times, sizeof times);
            assert(got == sizeof times || errno == EAGAIN);
            listen(self);
            if (got == sizeof times) self->heard();
        });
}

}  // namespace coord
