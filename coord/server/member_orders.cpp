#include "coord/server/member_orders.hpp"

#include "coord/proto/jute.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace coord {
namespace {

namespace errc = boost::system::errc;
using Verdict = MembershipAnswer::Verdict;
using Kind = MembershipOrder::Kind;

constexpr char order_letter = 'M';
constexpr char answer_letter = 'm';
constexpr std::int32_t nobody_knows = -1;

MembershipAnswer say(Verdict verdict, std::string why) {
    MembershipAnswer answer;
    answer.verdict = verdict;
    answer.why = std::move(why);
    return answer;
}

std::string encode(std::uint64_t sequence, const MembershipOrder& order) {
    std::string bytes(1, order_letter);
    Encoder out(bytes);
    out.int64(static_cast<std::int64_t>(sequence));
    out.int32(static_cast<std::int32_t>(order.kind));
    out.int64(static_cast<std::int64_t>(order.member));
    out.ustring(order.address);
    return bytes;
}

std::string encode(std::uint64_t sequence, const MembershipAnswer& answer) {
    std::string bytes(1, answer_letter);
    Encoder out(bytes);
    out.int64(static_cast<std::int64_t>(sequence));
    out.int32(static_cast<std::int32_t>(answer.verdict));
    out.ustring(answer.why);
    out.int64(static_cast<std::int64_t>(answer.cluster));
    out.int64(static_cast<std::int64_t>(answer.index));
    out.int32(static_cast<std::int32_t>(answer.servers.size()));
    for (const auto& server : answer.servers) {
        out.int64(static_cast<std::int64_t>(server.member));
        out.ustring(server.address);
        out.int32(static_cast<std::int32_t>(server.role));
        out.boolean(server.leads);
        out.boolean(server.connected);
        out.int64(server.behind ? static_cast<std::int64_t>(*server.behind) : nobody_knows);
    }
    return bytes;
}

// A number on the wire as one of an enumeration's, of which `last` is the last.
template <class Enum>
Enum take_enum(Decoder& in, Enum last) {
    const auto value = in.int32();
    if (value < 0 || value > static_cast<std::int32_t>(last)) in.fail();
    return in.failed() ? Enum{} : static_cast<Enum>(value);
}

MembershipOrder decode_order(Decoder& in) {
    MembershipOrder order;
    order.kind = take_enum(in, Kind::relocate);
    order.member = static_cast<std::uint64_t>(in.int64());
    order.address = in.ustring();
    return order;
}

MembershipAnswer decode_answer(Decoder& in) {
    constexpr std::size_t server_bytes_min = 26;
    MembershipAnswer answer;
    answer.verdict = take_enum(in, Verdict::unavailable);
    answer.why = in.ustring();
    answer.cluster = static_cast<std::uint64_t>(in.int64());
    answer.index = static_cast<std::uint64_t>(in.int64());
    const auto count = in.count(server_bytes_min).value_or(0);
    for (std::size_t i = 0; i < count && !in.failed(); ++i) {
        auto& server = answer.servers.emplace_back();
        server.member = static_cast<std::uint64_t>(in.int64());
        server.address = in.ustring();
        server.role = take_enum(in, ListedServer::Role::waiting);
        server.leads = in.boolean();
        server.connected = in.boolean();
        const auto behind = in.int64();
        if (behind != nobody_knows) server.behind = static_cast<std::uint64_t>(behind);
    }
    return answer;
}

std::uint64_t behind(Index match, Index last) {
    return number(last) - std::min(number(match), number(last));
}

ListedServer::Role role_of(const Member& member) {
    switch (member.role) {
        case MemberRole::voter: return ListedServer::Role::voter;
        case MemberRole::spare: return ListedServer::Role::spare;
        default: return ListedServer::Role::standby;
    }
}

std::string name_of(const Member& member) {
    return fmt::format("{:016x} ({})", number(member.id), member.address);
}

// Why `id` must go on voting; empty: it need not.
std::string need_of(const std::vector<MemberStatus>& members, MemberId id) {
    std::size_t voters = 0;
    std::size_t connected = 0;
    for (const auto& status : members) {
        if (status.member.role != MemberRole::voter || status.member.id == id) continue;
        ++voters;
        connected += status.connected ? 1 : 0;
    }
    if (voters == 0) return "it is the last voter: promote another server first";
    if (connected > voters / 2) return {};
    return fmt::format("only {} of the other {} voters can be reached, too few to commit anything: "
                       "bring one back, or remove one that is gone for good first",
                       connected,
                       voters);
}

}  // namespace

MemberOrders::MemberOrders(Surroundings surroundings) : around_(std::move(surroundings)) {}

