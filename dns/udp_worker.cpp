#include "dns/udp_worker.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

namespace dns {

namespace {

constexpr std::size_t batch_max = 64;
constexpr int receive_buffer_bytes = 4 << 20;  // The default holds fewer than 300 small packets.
constexpr std::size_t slot_bytes_min = 2048;
// Slots that begin at the same offset of a page would fight for the same lines of the cache.
constexpr std::size_t slot_stagger_bytes = 192;
constexpr std::size_t lookup_batch = 16;

union Address {
    sockaddr any;
    sockaddr_in v4;
    sockaddr_in6 v6;
};

Address make_address(const boost::asio::ip::address& address, std::uint16_t port) {
    Address result{};
    if (address.is_v4()) {
        result.v4.sin_family = AF_INET;
        result.v4.sin_port = htons(port);
        const auto octets = address.to_v4().to_bytes();
        std::memcpy(&result.v4.sin_addr, octets.data(), octets.size());
    } else {
        result.v6.sin6_family = AF_INET6;
        result.v6.sin6_port = htons(port);
        const auto octets = address.to_v6().to_bytes();
        std::memcpy(&result.v6.sin6_addr, octets.data(), octets.size());
        result.v6.sin6_scope_id = static_cast<std::uint32_t>(address.to_v6().scope_id());
    }
    return result;
}

std::uint16_t port_of(const Address& address) {
    return ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
}

bool is_group(const Address& address) {
    if (address.any.sa_family == AF_INET6) return IN6_IS_ADDR_MULTICAST(&address.v6.sin6_addr);
    const std::uint32_t v4 = ntohl(address.v4.sin_addr.s_addr);
    return v4 >> 28U == 0xE || v4 == INADDR_BROADCAST;
}

IpAddress ip_of(const Address& address) {
    IpAddress ip;
    if (address.any.sa_family == AF_INET) {
        ip.size = 4;
        std::memcpy(ip.bytes.data(), &address.v4.sin_addr, 4);
    } else {
        ip.size = 16;
        std::memcpy(ip.bytes.data(), &address.v6.sin6_addr, 16);
    }
    return ip;
}

std::uint32_t milliseconds_since_boot() {
    const auto since_boot = std::chrono::steady_clock::now().time_since_epoch();
    return static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(since_boot).count());
}

class Fd {
public:
    explicit Fd(int fd) : fd_(fd) {
        if (fd_ < 0) throw std::system_error(errno, std::generic_category());
    }
    ~Fd() { ::close(fd_); }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    [[nodiscard]] int get() const { return fd_; }

private:
    int fd_;
};

void set_option(int fd, int level, int name, int value) {
    if (::setsockopt(fd, level, name, &value, sizeof value) != 0) {
        throw std::system_error(errno, std::generic_category());
    }
}

}  // namespace

struct UdpReturnAddress;

struct UdpWorker::State : ForwardSource {
    State(UdpOptions with, const Responder& answering)
        : options(std::move(with)),
          responder(answering),
          random(options.seed),
          own(make_address(options.address, options.port)),
          socket(std::make_shared<Fd>(::socket(own.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0))),
          limiter(options.address.is_loopback() ? RateLimit{0, 0} : options.limit, options.seed),
          slot_bytes(std::max(slot_bytes_min, options.udp_bytes_max)),
          buffers((slot_bytes + slot_stagger_bytes) * batch_max) {
        transport_.loopback = options.address.is_loopback();
        transport_.udp_bytes_max = options.udp_bytes_max;
        configure();
        lay_out();
    }

    // The control messages of a wildcard socket: where a query was sent to, and so where its reply
    // has to come from.
    struct alignas(cmsghdr) Control {
        std::array<std::uint8_t, CMSG_SPACE(sizeof(in6_pktinfo))> bytes;
    };

