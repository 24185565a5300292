#include "coord/server/connection.hpp"

#include "coord/proto/jute.hpp"
#include "coord/server/credentials.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>

#include <array>
#include <cassert>
#include <utility>

namespace coord {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::size_t length_bytes = 4;
constexpr std::size_t keep_input_bytes = 4096;                // then an emptied buffer is freed
constexpr std::size_t compact_after = std::size_t{1} << 20U;  // bytes sent of a long output
constexpr int drained_reads_max = 64;

bool would_block(const Error& error) {
    return error == asio::error::would_block || error == asio::error::try_again;
}

}  // namespace

Connection::Connection(Host& host, tcp::socket socket, std::unique_ptr<TlsChannel> tls)
    : host_(host), socket_(std::move(socket)), tls_(std::move(tls)) {}

std::shared_ptr<Connection> Connection::self() {
    return std::static_pointer_cast<Connection>(shared_from_this());
}

void Connection::start() {
    Error error;
    socket_.non_blocking(true, error);
    socket_.set_option(tcp::no_delay(true), error);
    if (tls_) host_.counters.tls_outstanding.add(1);
    set_deadline();
    await_readable();
}

void Connection::set_deadline() {
    host_.deadlines.emplace_back(std::chrono::steady_clock::now() + host_.options.handshake_timeout,
                                 self());
}

void Connection::meet_deadline() {
    if (phase == Phase::open) return;
    const bool is_shaking = tls_ && !tls_->is_established();
    drop(is_shaking ? host_.counters.tls_timeout : host_.counters.dropped_handshake);
}

// ---- TLS

void Connection::queue_handshake() {
    host_.handshakes.push_back(self());
    if (host_.handshakes.size() == 1) host_.handshake_waits();
}

void Connection::shake_hands() {
    if (phase == Phase::gone) return;
    switch (tls_->shake_hands()) {
        case TlsChannel::Step::wants_read: return await_readable();
        case TlsChannel::Step::wants_write: return await_writable(&Connection::queue_handshake);
        case TlsChannel::Step::failed:
            counter_of(tls_->failure()).add();
            return finish();  // The alert that says why shall arrive.
        case TlsChannel::Step::done: break;
    }
    host_.counters.tls_outstanding.add(-1);
    host_.counters.tls_handshakes.add();
    introduce();
    if (phase != Phase::gone) on_readable();
}

// ZooKeeper's X509AuthenticationProvider: whoever has shown a certificate is its subject.
void Connection::introduce() {
    const auto peer = tls_->peer();
    if (!peer) return;
    if (peer->subject.size() > host_.options.auth_bytes_max) {
        drop(host_.counters.auth_failures);
        return;
    }
    for (auto& id : ids_of_certificate(peer->subject, host_.options.super_subject)) {
        command.ids.push_back(std::move(id));
    }
}

Counter& Connection::counter_of(TlsFailure failure) {
    auto& counters = host_.counters;
    switch (failure) {
        case TlsFailure::not_tls: return counters.tls_not_tls;
        case TlsFailure::cut: return counters.tls_cut;
        case TlsFailure::unsupported: return counters.tls_unsupported;
        case TlsFailure::no_certificate: return counters.tls_no_certificate;
        case TlsFailure::certificate_refused: return counters.tls_certificate_refused;
        case TlsFailure::refused_by_client: return counters.tls_refused_by_client;
        case TlsFailure::malformed: break;
    }
    return counters.tls_malformed;
}

std::size_t Connection::read_some(Error& error) {
    if (tls_) return tls_->read_some(host_.receive_buffer, error);
    return socket_.read_some(asio::buffer(host_.receive_buffer), error);
}

std::size_t Connection::write_some(Error& error) {
    if (tls_) return tls_->write_some(std::string_view(out).substr(sent_), error);
    return socket_.write_some(asio::buffer(out) + sent_, error);
}

// ---- input

// Waits for the socket instead of reading into a buffer of its own, which most clients would
// leave empty most of the time.
void Connection::await_readable() {
    assert(!reading_);
    reading_ = true;
    if (tls_ && tls_->has_unread()) {
        asio::post(socket_.get_executor(), [self = self()] {
            self->reading_ = false;
            if (self->phase != Phase::gone) self->on_readable();
        });
        return;
    }
    socket_.async_wait(tcp::socket::wait_read, [self = self()](const Error& error) {
        self->reading_ = false;
        if (self->phase == Phase::gone) return;
        if (error) {
            self->close();
        } else {
            self->on_readable();
        }
    });
}

void Connection::await_writable(void (Connection::*then)()) {
    writing_ = true;
    socket_.async_wait(tcp::socket::wait_write, [self = self(), then](const Error& failed) {
        self->writing_ = false;
        if (self->phase == Phase::gone) return;
        if (failed) {
            self->close();
        } else {
            ((*self).*then)();
        }
    });
}

