#include "tests/bench/load_client.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace coord {
namespace {

constexpr std::size_t length_bytes = 4;
constexpr std::size_t header_bytes = 8;     // of a request: xid and operation
constexpr std::size_t handshakes_max = 32;  // ZooKeeper's listen backlog is 50
constexpr std::int32_t request_xid = 1;     // of the requests of ask()
constexpr std::int32_t closing_xid = 0x7FFF'FFFF;

[[noreturn]] void fail(const char* what) {
    throw std::system_error(errno, std::generic_category(), what);
}

void put_int32(char* at, std::int32_t value) {
    const auto bytes = htonl(static_cast<std::uint32_t>(value));
    std::memcpy(at, &bytes, sizeof bytes);
}

std::int32_t get_int32(const char* at) {
    std::uint32_t bytes = 0;
    std::memcpy(&bytes, at, sizeof bytes);
    return static_cast<std::int32_t>(ntohl(bytes));
}

template <class Record, class... Op>
std::string frame_of(OpCode op, const Record& record, Op... with) {
    std::string frame;
    const auto begun = begin_frame(frame);
    Encoder out(frame);
    encode(out, RequestHeader{0, op});
    record.encode(out, with...);
    end_frame(frame, begun);
    return frame;
}

void append_header(std::string& out, RequestHeader header) {
    const auto begun = begin_frame(out);
    Encoder encoder(out);
    encode(encoder, header);
    end_frame(out, begun);
}

}  // namespace

RequestTemplate::RequestTemplate(std::string frame, std::string_view path)
    : frame_(std::move(frame)) {
    const auto path_at = length_bytes + header_bytes + length_bytes;
    for (auto i = path.size(); i-- > 0;) {
        if (path[i] == '#') digits_.push_back(path_at + i);
    }
}

RequestTemplate RequestTemplate::create(std::string_view path, std::string_view data) {
    const CreateRequest request{path, data, open_acl_unsafe};
    return RequestTemplate(frame_of(OpCode::create, request, OpCode::create), path);
}

RequestTemplate RequestTemplate::set(std::string_view path, std::string_view data) {
    return RequestTemplate(frame_of(OpCode::set_data, SetDataRequest{path, data}), path);
}

RequestTemplate RequestTemplate::get(std::string_view path, bool watch) {
    return RequestTemplate(frame_of(OpCode::get_data, ReadRequest{path, watch}), path);
}

void RequestTemplate::append_to(std::string& out, std::int32_t xid, std::size_t number) const {
    const auto at = out.size();
    out.append(frame_);
    put_int32(out.data() + at + length_bytes, xid);
    for (const auto digit : digits_) {
        out[at + digit] = static_cast<char>('0' + number % 10);
        number /= 10;
    }
}

LoadClient::LoadClient(std::vector<Address> addresses, std::chrono::milliseconds timeout)
    : addresses_(std::move(addresses)),
      timeout_(timeout),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      buffer_(std::size_t{256} << 10U) {
    if (epoll_ < 0) fail("epoll_create1");
}

LoadClient::~LoadClient() {
    for (const auto& session : sessions_) {
        if (session.descriptor >= 0) ::close(session.descriptor);
    }
    ::close(epoll_);
}

void LoadClient::open(std::size_t count) {
    while (opened_ < count) {
        while (sessions_.size() < count && sessions_.size() - opened_ < handshakes_max) {
            begin_session();
        }
        poll(
            std::chrono::seconds(1), [](auto...) {}, [](auto) {});
    }
}

void LoadClient::begin_session() {
    const auto& address = addresses_[sessions_.size() % addresses_.size()];
    auto& session = sessions_.emplace_back();
    session.descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (session.descriptor < 0) fail("socket (is the limit of open files too low?)");
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(address.port);
    if (::inet_pton(AF_INET, address.host.c_str(), &to.sin_addr) != 1) {
        throw std::runtime_error("not an IPv4 address: " + address.host);
    }
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets API
    if (::connect(session.descriptor, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        fail("connect");
    }
    const int on = 1;
    ::setsockopt(session.descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.u64 = sessions_.size() - 1;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, session.descriptor, &event) != 0) fail("epoll_ctl");

    const auto begun = begin_frame(session.out);
    Encoder out(session.out);
    const std::string no_password(16, '\0');
    ConnectRequest{{}, static_cast<std::int32_t>(timeout_.count()), {}, no_password, false}.encode(
        out);
    end_frame(session.out, begun);
    send(sessions_.size() - 1);
}