    void configure() const;
    void lay_out();
    void make_ready(std::size_t count);
    void serve(std::size_t received);
    bool accept(std::size_t i);
    [[nodiscard]] bool is_from_here(std::size_t i) const;
    bool hand_over(const Exchange& exchange, std::size_t i);
    [[nodiscard]] UdpReturnAddress return_address(std::size_t i) const;
    bool take_update(Exchange& exchange, std::size_t i, std::uint32_t now_ms);
    bool reply(const ForwardedQuery& query, Octets message) override;
    [[nodiscard]] const Transport& transport() const override { return transport_; }
    void conclude(Exchange& exchange, std::size_t i, std::uint32_t now_ms);
    void send();

    UdpOptions options;
    const Responder& responder;
    Transport transport_;
    Random random;
    Address own;
    std::shared_ptr<Fd> socket;  // shared with the replies to updates
    RateLimiter limiter;
    std::size_t slot_bytes;
    std::vector<std::uint8_t> buffers;
    std::array<Address, batch_max> sources{};
    std::array<Control, batch_max> controls{};
    std::array<iovec, batch_max> slots{};
    std::array<mmsghdr, batch_max> messages{};
    std::array<iovec, batch_max> replies{};
    std::array<mmsghdr, batch_max> outgoing{};
    std::size_t outgoing_count = 0;
    bool handed_over = false;  // something, of this batch
    std::array<Exchange, lookup_batch> exchanges;
    std::array<std::size_t, lookup_batch> places{};  // of their messages
    std::atomic<bool> stopping{false};
    Counters counters;
};

void UdpWorker::State::configure() const {
    const int fd = socket->get();
    const bool v4 = options.address.is_v4();
    set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    // With the privilege the limit of the system does not count; without, as much as it gives.
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer_bytes, sizeof(int)) != 0) {
        set_option(fd, SOL_SOCKET, SO_RCVBUF, receive_buffer_bytes);
    }
    // A forged path MTU must not make us fragment.
    set_option(fd,
               v4 ? int{IPPROTO_IP} : int{IPPROTO_IPV6},
               v4 ? IP_MTU_DISCOVER : IPV6_MTU_DISCOVER,
               v4 ? IP_PMTUDISC_OMIT : IPV6_PMTUDISC_OMIT);
    if (!v4) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (options.address.is_unspecified()) {
        set_option(
            fd, v4 ? int{IPPROTO_IP} : int{IPPROTO_IPV6}, v4 ? IP_PKTINFO : IPV6_RECVPKTINFO, 1);
    }
    if (::bind(fd, &own.any, v4 ? sizeof own.v4 : sizeof own.v6) != 0) {
        throw std::system_error(errno, std::generic_category());
    }
}

void UdpWorker::State::lay_out() {
    for (std::size_t i = 0; i < batch_max; ++i) {
        slots[i] = {&buffers[i * (slot_bytes + slot_stagger_bytes)], slot_bytes};
        auto& header = messages[i].msg_hdr;
        header.msg_name = &sources[i];
        header.msg_iov = &slots[i];
        header.msg_iovlen = 1;
    }
    make_ready(batch_max);
}

// The kernel wrote into the headers of the messages that it received.
void UdpWorker::State::make_ready(std::size_t count) {
    const bool wildcard = options.address.is_unspecified();
    for (std::size_t i = 0; i < count; ++i) {
        auto& header = messages[i].msg_hdr;
        header.msg_namelen = sizeof(Address);
        header.msg_control = wildcard ? &controls[i] : nullptr;
        header.msg_controllen = wildcard ? sizeof(State::Control) : 0;
    }
}

// Whether message `i` comes from the address and port that it was sent to: then its reply would too.
bool UdpWorker::State::is_from_here(std::size_t i) const {
    const auto& source = sources[i];
    if (port_of(source) != port_of(own)) return false;
    if (!options.address.is_unspecified()) return ip_of(source) == ip_of(own);
    auto header = messages[i].msg_hdr;
    for (auto* part = CMSG_FIRSTHDR(&header); part; part = CMSG_NXTHDR(&header, part)) {
        const auto* at = CMSG_DATA(part);
        if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
            at += offsetof(in_pktinfo, ipi_addr);
        } else if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
            at += offsetof(in6_pktinfo, ipi6_addr);
        } else {
            continue;
        }
        const auto ip = ip_of(source);
        return std::memcmp(at, ip.bytes.data(), ip.size) == 0;
    }
    return false;
}

