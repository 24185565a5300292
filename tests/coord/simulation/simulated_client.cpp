#include "tests/coord/simulation/simulated_client.hpp"

#include <algorithm>
#include <utility>

namespace coord {

namespace {

using std::chrono_literals::operator""us;
using std::chrono_literals::operator""ms;

constexpr std::size_t pending_max = 12;
constexpr SimulatedTime reconnect_max = 100ms;

}  // namespace

SimulatedClient::SimulatedClient(ClientRecords& records, std::uint64_t number)
    : records_(records),
      world_(records.world),
      number_(number),
      workload_(world_, records.model, number),
      pause_max_(world_.dice.time(2ms, 80ms)),
      wanted_timeout_(world_.dice.between(300, 3000)) {}

void SimulatedClient::note(std::string_view what, std::uint64_t a, std::uint64_t b) {
    world_.note(what, 1000 + number_, a, b);
}

void SimulatedClient::start() {
    connect_soon();
    keep_alive();
    work();
}

// ---- the connection

void SimulatedClient::connect_soon() {
    phase_ = Phase::waiting;
    const auto number = ++tries_;
    world_.clock.after(world_.dice.time(0us, reconnect_max), [this, number] {
        if (number == tries_) connect();
    });
}

void SimulatedClient::connect() {
    const auto& seats = records_.cluster.seats();
    auto& seat = *seats.at(world_.dice.below(seats.size()));
    phase_ = Phase::connecting;
    const auto number = ++tries_;
    note("connect", coord::number(seat.id()));
    link_ = records_.network.connect(seat,
                                     {[this, number](const std::string& bytes) {
                                          if (number == tries_) received(bytes);
                                      },
                                      [this, number] {
                                          if (number != tries_) return;
                                          link_ended_ = true;
                                          read_arrived();
                                      }});
    heard_at_ = sent_at_ = world_.clock.now();
    ConnectRequest request;
    request.last_zxid_seen = witness_ != nullptr ? witness_->seen() : Zxid{0};
    request.timeout_ms = static_cast<std::int32_t>(wanted_timeout_.count());
    request.session = session_;
    request.password = {password_.data(), password_.size()};
    std::string body;
    Encoder out(body);
    request.encode(out);
    records_.network.send(link_, std::move(body));
}

void SimulatedClient::give_up_link() {
    if (link_) records_.network.close(link_);
    lost();
}

void SimulatedClient::lost() {
    note("connection lost", static_cast<std::uint64_t>(session_), pending_.size());
    if (phase_ == Phase::open) ++world_.tally["client's connection lost"];
    for (const auto& request : pending_) {
        if (is_write(request.op)) ++world_.tally["request of unknown fate"];
        records_.registers.lose(request);
    }
    pending_.clear();
    arrived_.clear();
    link_ended_ = false;
    link_.reset();
    looked_ = false;
    connect_soon();
}

void SimulatedClient::received(const std::string& bytes) {
    arrived_.push_back(bytes);
    read_arrived();
}

void SimulatedClient::read_arrived() {
    if (is_stalled()) return;
    while (!arrived_.empty()) {
        const auto bytes = std::move(arrived_.front());
        arrived_.pop_front();
        heard_at_ = world_.clock.now();
        const auto link = link_;
        for (std::string_view rest = bytes; !rest.empty() && link_ == link;) {
            const auto size = static_cast<std::size_t>(Decoder(rest).int32());
            take(rest.substr(4, size));
            rest.remove_prefix(4 + size);
        }
    }
    if (link_ended_) lost();
}

void SimulatedClient::keep_alive() {
    const auto timeout = timeout_.count() > 0 ? timeout_ : wanted_timeout_;
    world_.clock.after(SimulatedTime(timeout) / 10, [this] { keep_alive(); });
    if (is_stalled() || phase_ == Phase::waiting) return;
    const auto now = world_.clock.now();
    const auto patience = SimulatedTime(timeout) * (phase_ == Phase::open ? 2 : 1) / 3;
    if (now - heard_at_ >= patience) return give_up_link();
    if (phase_ == Phase::open && now - sent_at_ >= SimulatedTime(timeout) / 3) {
        send(SentRequest{ping_xid, OpCode::ping, {}});
    }
}

SimulatedTime SimulatedClient::pings_since() const {
    if (!is_open() || link_->is_silent) return world_.clock.now();
    return std::max(open_since_, stalled_until_);
}

// ---- what comes

void SimulatedClient::take(std::string_view frame) {
    if (phase_ == Phase::connecting) return opened(frame);
    Decoder in(frame);
    const auto header = decode_reply_header(in);
    demand(!in.failed(), "a reply that cannot be read");
    if (header.xid == notification_xid) {
        const auto event = decode_watcher_event(in);
        note("event", static_cast<std::uint64_t>(event.type));
        ++world_.tally["event told"];
        return witness_->told(event);
    }
    replied(header, in.rest());
}

void SimulatedClient::opened(std::string_view frame) {
    const auto response = ConnectResponse::decode(frame);
    demand(response.has_value(), "a greeting that cannot be read");
    if (response.value().timeout_ms <= 0) {
        demand(!records_.model.sessions().contains(session_),
               "a client was told that its session is over, and it is not");
        world_.count(
            "session expired for its client", 1000 + number_, static_cast<std::uint64_t>(session_));
        forget_session();
        return give_up_link();
    }
    begin_session(response.value());
}

void SimulatedClient::begin_session(const ConnectResponse& response) {
    const bool is_new = response.session != session_;
    demand(session_ == SessionId{} || !is_new, "another session than the client's");
    phase_ = Phase::open;
    open_since_ = world_.clock.now();
    session_ = response.session;
    password_ = response.password;
    timeout_ = std::chrono::milliseconds(response.timeout_ms);
    world_.count(is_new ? "session opened" : "session attached again",
                 1000 + number_,
                 static_cast<std::uint64_t>(session_));
    if (is_new) {
        auto& owned = records_.sessions[session_];
        demand(owned == nullptr, "a session that another client has");
        owned = std::make_unique<SessionWitness>(records_.model);
        witness_ = owned.get();
    }
    witness_->connected();
    if (witness_->has_watches()) set_watches();
    for (auto& wish : workload_.first()) {
        if (is_new) send(std::move(wish));
    }
}

void SimulatedClient::set_watches() {
    std::string body;
    Encoder out(body);
    witness_->watches_to_set().encode(out, OpCode::set_watches2);
    ++world_.tally["watches set again"];
    send(SentRequest{set_watches_xid, OpCode::set_watches2, std::move(body)});
}

void SimulatedClient::replied(const ReplyHeader& header, std::string_view body) {
    demand(!pending_.empty(), "a reply that nobody asked for");
    const auto request = std::move(pending_.front());
    pending_.pop_front();
    note("reply",
         static_cast<std::uint64_t>(header.zxid),
         static_cast<std::uint64_t>(static_cast<std::uint32_t>(request.op)));
    demand(header.xid == request.xid, "a reply out of order");
    witness_->replied(request, header, body);
    records_.acknowledged = std::max(records_.acknowledged, header.zxid);
    records_.registers.end(request, Errc{header.error}, body, world_.clock.now());
    if (is_write(request.op)) {
        ++writes_answered_;
        ++world_.tally["write answered"];
    }
    if (request.op == OpCode::close_session) {  // Whatever the answer, it has had enough.
        ++world_.tally["session closed"];
        forget_session();
        give_up_link();
    }
}

void SimulatedClient::forget_session() {
    session_ = SessionId{};
    password_ = {};
    witness_ = nullptr;
}

// ---- what goes

void SimulatedClient::work() {
    world_.clock.after(world_.dice.time(0us, pause_max_), [this] {
        if (is_finishing_) return;
        work();
        const auto burst = world_.dice.once_in(4) ? world_.dice.between(2, 6) : 1;
        for (std::uint64_t i = 0; i < burst; ++i) {
            if (!is_open() || is_stalled() || pending_.size() >= pending_max) return;
            send(workload_.next());
        }
    });
}

void SimulatedClient::look_round() {
    for (auto& wish : workload_.all()) send(std::move(wish));
    looked_ = true;
}

void SimulatedClient::send(Wish wish) {
    const auto now = world_.clock.now();
    if (wish.behind_sync) {
        sync_sent_ = now;
        sync_floor_ = records_.acknowledged;
        send(SentRequest{++xid_, OpCode::sync, std::string("\0\0\0\1/", 5)});
    }
    SentRequest request{++xid_, wish.op, std::move(wish.body)};
    if (wish.behind_sync) request.floor = sync_floor_;
    if (is_write(request.op)) request.floor = records_.acknowledged;
    if (is_write(request.op)) records_.registers.begin(request, now);
    if (wish.behind_sync) records_.registers.begin(request, sync_sent_);
    send(std::move(request));
}

void SimulatedClient::send(SentRequest request) {
    std::string frame;
    Encoder out(frame);
    encode(out, RequestHeader{request.xid, request.op});
    frame += request.body;
    request.sent = sent_at_ = world_.clock.now();
    note("request",
         static_cast<std::uint64_t>(static_cast<std::uint32_t>(request.xid)),
         static_cast<std::uint64_t>(static_cast<std::uint32_t>(request.op)));
    witness_->sent(request);
    pending_.push_back(std::move(request));
    records_.network.send(link_, std::move(frame));
}

// ---- what goes wrong

void SimulatedClient::drop() {
    if (link_) give_up_link();
}

void SimulatedClient::silence() {
    if (link_) link_->is_silent = true;
}

void SimulatedClient::stall(SimulatedTime time) {
    stalled_until_ = std::max(stalled_until_, world_.clock.now() + time);
    world_.clock.at(stalled_until_, [this] {
        if (link_) read_arrived();
    });
}

void SimulatedClient::abandon() {
    if (link_ && world_.dice.once_in(2)) silence();
    forget_session();
    if (link_) give_up_link();
}

void SimulatedClient::close_session() {
    if (is_open() && !is_stalled()) send(Wish{OpCode::close_session, {}});
}

}  // namespace coord