void MemberOrders::ask(MembershipOrder order, Time now, Done done) {
    const auto standing = around_.standing();
    if (standing.role == Role::leader) return lead(order, done);
    if (standing.leader != MemberId{0}) {
        return forward(std::move(order), standing.leader, now, std::move(done));
    }
    if (order.kind == Kind::list) return done(listing());
    done(say(Verdict::unavailable,
             "no server leads the cluster for now: see that a majority of the voters runs and that "
             "they reach each other ('roster members' lists them). If a majority is gone for good: "
             "'roster recover --help'"));
}

void MemberOrders::lead(const MembershipOrder& order, const Done& done) {
    if (order.kind == Kind::list) return done(listing());
    MemberChange change;
    auto verdict = look_at(order, change);
    if (verdict.verdict != Verdict::done || change.id == MemberId{0}) {
        return done(std::move(verdict));
    }
    around_.change(change, [this, done](const Result<void>& result) {
        done(result ? listing() : explain(result.error()));
    });
}

// What is to be changed is put into `change`; nothing if it is so already.
MembershipAnswer MemberOrders::look_at(const MembershipOrder& order, MemberChange& change) const {
    if (order.kind == Kind::add) return look_at_new(order, change);
    if (order.kind == Kind::relocate) return look_at_move(order, change);
    const auto members = around_.members();
    const auto at = std::find_if(members.begin(), members.end(), [&](const MemberStatus& status) {
        return order.member != 0 ? number(status.member.id) == order.member
                                 : status.member.address == order.address;
    });
    if (at == members.end()) {
        const auto whom = order.member != 0 ? fmt::format("with the id {:016x}", order.member)
                                            : "at " + order.address;
        return say(Verdict::unknown,
                   "there is no member " + whom + ": 'roster members' lists them");
    }
    const auto& member = at->member;
    const bool votes = member.role == MemberRole::voter;
    MemberChange wanted{MemberChange::Kind::remove, member.id, {}};
    if (order.kind == Kind::promote) {
        if (votes) return listing();
        const auto lag = behind(at->match, around_.last());
        if (!at->connected) {
            return say(Verdict::refused,
                       name_of(member) + " cannot be reached: see that its agent runs");
        }
        if (at->match == Index{0} || lag >= lag_max) {
            return say(Verdict::refused,
                       fmt::format("{} has not caught up, it is {} entries behind: try again when "
                                   "'roster members' shows fewer than {}",
                                   name_of(member),
                                   lag,
                                   lag_max));
        }
        wanted.kind = MemberChange::Kind::promote;
    } else {
        if (order.kind == Kind::demote && !votes) return listing();
        if (order.kind == Kind::demote) wanted.kind = MemberChange::Kind::demote;
        const auto need = votes ? need_of(members, member.id) : "";
        if (!need.empty()) return say(Verdict::refused, name_of(member) + ": " + need);
    }
    change = std::move(wanted);
    return {};
}

MembershipAnswer MemberOrders::look_at_new(const MembershipOrder& order,
                                           MemberChange& change) const {
    if (order.address.empty()) return say(Verdict::wrong, "which address is to be added?");
    for (const auto& [member, connected, match] : around_.members()) {
        if (member.address != order.address) continue;
        const bool is_new = order.member != 0 && order.member != number(member.id);
        if (!is_new && waiting_at(order.address) == MemberId{0}) return listing();
        return say(Verdict::refused,
                   fmt::format("{0} is the address of the member {1:016x}, and a server that lost "
                               "its disk waits there: remove the old one first with 'roster "
                               "members remove {1:016x}'",
                               order.address,
                               number(member.id)));
    }
    const auto id = order.member != 0 ? MemberId{order.member} : waiting_at(order.address);
    if (id == MemberId{0}) {
        return say(Verdict::unknown,
                   "no server at " + order.address +
                       " has asked this cluster to be added. Start its agent with an empty data "
                       "directory, \"peer_address\" of this address, and an address of this "
                       "cluster among its \"servers\"; 'roster members' lists it when it waits");
    }
    change = {MemberChange::Kind::add, id, order.address};
    return {};
}

MembershipAnswer MemberOrders::look_at_move(const MembershipOrder& order,
                                            MemberChange& change) const {
    for (const auto& status : around_.members()) {
        const auto& member = status.member;
        if (member.address != order.address || number(member.id) == order.member) continue;
        return say(
            Verdict::refused,
            fmt::format("{} is the address of the member {:016x} already: remove that one, or "
                        "give one of them another \"peer_address\"",
                        order.address,
                        number(member.id)));
    }
    change = {MemberChange::Kind::relocate, MemberId{order.member}, order.address};
    return {};
}

