#pragma once
// A query for another name on its way from the thread that received it to the forward thread, and
// the queue it goes through.
//
// Fed by:  UdpWorker and TcpListener, each through a queue of its own.
// Read by: Forwarder.
// Thread:  one writes, the forward thread reads. No lock: neither ever waits for the other.
// Holds:   a fixed number of slots. What stands in one belongs to its reader until it is popped.
// Fails:   claim() is null when the queue is full: nobody reads it, or not fast enough.

#include "dns/address.hpp"
#include "dns/query.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace dns {

class SignedQuery;
struct Transport;

// What the sender needs to find its client again. Nobody else looks into it.
struct ReturnAddress {
    alignas(8) std::array<std::uint8_t, 80> bytes;
};

struct ForwardedQuery;

inline constexpr std::size_t alias_bytes_max = 512;

// Where a query came from, and its reply goes to.
class ForwardSource {
public:
    virtual ~ForwardSource() = default;
    // Of the forward thread. False if it cannot be sent.
    virtual bool reply(const ForwardedQuery& query, Octets message) = 0;
    [[nodiscard]] virtual const Transport& transport() const = 0;
};

struct ForwardedQuery {
    std::array<std::uint8_t, header_bytes + name_bytes_max + 4> head;  // header and question
    std::size_t head_bytes = 0;
    // The aliases that lead from the question to a name of others, the last of them ours: so many
    // records, as they stand behind the question, and that name. None: it is the question's.
    std::array<std::uint8_t, alias_bytes_max> aliases;
    std::uint16_t alias_bytes = 0;
    std::uint16_t alias_count = 0;
    std::array<std::uint8_t, name_bytes_max> target;
    std::uint8_t target_bytes = 0;
    std::uint8_t hops = 0;       // that led there: CNAMEs of ours, and ways back to our names
    bool authoritative = false;  // the question's name is ours
    std::uint16_t type = 0;
    Edns edns;
    bool has_good_cookie = false;
    Client client;
    std::shared_ptr<SignedQuery> signature;  // TSIG, RFC 8945: its reply has one too; null: none
    ForwardSource* source = nullptr;
    ReturnAddress to;

    [[nodiscard]] Octets question() const {
        return Octets(head).subspan(header_bytes, head_bytes - header_bytes - 4);
    }
    // What is asked for.
    [[nodiscard]] Octets name() const {
        return target_bytes > 0 ? Octets(target).first(target_bytes) : question();
    }
    [[nodiscard]] bool checking_disabled() const { return (head[3] & 0x10U) != 0; }
    // Whether AD means something to it (RFC 6840 §5.7).
    [[nodiscard]] bool wants_authentic() const { return (head[3] & 0x20U) != 0 || edns.dnssec_ok; }
};

class ForwardQueue {
public:
    // `wake` is an eventfd.
    ForwardQueue(std::size_t slots, int wake) : slots_(slots), wake_(wake) {}

    // Of the writer: the next slot, which is its reader's after push().
    ForwardedQuery* claim() {
        const auto written = written_.load(std::memory_order_relaxed);
        if (written - read_.load(std::memory_order_acquire) == slots_.size()) return nullptr;
        return &slots_[written % slots_.size()];
    }
    void push() {
        written_.store(written_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }
    void wake() const {  // after a batch
        const std::uint64_t one = 1;
        [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);
    }

    // Of the reader: the oldest, until pop().
    [[nodiscard]] const ForwardedQuery* front() const {
        const auto read = read_.load(std::memory_order_relaxed);
        if (read == written_.load(std::memory_order_acquire)) return nullptr;
        return &slots_[read % slots_.size()];
    }
    void pop() {
        read_.store(read_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }

private:
    std::vector<ForwardedQuery> slots_;
    int wake_;
    alignas(64) std::atomic<std::uint64_t> written_{0};
    alignas(64) std::atomic<std::uint64_t> read_{0};
};

// The queues of all that hand over, and what wakes their one reader.
class ForwardInbox {
public:
    explicit ForwardInbox(std::size_t slots = 1024)
        : slots_(slots), wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
        if (wake_ < 0) throw std::system_error(errno, std::generic_category());
    }
    ~ForwardInbox() { ::close(wake_); }
    ForwardInbox(const ForwardInbox&) = delete;
    ForwardInbox& operator=(const ForwardInbox&) = delete;

    // For one thread more that hands over; before anybody reads.
    ForwardQueue& attach() { return queues_.emplace_back(slots_, wake_); }
    [[nodiscard]] std::deque<ForwardQueue>& queues() { return queues_; }
    [[nodiscard]] int wake() const { return wake_; }

private:
    std::size_t slots_;
    int wake_;
    std::deque<ForwardQueue> queues_;
};

}  // namespace dns
