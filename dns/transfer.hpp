#pragma once
// Zone transfers to secondaries: AXFR (RFC 5936) and IXFR (RFC 1995), and the serial they follow.
//
// Fed by:  Server, with what changed up to an exact publication; TcpListener, with requests.
// Read by: TcpListener (the messages of a Transfer), AnswerTable (the serial); secondaries, which are
//          told of each new serial.
// Thread:  dns tcp; counters of any thread.
// Holds:   the serial of every SOA is that of the newest version, and there are at most two a second.
//          A Transfer has one version from its first message to its last, and makes no message
//          before the one before it was taken.
// Fails:   a request is answered with one message: REFUSED (who may not), NOTAUTH (not a zone's
//          apex, or a wrong signature), FORMERR, or SERVFAIL (nothing is known yet, or too many at a
//          time).

#include "dns/address.hpp"
#include "dns/answer_table.hpp"
#include "dns/grammar.hpp"
#include "dns/message.hpp"
#include "dns/notifier.hpp"
#include "dns/query.hpp"
#include "dns/transfer_rule.hpp"
#include "dns/transfer_stream.hpp"
#include "dns/tsig.hpp"
#include "dns/zone_history.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dns {

struct TransferOptions {
    std::vector<TransferRule> rules = {};
    const TsigKeyring* keys = nullptr;                 // outlives us
    std::function<std::uint32_t()> unix_seconds = {};  // of signatures; empty: time stands still
    std::vector<NotifyTarget> notify = {};
    ZoneHistoryOptions history = {};
    std::chrono::seconds negative_ttl{1};
    std::size_t transfers_max = 10;  // at a time
    std::chrono::milliseconds version_interval{500};
    std::uint16_t udp_bytes_max = 1232;  // what EDNS says
};

enum class TransferKind : std::uint8_t { axfr, ixfr, serial };  // serial: the client has it all
enum class TransferResult : std::uint8_t {
    sent,
    aborted,  // the client went, or was too slow
    refused,
    not_auth,
    malformed,
    busy,
    not_ready,
};
inline constexpr std::size_t transfer_kinds = 3;
inline constexpr std::size_t transfer_results = 7;

struct TransferCounters {
    std::array<std::array<coord::Counter, transfer_results>, transfer_kinds> transfers;
    coord::Counter versions;
    std::atomic<std::size_t> active{0};

    void count(TransferKind kind, TransferResult result) {
        transfers[static_cast<std::size_t>(kind)][static_cast<std::size_t>(result)].add();
    }
};

// The answer to one request.
class Transfer {
public:
    struct Request {
        std::uint16_t id = 0;
        bool wants_recursion = false;  // RD
        Labels name;                   // as it was spelled
        std::uint16_t type = 0;
        std::optional<std::uint32_t> serial;  // of the client, for IXFR
        std::optional<std::uint32_t> edns;    // the TTL of its OPT: version and flags
    };
    struct Reply {
        Rcode rcode = Rcode::no_error;
        std::optional<TransferStream> stream;  // the records; none: an error
        std::optional<TsigSigner> signer;
        std::function<std::uint32_t()> unix_seconds;
        std::uint16_t udp_bytes_max = 0;
    };
    using Done = std::function<void(TransferResult)>;  // empty: nobody counts

    Transfer(Request request, Reply reply, Done done);
    ~Transfer();
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    // Appends the next message behind its length. False: it was the last.
    bool append_to(std::vector<std::uint8_t>& out);
    [[nodiscard]] std::uint16_t type() const { return request_.type; }
    [[nodiscard]] Rcode rcode() const { return reply_.rcode; }

private:
    Request request_;
    Reply reply_;
    Done done_;
    bool is_first_ = true;
};

class Transfers {
public:
    Transfers(boost::asio::io_context& io,
              const Grammar& grammar,
              AnswerTable& table,
              TransferOptions options);

    // All that changed since the last call, up to this serial.
    void take(std::uint32_t serial, ZoneChanges changes);
    void stop();

    static bool is_request(Octets message);
    // For what is_request() found to be one.
    [[nodiscard]] std::unique_ptr<Transfer> answer(Octets message, const IpAddress& client);

    [[nodiscard]] const ZoneHistory& history() const { return history_; }
    // Of any thread.
    [[nodiscard]] std::vector<coord::Metric> metrics() const;

private:
    struct Decision {
        TransferKind kind = TransferKind::axfr;
        TransferResult result = TransferResult::sent;
        Rcode rcode = Rcode::no_error;
        std::optional<TransferStream> stream = {};
    };
    struct Asker {
        IpAddress address;
        std::string_view key;  // it signed with; empty: none
    };

    void advance();
    void notify(const std::set<std::uint16_t>& zones);
    [[nodiscard]] Decision decide(const Transfer::Request& request, const Asker& asker) const;
    [[nodiscard]] Decision begin(const Transfer::Request& request, const Zone& zone) const;
    [[nodiscard]] std::uint32_t now() const {
        return options_.unix_seconds ? options_.unix_seconds() : 0;
    }

    const Grammar& grammar_;
    AnswerTable& table_;
    TransferOptions options_;
    ZoneHistory history_;
    boost::asio::steady_timer timer_;
    bool is_waiting_ = false;  // for the timer, with changes
    std::uint32_t next_serial_ = 0;
    ZoneChanges next_;
    std::chrono::steady_clock::time_point next_at_{};
    std::shared_ptr<TransferCounters> counters_;  // shared with each Transfer
    Notifier notifier_;
};

}  // namespace dns