MembershipAnswer MemberOrders::explain(const Error& error) const {
    if (error == errc::device_or_resource_busy) {
        return say(Verdict::refused,
                   "another change of the members is under way: try again in a moment");
    }
    if (error == errc::timed_out) {
        return say(Verdict::refused, "it did not catch up in time: see that its agent runs");
    }
    if (error == errc::operation_not_permitted) {
        return say(Verdict::refused, "it is the last voter: promote another server first");
    }
    if (error == errc::connection_aborted || error == errc::not_connected) {
        return say(Verdict::unavailable,
                   "the leader changed meanwhile: see with 'roster members' whether it was done, "
                   "and try again");
    }
    return say(Verdict::refused, error.message());
}

MembershipAnswer MemberOrders::listing() const {
    const auto standing = around_.standing();
    const bool leads = standing.role == Role::leader;
    MembershipAnswer answer;
    answer.why = around_.waits_for();
    answer.cluster = around_.cluster();
    answer.index = number(around_.last());
    for (const auto& [member, connected, match] : around_.members()) {
        auto& server = answer.servers.emplace_back();
        server.member = number(member.id);
        server.address = member.address;
        server.role = role_of(member);
        server.leads = member.id == standing.leader;
        server.connected = connected;
        if (server.leads) {
            server.behind = 0;
        } else if (leads && match != Index{0}) {
            server.behind = behind(match, around_.last());
        }
    }
    add_waiting(answer);
    return answer;
}

void MemberOrders::add_waiting(MembershipAnswer& answer) const {
    for (const auto& member : around_.waiting()) {
        const auto is_it = [&](const auto& s) { return s.member == number(member.id); };
        if (std::any_of(answer.servers.begin(), answer.servers.end(), is_it)) continue;
        auto& server = answer.servers.emplace_back();
        server.member = number(member.id);
        server.address = member.address;
        server.role = ListedServer::Role::waiting;
    }
}

MemberId MemberOrders::waiting_at(const std::string& address) const {
    for (const auto& member : around_.waiting()) {
        if (member.address == address) return member.id;
    }
    return {};
}

// Who waits has perhaps asked this server and not the leader.
void MemberOrders::forward(MembershipOrder order, MemberId leader, Time now, Done done) {
    if (order.kind == Kind::add && order.member == 0) {
        order.member = number(waiting_at(order.address));
    }
    const auto sequence = ++sequence_;
    const auto letter = encode(sequence, order);
    Forwarded forwarded{leader, now + patience, order.kind, std::move(done)};
    if (forwarded_.size() >= waiting_orders_max || !around_.send(leader, letter)) {
        if (order.kind == Kind::list) return forwarded.done(listing());
        return forwarded.done(say(Verdict::unavailable,
                                  "the server that leads cannot be reached from here: try again, "
                                  "or ask the agent of another server"));
    }
    forwarded_.emplace(sequence, std::move(forwarded));
}

void MemberOrders::give_up(Forwarded forwarded) {
    if (forwarded.kind == Kind::list) return forwarded.done(listing());
    forwarded.done(say(Verdict::unavailable,
                       "the server that leads has not answered: see with 'roster members' whether "
                       "it was done"));
}

bool MemberOrders::read(MemberId from, std::string_view letter) {
    if (letter.empty() || (letter.front() != order_letter && letter.front() != answer_letter)) {
        return false;
    }
    Decoder in(letter.substr(1));
    const auto sequence = static_cast<std::uint64_t>(in.int64());
    if (letter.front() == order_letter) {
        const auto order = decode_order(in);
        if (in.failed()) return true;
        const auto reply = [this, from, sequence](const MembershipAnswer& answer) {
            // Whoever is out of reach now finds the answer in the list of members.
            static_cast<void>(around_.send(from, encode(sequence, answer)));
        };
        if (order.kind == Kind::relocate && MemberId{order.member} != from) {
            reply(say(Verdict::wrong, "a server says only of itself where it is"));
        } else if (around_.standing().role == Role::leader) {
            lead(order, reply);
        } else {
            reply(explain(make_error_code(errc::not_connected)));
        }
        return true;
    }
    auto answer = decode_answer(in);
    const auto found = forwarded_.find(sequence);
    if (in.failed() || found == forwarded_.end() || found->second.to != from) return true;
    const auto forwarded = std::move(found->second);
    forwarded_.erase(found);
    if (answer.verdict == Verdict::done) add_waiting(answer);
    forwarded.done(std::move(answer));
    return true;
}

void MemberOrders::disconnected(MemberId peer) {
    for (auto at = forwarded_.begin(); at != forwarded_.end();) {
        if (at->second.to != peer) {
            ++at;
            continue;
        }
        auto forwarded = std::move(at->second);
        at = forwarded_.erase(at);
        give_up(std::move(forwarded));
    }
}

void MemberOrders::tick(Time now) {
    while (!forwarded_.empty() && forwarded_.begin()->second.give_up <= now) {
        auto forwarded = std::move(forwarded_.begin()->second);
        forwarded_.erase(forwarded_.begin());
        give_up(std::move(forwarded));
    }
}

}  // namespace coord