void Connection::on_readable() {
    if (tls_ && !tls_->is_established()) return queue_handshake();
    Error error;
    const auto size = read_some(error);
    if (error && !would_block(error)) {
        close();
        return;
    }
    if (size > 0) {
        host_.counters.bytes_received.add(size);
        host_.processor.heard(*this, std::chrono::steady_clock::now());
        consume({host_.receive_buffer.data(), size});
    }
    if (phase == Phase::gone || phase == Phase::ending || yielding_) return;
    if (host_.processor.listens_to(*this)) {
        await_readable();
    } else if (phase == Phase::open && !deaf) {
        host_.counters.paused.add();
        if (host_.processor.is_overloaded()) host_.starved.push_back(self());
    }
}

void Connection::consume(std::string_view bytes) {
    if (!input_.empty()) {
        input_.append(bytes);
        bytes = input_;
    }
    // Then the others have their turn.
    const auto until = std::chrono::steady_clock::now() + host_.options.turn_max;
    while (const auto rest = take_one(bytes)) {
        bytes = *rest;
        if (std::chrono::steady_clock::now() < until) continue;
        yield_turn();
        break;
    }
    if (phase != Phase::gone) keep(bytes);
}

void Connection::yield_turn() {
    host_.counters.yielded.add();
    yielding_ = true;
    asio::post(socket_.get_executor(), [self = self()] {
        self->yielding_ = false;
        self->end_turn();
    });
}

// `rest` looks into input_ or into the shared receive buffer.
void Connection::keep(std::string_view rest) {
    if (rest.empty() || phase == Phase::ending) {
        input_.clear();
        if (input_.capacity() > keep_input_bytes) input_ = {};
    } else if (input_.empty()) {
        input_.assign(rest);
    } else {
        input_.erase(0, input_.size() - rest.size());
    }
}

std::optional<std::string_view> Connection::take_one(std::string_view bytes) {
    if (bytes.size() < length_bytes || !host_.processor.listens_to(*this)) return std::nullopt;
    const auto word = bytes.substr(0, length_bytes);
    if (phase == Phase::greeting && is_four_letter_word(word)) {
        const auto size = four_letter_word_bytes(word);
        if (bytes.size() >= size) answer_word(bytes.substr(0, size));
        return std::nullopt;
    }
    const auto length = Decoder(bytes).int32();
    if (length < 0 || static_cast<std::size_t>(length) > host_.options.frame_bytes_max) {
        drop(host_.counters.dropped_frame);
        return std::nullopt;
    }
    const auto end = length_bytes + static_cast<std::size_t>(length);
    if (bytes.size() < end) return std::nullopt;
    host_.processor.take(*this, bytes.substr(length_bytes, end - length_bytes));
    return bytes.substr(end);
}

void Connection::answer_word(std::string_view word) {
    asking_word_ = true;
    ++figures.received;
    out += host_.answer_word(*this, word);
    phase = Phase::ending;
    end_turn();
}

void Connection::drop(Counter& reason) {
    if (phase == Phase::gone) return;
    reason.add();
    close();
}

void Connection::end_turn() {
    dirty = false;
    if (phase == Phase::gone) return;
    if (!writing_) send();
    if (phase == Phase::gone) return;
    if (phase != Phase::ending && out.size() - sent_ > host_.options.output_bytes_max) {
        drop(host_.counters.dropped_output);
        return;
    }
    if (phase == Phase::ending || reading_ || yielding_) return;
    if (!host_.processor.listens_to(*this)) return;
    if (!input_.empty()) consume({});
    if (phase == Phase::gone || phase == Phase::ending || reading_ || yielding_) return;
    if (host_.processor.listens_to(*this)) await_readable();
}

void Connection::send() {
    while (sent_ < out.size()) {
        Error error;
        const auto size = write_some(error);
        if (would_block(error)) {
            if (sent_ > compact_after && sent_ * 2 > out.size())
                out.erase(0, std::exchange(sent_, 0));
            if (phase == Phase::ending) set_deadline();
            await_writable(&Connection::end_turn);
            return;
        }
        if (error) {
            close();
            return;
        }
        sent_ += size;
        host_.counters.bytes_sent.add(size);
    }
    if (sent_ > 0) host_.processor.give_back(std::exchange(out, {}));
    sent_ = 0;
    if (phase == Phase::ending) finish();
}

// What lies unread in a socket that is closed turns into a reset, which could destroy what was
// sent: read it first.
void Connection::finish() {
    Error error;
    if (tls_) tls_->close_notify();
    socket_.shutdown(tcp::socket::shutdown_send, error);
    for (int i = 0; i < drained_reads_max && !error; ++i) {
        socket_.read_some(asio::buffer(host_.receive_buffer), error);
    }
    close();
}

void Connection::close() {
    if (phase == Phase::gone) return;
    if (tls_ && !tls_->is_established()) host_.counters.tls_outstanding.add(-1);
    host_.processor.forget(*this);
    Error error;
    socket_.close(error);
    host_.closed(*this);
}

}  // namespace coord