void LoadClient::send(std::size_t index) {
    auto& session = sessions_[index];
    if (session.out.empty()) return;
    const auto sent = ::send(
        session.descriptor, session.out.data(), session.out.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) fail("send");
    if (sent > 0) session.out.erase(0, static_cast<std::size_t>(sent));
}

void LoadClient::ping(std::size_t session) {
    append_header(out(session), {ping_xid, OpCode::ping});
    send(session);
}

void LoadClient::poll(std::chrono::milliseconds wait,
                      const Replied& replied,
                      const Drained& drained) {
    std::array<epoll_event, 512> events;
    const auto count = ::epoll_wait(
        epoll_, events.data(), static_cast<int>(events.size()), static_cast<int>(wait.count()));
    if (count < 0 && errno != EINTR) fail("epoll_wait");
    for (int i = 0; i < count; ++i) {
        const auto index = events[static_cast<std::size_t>(i)].data.u64;
        if (sessions_[index].descriptor < 0) continue;
        if ((events[static_cast<std::size_t>(i)].events & ~std::uint32_t{EPOLLOUT}) != 0) {
            receive(index, replied);
            if (sessions_[index].descriptor < 0) continue;
            drained(index);
        }
        send(index);
    }
}

void LoadClient::receive(std::size_t index, const Replied& replied) {
    for (;;) {
        auto& session = sessions_[index];
        const auto got = ::recv(session.descriptor, buffer_.data(), buffer_.size(), MSG_DONTWAIT);
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) {
            if (!session.closing) throw std::runtime_error("the server closed a session");
            ::close(std::exchange(session.descriptor, -1));
            ++closed_;
            return;
        }
        const auto size = static_cast<std::size_t>(got);
        std::string_view bytes(buffer_.data(), size);
        if (!session.in.empty()) {
            session.in.append(bytes);
            bytes = session.in;
        }
        while (bytes.size() >= length_bytes) {
            const auto end = length_bytes + static_cast<std::size_t>(get_int32(bytes.data()));
            if (bytes.size() < end) break;
            take_frame(index, bytes.substr(length_bytes, end - length_bytes), replied);
            bytes.remove_prefix(end);
        }
        session.in = std::string(bytes);
        if (size < buffer_.size() && !session.closing) return;  // an end would be heard of later
    }
}

void LoadClient::take_frame(std::size_t index, std::string_view frame, const Replied& replied) {
    auto& session = sessions_[index];
    if (!session.open) {
        const auto response = ConnectResponse::decode(frame);
        if (!response || response.value().timeout_ms <= 0) {
            throw std::runtime_error("the server refused a session");
        }
        session.open = true;
        ++opened_;
        return;
    }
    if (frame.size() < 16) throw std::runtime_error("the server sent a short reply");
    replied(index, {get_int32(frame.data()), get_int32(frame.data() + 12)});
}

std::int32_t
LoadClient::ask(std::size_t session, const RequestTemplate& request, std::size_t number) {
    bool is_answered = false;
    std::int32_t error = 0;
    request.append_to(out(session), request_xid, number);
    send(session);
    while (!is_answered) {
        poll(
            std::chrono::seconds(1),
            [&](std::size_t from, const Reply& reply) {
                if (from != session || reply.xid != request_xid) return;
                is_answered = true;
                error = reply.error;
            },
            [](auto) {});
    }
    return error;
}

void LoadClient::close() {
    for (std::size_t i = 0; i < sessions_.size(); ++i) {
        sessions_[i].closing = true;
        append_header(out(i), {closing_xid, OpCode::close_session});
        send(i);
    }
    while (closed_ < sessions_.size()) {
        poll(
            std::chrono::seconds(1), [](auto...) {}, [](auto) {});
    }
}

}  // namespace coord
