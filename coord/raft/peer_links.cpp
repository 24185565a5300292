#include "coord/raft/peer_links.hpp"

#include "coord/base/log.hpp"
#include "coord/raft/peer_acceptor.hpp"
#include "coord/raft/peer_dialler.hpp"
#include "coord/raft/peer_greeting.hpp"
#include "coord/raft/peer_link.hpp"
#include "coord/raft/peer_register.hpp"
#include "coord/raft/snapshot_transfer.hpp"
#include "coord/raft/waiting_servers.hpp"

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <iterator>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <utility>

namespace coord {

namespace {

namespace asio = boost::asio;
namespace errc = boost::system::errc;
using Clock = std::chrono::steady_clock;
using StreamPtr = std::shared_ptr<PeerStream>;

constexpr std::chrono::seconds log_interval{10};
constexpr int user_timeout_elections = 10;

spdlog::logger& log() { return logger("coord.peers"); }

// The address that was given, or that of the listener, with the port that was really taken.
std::string own_address(const PeerLinksOptions& options, std::uint16_t port) {
    if (!options.address.empty()) return options.address;
    return options.listen.substr(0, options.listen.rfind(':') + 1) + std::to_string(port);
}

std::uint64_t random_number() {
    std::random_device random;
    return (std::uint64_t{random()} << 32U) | random();
}

std::unique_ptr<TlsContext>
tls_of(asio::io_context& io, TlsRole role, const std::optional<TlsOptions>& given) {
    if (!given) return nullptr;
    auto options = *given;
    options.client_certificate =
        role == TlsRole::server ? ClientCertificate::required : ClientCertificate::none;
    const auto* const name = role == TlsRole::server ? "peer port" : "to peers";
    return std::make_unique<TlsContext>(io, name, role, options);
}

std::string why_not(PeerRefusal reason) {
    switch (reason) {
        case PeerRefusal::same_id: return "both have the same member id";
        case PeerRefusal::other_cluster: return "it belongs to another cluster";
        case PeerRefusal::removed:
            return "it is no longer a member of this cluster; 'roster members add' takes it in "
                   "again";
        default: return std::string(peer_refusal_names.at(static_cast<std::size_t>(reason)));
    }
}

Task<void> say_why_not(StreamPtr stream, std::string why) {
    std::string frame;
    encode_refusal(why, frame);
    static_cast<void>(co_await stream->write(frame));
}

}  // namespace

struct PeerLinks::Parts : std::enable_shared_from_this<PeerLinks::Parts> {
    Parts(asio::io_context& context, PeerLinksOptions given);

    void begin(MemberId id, std::vector<std::string> servers);
    void become_member(const Founding& founding);
    void start(Listener given);
    void stop();
    void set_members(const std::vector<Member>& members);
    void fetch(MemberId from, SnapshotFetch::Wanted wanted);
    void seek();
    void decide();
    [[nodiscard]] PeerLink* link_to(MemberId peer) const;

    asio::io_context& io;
    const PeerLinksOptions options;
    // Both read the same files, as one side of TLS each.
    const std::unique_ptr<TlsContext> accepting_tls;
    const std::unique_ptr<TlsContext> dialling_tls;
    const std::shared_ptr<PeerAcceptor> acceptor;
    const std::string address;
    PeerCounters counters;
    std::optional<Formation> formation;
    std::function<void(const Founding&)> founded;
    WaitingServers waiting;
    mutable std::mutex mutex;  // guards the state, for which any thread may ask
    std::string state;

private:
    void accept(PeerStream::Socket socket);
    Task<void> welcome(StreamPtr stream);
    Task<void> answer(StreamPtr stream, Hello from);
    Task<void> serve_snapshot(StreamPtr stream);
    Task<void> visit(std::string where);
    Task<Result<StreamPtr>> dial_for_snapshot(MemberId from);

    [[nodiscard]] Hello hello(PeerPurpose purpose) const;
    [[nodiscard]] bool is_wanted(const std::string& where) const;
    [[nodiscard]] bool expects_link(const std::string& where) const;
    [[nodiscard]] std::chrono::milliseconds user_timeout() const {
        return user_timeout_elections * options.election_timeout;
    }
    [[nodiscard]] PeerPurpose ready_for(const Hello& from) const;
    // Closes it when the time is over, and when everything ends.
    [[nodiscard]] StreamPtr keep(StreamPtr stream, std::chrono::milliseconds timeout);
    void note(const Hello& from, const std::string& asked);
    void note_waiting(const Hello& from);
    void adopt(const StreamPtr& stream, MemberId peer);
    void ended(PeerLink& link, std::string_view why);
    void refuse(PeerRefusal reason, const std::string& who, std::string_view why);
    void not_reached(const std::string& where, const Unmet& unmet);
    void tell_state();