// May message `i` be answered at all?
bool UdpWorker::State::accept(std::size_t i) {
    const auto& source = sources[i];
    // A reply to port 0 would fail, and one to ourselves would be a query again.
    if (port_of(source) == 0 || is_from_here(i) || is_group(source)) {
        counters.dropped_source.add();
        return false;
    }
    if ((messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
        counters.dropped_oversize.add();
        return false;
    }
    return true;
}

void UdpWorker::State::serve(std::size_t received) {
    const ReadSection section;
    const std::uint32_t now = options.unix_seconds ? options.unix_seconds() : 0;
    const std::uint32_t now_ms = limiter.is_on() ? milliseconds_since_boot() : 0;
    outgoing_count = 0;
    handed_over = false;
    for (std::size_t i = 0; i < received;) {
        std::size_t count = 0;
        for (; i < received && count < lookup_batch; ++i) {
            if (!accept(i)) continue;
            auto& exchange = exchanges[count];
            exchange.buffer = {static_cast<std::uint8_t*>(slots[i].iov_base), slot_bytes};
            exchange.query_bytes = messages[i].msg_len;
            exchange.client = {ip_of(sources[i]), now};
            if (take_update(exchange, i, now_ms)) continue;
            places[count++] = i;
        }
        responder.respond(std::span(exchanges).first(count), transport_, random);
        for (std::size_t j = 0; j < count; ++j) conclude(exchanges[j], places[j], now_ms);
    }
    if (handed_over) options.forward->wake();
}

// What a reply that comes later needs: the address its query came from, and the one it came to.
struct UdpReturnAddress {
    Address source;
    std::uint32_t control_bytes = 0;
    alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(in6_pktinfo))> control;
};
static_assert(sizeof(UdpReturnAddress) <= sizeof(ReturnAddress));

namespace {

// On any thread: the kernel takes datagrams of a socket from all of them.
bool send_later(int socket, UdpReturnAddress& to, Octets message) {
    iovec slot{const_cast<std::uint8_t*>(message.data()), message.size()};
    msghdr header{};
    header.msg_name = &to.source;
    header.msg_namelen =
        to.source.any.sa_family == AF_INET ? sizeof to.source.v4 : sizeof to.source.v6;
    header.msg_iov = &slot;
    header.msg_iovlen = 1;
    header.msg_control = to.control_bytes > 0 ? to.control.data() : nullptr;
    header.msg_controllen = to.control_bytes;
    for (;;) {
        if (::sendmsg(socket, &header, MSG_DONTWAIT) >= 0) return true;
        if (errno != EINTR) return false;
    }
}

}  // namespace

UdpReturnAddress UdpWorker::State::return_address(std::size_t i) const {
    UdpReturnAddress to;
    to.source = sources[i];
    to.control_bytes = static_cast<std::uint32_t>(messages[i].msg_hdr.msg_controllen);
    to.control = controls[i].bytes;
    return to;
}

bool UdpWorker::State::hand_over(const Exchange& exchange, std::size_t i) {
    ForwardedQuery* const query = options.forward != nullptr ? options.forward->claim() : nullptr;
    if (query == nullptr) return false;
    Responder::hand_over(exchange, *query);
    query->source = this;
    const auto to = return_address(i);
    std::memcpy(query->to.bytes.data(), &to, sizeof to);
    options.forward->push();
    handed_over = true;
    return true;
}

// On the forward thread.
bool UdpWorker::State::reply(const ForwardedQuery& query, Octets message) {
    UdpReturnAddress to;
    std::memcpy(&to, query.to.bytes.data(), sizeof to);
    return send_later(socket->get(), to, message);
}

