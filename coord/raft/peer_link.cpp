#include "coord/raft/peer_link.hpp"

#include "coord/raft/message_check.hpp"
#include "coord/raft/peer_transport.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace coord {

namespace {

constexpr std::size_t kept_bytes = std::size_t{1} << 20U;  // of a queue that has become empty
constexpr std::string_view broke_protocol = "it broke the protocol";

// Nobody stands for another.
bool is_honest(const Message& message) {
    const auto* vote = std::get_if<RequestVote>(&message.body);
    return is_well_formed(message) && (vote == nullptr || vote->candidate == message.peer);
}

}  // namespace

PeerLink::PeerLink(std::shared_ptr<Host> host, std::shared_ptr<PeerStream> stream, MemberId peer)
    : host_(std::move(host)), stream_(std::move(stream)), peer_(peer) {}

void PeerLink::start() {
    stream_->set_content_bytes_max(frame_bytes_max);
    spawn(host_->io, "peer link", [self = shared_from_this()] { return self->read(); });
}

void PeerLink::send(const Message& message) {
    if (!open_) return;
    host_->counters.frames_sent.add(encode_message(message, queue_));
    if (queued() > host_->queue_bytes_max) {
        host_->counters.queue_overflows.add();
        close();
        return;
    }
    need_write();
}

bool PeerLink::send_letter(std::string_view letter) {
    // Half of the queue is for Raft's messages alone.
    if (!open_ || queued() + letter.size() > host_->queue_bytes_max / 2) return false;
    encode_letter(letter, queue_);
    host_->counters.frames_sent.add();
    need_write();
    return true;
}

void PeerLink::close() {
    if (!std::exchange(open_, false)) return;
    stream_->close();
}

// Whatever else comes in this turn goes with it.
void PeerLink::need_write() {
    if (std::exchange(write_due_, true)) return;
    boost::asio::post(host_->io, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self || !self->open_) return;
        spawn(self->host_->io, "peer link writes", [self] { return self->write(); });
    });
}

Task<void> PeerLink::write() {
    while (open_ && !queue_.empty()) {
        std::swap(queue_, writing_);
        const auto error = co_await stream_->write(writing_);
        if (error) close();
        host_->counters.writes.add();
        host_->counters.bytes_sent.add(writing_.size());
        if (writing_.capacity() > kept_bytes) std::string().swap(writing_);
        writing_.clear();
    }
    write_due_ = false;
}

Task<void> PeerLink::read() {
    std::string why;
    auto seen = stream_->bytes_read();
    while (open_ && why.empty()) {
        const auto frame = co_await stream_->read_frame();
        host_->counters.bytes_received.add(stream_->bytes_read() - seen);
        seen = stream_->bytes_read();
        if (!open_) break;
        if (!frame) {
            const bool malformed = frame.error() == boost::system::errc::bad_message ||
                                   frame.error() == boost::system::errc::message_size;
            if (malformed) host_->counters.of(PeerRefusal::malformed).add();
            why = malformed ? std::string(broke_protocol) : frame.error().message();
            break;
        }
        host_->counters.frames_received.add();
        why = take(frame.value());
    }
    close();
    host_->ended(*this, why);
}

std::string_view PeerLink::take(const Frame& frame) {
    if (frame.type == FrameType::letter &&
        frame.content.size() <= PeerTransport::letter_bytes_max) {
        host_->letter(peer_, frame.content);
        return {};
    }
    if (frame.type == FrameType::message) {
        const auto message = decode_message(peer_, frame.content);
        if (message && is_honest(*message)) {
            host_->message(*message);
            return {};
        }
    }
    host_->counters.of(PeerRefusal::malformed).add();
    return broke_protocol;
}

}  // namespace coord