    const std::uint64_t incarnation_ = random_number();
    PeerDialler dialler_;
    std::optional<PeerRegister> register_;
    std::map<std::string, Hello> heard_;        // by its address, while this one forms
    std::shared_ptr<const Listener> listener_;  // held while it is called: it may stop all this
    std::shared_ptr<PeerLink::Host> host_;
    std::map<MemberId, std::shared_ptr<PeerLink>> links_;
    std::set<std::weak_ptr<PeerStream>, std::owner_less<>> streams_;  // that are no links
    std::size_t strangers_ = 0;
    std::size_t snapshots_sent_ = 0;
    std::shared_ptr<SnapshotFetch> fetch_;
    std::optional<Worker> worker_;
    std::map<std::string, std::string> failures_;  // by address, as they were logged
    std::array<Clock::time_point, peer_refusal_names.size()> refusal_logged_{};
    bool saw_all_ = false;
    bool stopped_ = false;
};

PeerLinks::Parts::Parts(asio::io_context& context, PeerLinksOptions given)
    : io(context),
      options(std::move(given)),
      accepting_tls(tls_of(io, TlsRole::server, options.tls)),
      dialling_tls(tls_of(io, TlsRole::client, options.tls)),
      acceptor(std::make_shared<PeerAcceptor>(io, options.listen)),
      address(own_address(options, acceptor->port())),
      dialler_(io,
               {options.retry_first, options.retry_longest, static_cast<unsigned>(random_number())},
               {[this](const auto& where) { return is_wanted(where); },
                [this](std::string where) { return visit(std::move(where)); }}) {}

void PeerLinks::Parts::begin(MemberId id, std::vector<std::string> servers) {
    assert(!register_);
    register_.emplace(id, incarnation_, address, std::move(servers));
    worker_.emplace();
    const auto on_message = [this](const Message& message) {
        if (const auto listener = listener_) listener->message(message);
    };
    const auto on_letter = [this](MemberId from, std::string_view letter) {
        if (const auto listener = listener_) listener->letter(from, letter);
    };
    const auto on_end = [this](PeerLink& link, std::string_view why) { ended(link, why); };
    // Who holds the host holds all of this.
    host_ = std::make_shared<PeerLink::Host>(PeerLink::Host{
        io, counters, options.queue_bytes_max, on_message, on_letter, on_end, shared_from_this()});
    log().info("listening for peers address={} tls={}", address, options.tls.has_value());
    acceptor->start([self = shared_from_this()](PeerStream::Socket socket) {
        if (!self->stopped_) self->accept(std::move(socket));
    });
}

void PeerLinks::Parts::become_member(const Founding& founding) {
    register_->set_cluster(founding);
    formation.reset();
    heard_.clear();
    tell_state();
    dialler_.set_addresses(register_->addresses());
}

void PeerLinks::Parts::seek() {
    if (stopped_) return;
    dialler_.set_addresses(register_->addresses());
    decide();
}

void PeerLinks::Parts::start(Listener given) {
    assert(!listener_ && register_->has_cluster());
    listener_ = std::make_shared<const Listener>(std::move(given));
    dialler_.wake_all();
}

void PeerLinks::Parts::stop() {
    if (std::exchange(stopped_, true)) return;
    listener_.reset();
    acceptor->stop();
    dialler_.stop();
    if (fetch_) fetch_->give_up();
    fetch_.reset();
    for (const auto& weak : std::exchange(streams_, {})) {
        if (const auto stream = weak.lock()) stream->close();
    }
    for (const auto& [peer, link] : std::exchange(links_, {})) link->close();
    host_.reset();
    if (worker_) worker_->stop();
}

void PeerLinks::Parts::set_members(const std::vector<Member>& members) {
    register_->set_members(members);
    for (auto entry = links_.begin(); entry != links_.end();) {
        const auto link = (entry++)->second;
        if (register_->is_removed(link->peer())) link->close();
    }
    waiting.forget(members);
    dialler_.set_addresses(register_->addresses());
    dialler_.wake_all();
}

PeerLink* PeerLinks::Parts::link_to(MemberId peer) const {
    const auto found = links_.find(peer);
    return found == links_.end() || !found->second->is_open() ? nullptr : found->second.get();
}

Hello PeerLinks::Parts::hello(PeerPurpose purpose) const {
    return register_->hello(purpose, formation ? formation->seen() : std::vector<Member>());
}

bool PeerLinks::Parts::is_wanted(const std::string& where) const {
    if (stopped_ || formation) return !stopped_;
    auto who = register_->member_at(where);
    if (who == MemberId{0}) who = register_->answered_at(where);
    return who == MemberId{0} || (who != register_->self() && link_to(who) == nullptr);
}

bool PeerLinks::Parts::expects_link(const std::string& where) const {
    const auto member = register_->member_at(where);
    const auto answered = register_->answered_at(where);
    return listener_ && member != MemberId{0} && (answered == MemberId{0} || answered == member) &&
           link_to(member) == nullptr;
}

// The link of a pair is dialled by the smaller id.
PeerPurpose PeerLinks::Parts::ready_for(const Hello& from) const {
    const bool links = from.purpose == PeerPurpose::link && listener_ && register_->is_peer(from) &&
                       from.id < register_->self();
    if (links) return PeerPurpose::link;
    const bool fetches = from.purpose == PeerPurpose::fetch && register_->is_peer(from);
    return fetches ? PeerPurpose::fetch : PeerPurpose::ask;
}

StreamPtr PeerLinks::Parts::keep(StreamPtr stream, std::chrono::milliseconds timeout) {
    std::erase_if(streams_, [](const auto& weak) { return weak.expired(); });
    streams_.insert(stream);
    stream->set_deadline(timeout);
    return stream;
}

void PeerLinks::Parts::accept(PeerStream::Socket socket) {
    if (strangers_ >= options.strangers_max) {
        refuse(PeerRefusal::too_many, "a stranger", "too many others have not said who they are");
        return;  // and so it is closed
    }
    ++strangers_;
    const auto stream = keep(std::make_shared<PeerStream>(std::move(socket), user_timeout()),
                             options.handshake_timeout);
    spawn(
        io, "peer welcome", [self = shared_from_this(), stream] { return self->welcome(stream); });
}

Task<void> PeerLinks::Parts::welcome(StreamPtr stream) {
    const auto who = stream->remote_address();
    const auto tls = accepting_tls ? accepting_tls->current() : nullptr;
    const auto met = co_await hear_hello(stream, tls);
    --strangers_;
    if (stopped_) co_return;
    if (const auto* unmet = std::get_if<Unmet>(&met)) {
        if (unmet->reason) refuse(*unmet->reason, who, unmet->why);
        if (!tls) co_await say_why_not(stream, unmet->why);
        stream->close();
        co_return;
    }
    co_await answer(stream, std::get<Hello>(met));
}

Task<void> PeerLinks::Parts::answer(StreamPtr stream, Hello from) {
    const auto reason = formation ? std::nullopt : register_->judge(from);
    if (reason) {
        const auto why = why_not(*reason);
        if (reason == PeerRefusal::removed) note_waiting(from);
        refuse(*reason, from.address, why);
        co_await say_why_not(stream, why);
        stream->close();
        co_return;
    }
    const auto purpose = ready_for(from);
    std::string out;
    encode_hello(hello(purpose), out);
    const auto error = co_await stream->write(out);
    if (error || stopped_) co_return stream->close();
    note(from, {});
    if (purpose == PeerPurpose::link) co_return adopt(stream, from.id);
    if (purpose == PeerPurpose::fetch) co_await serve_snapshot(stream);
    stream->close();
}

// Another server has come up or changed its mind: to be asked at once. A peer that would link and
// may not, as its id is the larger one, has no link, whatever is thought of an older one here.
void PeerLinks::Parts::note(const Hello& from, const std::string& asked) {
    register_->learn(from, asked);
    if (formation) {
        const auto& servers = register_->servers();
        if (!std::binary_search(servers.begin(), servers.end(), from.address)) return;
        auto& before = heard_[from.address];
        if (asked.empty() && before != from) dialler_.wake(from.address);
        before = from;
        return;
    }
    note_waiting(from);
    dialler_.set_addresses(register_->addresses());
    if (!asked.empty() || from.purpose != PeerPurpose::link || !register_->is_peer(from)) return;
    auto* const link = link_to(from.id);
    if (link != nullptr && PeerLink::Clock::now() - link->since() > options.election_timeout) {
        link->close();
    }
    dialler_.wake(from.address);
}

// Who was removed can be taken in again, with the data that it has.
void PeerLinks::Parts::note_waiting(const Hello& from) {
    const bool may_wait = from.cluster == ClusterId{0} || register_->is_removed(from.id);
    if (!may_wait || register_->is_member(from.id)) return;
    if (waiting.note(from.id, from.address, Clock::now())) {
        log().info(
            "a server waits to be added id={:016x} address={}", number(from.id), from.address);
    }
}

Task<void> PeerLinks::Parts::serve_snapshot(StreamPtr stream) {
    if (snapshots_sent_ >= options.snapshots_sent_max) {
        co_await say_why_not(stream, "too many snapshots are being sent");
        co_return;
    }
    ++snapshots_sent_;
    SnapshotTransferOptions transfer;
    transfer.directory = options.snapshots;
    transfer.bytes_per_second = options.snapshot_bytes_per_second;
    co_await send_snapshot(io, transfer, stream, *worker_, counters);
    --snapshots_sent_;
}

Task<void> PeerLinks::Parts::visit(std::string where) {
    const auto self = shared_from_this();
    counters.dialled.add();
    const auto stream =
        keep(std::make_shared<PeerStream>(io, user_timeout()), options.connect_timeout);
    const auto purpose = expects_link(where) ? PeerPurpose::link : PeerPurpose::ask;
    const auto tls = dialling_tls ? dialling_tls->current() : nullptr;
    const auto met = co_await say_hello(stream, tls, where, hello(purpose));
    if (stopped_) co_return;
    const auto* const from = std::get_if<Hello>(&met);
    if (from == nullptr) {
        stream->close();
        not_reached(where, std::get<Unmet>(met));
        if (formation) formation->lost(where);
        co_return decide();
    }
    if (failures_.erase(where) != 0) log().info("peer answers address={}", where);
    const auto reason = formation ? std::nullopt : register_->judge(*from);
    if (reason) not_reached(where, {reason, why_not(*reason)});
    if (!reason) note(*from, where);
    const bool is_link = purpose == PeerPurpose::link && from->purpose == PeerPurpose::link;
    if (!reason && is_link && register_->self() < from->id) co_return adopt(stream, from->id);
    stream->close();
    if (!formation) co_return;
    formation->heard(where, *from);
    decide();
}

// Nothing is said between the decision and its being on disk: both are in one turn.
void PeerLinks::Parts::decide() {
    if (!formation || stopped_) return;
    const auto decision = formation->decision();
    if (!decision) {
        const bool sees_all = !formation->seen().empty();
        if (std::exchange(saw_all_, sees_all) != sees_all) dialler_.wake_all();
        return tell_state();
    }
    become_member(*decision);
    std::exchange(founded, nullptr)(*decision);
    dialler_.wake_all();
}

void PeerLinks::Parts::tell_state() {
    auto newest = formation ? formation->waits_for() : std::string();
    counters.forming = formation.has_value();
    const std::lock_guard lock(mutex);
    if (newest == state) return;
    state = std::move(newest);
    if (state.empty()) return;
    const auto level = formation->is_mistaken() ? spdlog::level::err : spdlog::level::warn;
    log().log(level, "no member of a cluster yet: {}", state);
}

void PeerLinks::Parts::adopt(const StreamPtr& stream, MemberId peer) {
    if (const auto old = links_.find(peer); old != links_.end()) {
        const auto link = old->second;
        link->close();
        ended(*link, "the peer has opened another");
    }
    const auto listener = listener_;
    if (!listener) return stream->close();  // the listener may have stopped it all
    stream->clear_deadline();
    const auto link = std::make_shared<PeerLink>(host_, stream, peer);
    links_.emplace(peer, link);
    counters.connected.add();
    counters.links = links_.size();
    log().info("peer linked id={:016x} address={}", number(peer), register_->address_of(peer));
    listener->connected(peer);
    link->start();  // what the peer has said already may be heard within
}

void PeerLinks::Parts::ended(PeerLink& link, std::string_view why) {
    const auto found = links_.find(link.peer());
    if (stopped_ || found == links_.end() || found->second.get() != &link) return;
    const auto peer = link.peer();
    links_.erase(found);
    counters.disconnected.add();
    counters.links = links_.size();
    const auto where = register_->address_of(peer);
    log().info("peer lost id={:016x} address={} why=\"{}\"", number(peer), where, why);
    dialler_.wake(where);
    if (const auto listener = listener_) listener->disconnected(peer);
}

// Counted always, logged now and then: whoever comes again and again must not fill the disk.
void PeerLinks::Parts::refuse(PeerRefusal reason, const std::string& who, std::string_view why) {
    counters.of(reason).add();
    auto& logged = refusal_logged_.at(static_cast<std::size_t>(reason));
    const auto now = Clock::now();
    if (logged != Clock::time_point() && now - logged < log_interval) return;
    logged = now;
    log().warn("peer refused from={} why=\"{}\"", who, why);
}

void PeerLinks::Parts::not_reached(const std::string& where, const Unmet& unmet) {
    counters.dial_failures.add();
    if (unmet.reason) counters.of(*unmet.reason).add();
    if (std::exchange(failures_[where], unmet.why) == unmet.why) return;
    log().warn("peer not reached address={} why=\"{}\"", where, unmet.why);
}

void PeerLinks::Parts::fetch(MemberId from, SnapshotFetch::Wanted wanted) {
    if (fetch_) fetch_->give_up();
    SnapshotTransferOptions transfer;
    transfer.directory = options.snapshots;
    fetch_ = std::make_shared<SnapshotFetch>(
        io, transfer, *worker_, counters, [self = shared_from_this(), from] {
            return self->dial_for_snapshot(from);
        });
    fetch_->start(std::move(wanted));
}

Task<Result<StreamPtr>> PeerLinks::Parts::dial_for_snapshot(MemberId from) {
    const auto where = register_->address_of(from);
    const auto stream =
        keep(std::make_shared<PeerStream>(io, user_timeout()), options.handshake_timeout);
    const auto tls = dialling_tls ? dialling_tls->current() : nullptr;
    const auto met = co_await say_hello(stream, tls, where, hello(PeerPurpose::fetch));
    const auto* const answered = std::get_if<Hello>(&met);
    const bool good = !stopped_ && answered != nullptr && answered->id == from &&
                      answered->purpose == PeerPurpose::fetch;
    if (good) co_return stream;
    stream->close();
    co_return make_error_code(errc::not_connected);
}

PeerLinks::PeerLinks(asio::io_context& io, PeerLinksOptions options)
    : parts_(std::make_shared<Parts>(io, std::move(options))) {}

PeerLinks::~PeerLinks() { parts_->stop(); }

const std::string& PeerLinks::address() const { return parts_->address; }

void PeerLinks::join(MemberId self, const Founding& founding, std::vector<std::string> servers) {
    parts_->begin(self, std::move(servers));
    parts_->become_member(founding);
}

void PeerLinks::form(MemberId self,
                     std::vector<std::string> servers,
                     std::function<void(const Founding&)> founded) {
    if (servers.empty()) servers = {parts_->address};
    parts_->begin(self, servers);
    parts_->formation.emplace(self, parts_->address, std::move(servers));
    parts_->founded = std::move(founded);
    asio::post(parts_->io, [parts = parts_] { parts->seek(); });
}

void PeerLinks::start(Listener listener) { parts_->start(std::move(listener)); }
void PeerLinks::stop() { parts_->stop(); }
void PeerLinks::set_members(const std::vector<Member>& members) { parts_->set_members(members); }

void PeerLinks::send(const Message& message) {
    auto* const link = parts_->link_to(message.peer);
    if (link == nullptr) return parts_->counters.unsent_messages.add();
    link->send(message);
}

bool PeerLinks::send_letter(MemberId to, std::string letter) {
    assert(letter.size() <= letter_bytes_max);
    auto* const link = parts_->link_to(to);
    const bool taken = link != nullptr && link->send_letter(letter);
    if (!taken) parts_->counters.refused_letters.add();
    return taken;
}

bool PeerLinks::is_connected(MemberId peer) const { return parts_->link_to(peer) != nullptr; }

void PeerLinks::fetch_snapshot(MemberId from,
                               const SnapshotMetadata& snapshot,
                               std::filesystem::path into,
                               std::function<void(Result<void>)> done) {
    parts_->fetch(from, {snapshot, std::move(into), std::move(done)});
}

std::vector<Member> PeerLinks::waiting() const { return parts_->waiting.list(Clock::now()); }

std::string PeerLinks::state() const {
    const std::lock_guard lock(parts_->mutex);
    return parts_->state;
}

std::vector<Metric> PeerLinks::metrics() const {
    parts_->counters.waiting = waiting().size();
    auto metrics = parts_->counters.metrics();
    if (!parts_->accepting_tls) return metrics;
    auto of_tls = parts_->accepting_tls->metrics("roster_raft_peer_tls");
    std::move(of_tls.begin(), of_tls.end(), std::back_inserter(metrics));
    return metrics;
}

void PeerLinks::reload_tls() {
    if (!parts_->accepting_tls) return;
    parts_->accepting_tls->reload();
    parts_->dialling_tls->reload();
}

}  // namespace coord