// Updates are not for this thread: their replies are sent on their own, when they are there. What
// gets lost the client asks for again.
bool UdpWorker::State::take_update(Exchange& exchange, std::size_t i, std::uint32_t now_ms) {
    const auto message = Octets(exchange.buffer).first(exchange.query_bytes);
    if (!is_update(message) || !options.take_update) return false;
    // Until somebody has looked at its signature it is one that gets an error.
    const bool is_trusted = responder.is_trusted(exchange.client, transport_);
    constexpr Reply as_error{.rcode = Rcode::refused};
    if (!is_trusted &&
        limiter.judge(exchange.client.address, as_error, now_ms) != RateLimiter::Verdict::send) {
        counters.dropped_rate.add();
        return true;
    }
    UpdateMessage update{{message.begin(), message.end()}, exchange.client.address, {}};
    update.reply = [from = socket, to = return_address(i)](const auto& reply) mutable {
        send_later(from->get(), to, reply);
    };
    const auto refused = options.take_update(std::move(update));
    if (!refused) return true;
    exchange.reply = reply_with_header(exchange.buffer, *refused);
    conclude(exchange, i, now_ms);
    return true;
}

// Counts it, and sends it along with the others of the batch unless there was too much of it.
void UdpWorker::State::conclude(Exchange& exchange, std::size_t i, std::uint32_t now_ms) {
    auto& reply = exchange.reply;
    counters.count_query(reply);
    if (reply.bytes == 0) {
        if (!reply.forward) return;
        if (hand_over(exchange, i)) return counters.forwarded.add();
        counters.forward_full.add();
        responder.refuse_forward(exchange, transport_);
    }
    if (!reply.verified) {
        const auto verdict = limiter.judge(exchange.client.address, reply, now_ms);
        if (verdict == RateLimiter::Verdict::drop) return counters.dropped_rate.add();
        if (verdict == RateLimiter::Verdict::cut_short) {
            cut_short(exchange.buffer, reply);
            counters.cut_short.add();
        }
    }
    counters.count_response(reply);
    replies[outgoing_count] = {exchange.buffer.data(), reply.bytes};
    auto& header = outgoing[outgoing_count].msg_hdr;
    header = messages[i].msg_hdr;
    header.msg_iov = &replies[outgoing_count];
    header.msg_flags = 0;
    ++outgoing_count;
}

// sendmmsg stops at the first message that fails: that one is skipped, the others are not.
void UdpWorker::State::send() {
    for (std::size_t sent = 0; sent < outgoing_count;) {
        const int n = ::sendmmsg(socket->get(),
                                 &outgoing[sent],
                                 static_cast<unsigned>(outgoing_count - sent),
                                 MSG_DONTWAIT);
        if (n > 0) {
            sent += static_cast<std::size_t>(n);
        } else if (errno != EINTR) {
            counters.dropped_send.add();
            ++sent;
        }
    }
}

UdpWorker::UdpWorker(UdpOptions options, const Responder& responder)
    : state_(std::make_unique<State>(std::move(options), responder)) {}

UdpWorker::~UdpWorker() = default;

void UdpWorker::run() {
    auto& s = *state_;
    for (;;) {
        const int n =
            ::recvmmsg(s.socket->get(), s.messages.data(), batch_max, MSG_WAITFORONE, nullptr);
        if (s.stopping.load(std::memory_order_relaxed)) return;
        if (n <= 0) continue;
        s.serve(static_cast<std::size_t>(n));
        s.send();
        s.make_ready(static_cast<std::size_t>(n));
    }
}

// Shutting down wakes whoever waits for a datagram, though for a socket without a peer it returns
// ENOTCONN.
void UdpWorker::request_stop() {
    state_->stopping.store(true, std::memory_order_relaxed);
    ::shutdown(state_->socket->get(), SHUT_RD);
}

const Counters& UdpWorker::counters() const { return state_->counters; }

}  // namespace dns
