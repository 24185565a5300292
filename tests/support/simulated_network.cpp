#include "tests/support/simulated_network.hpp"

#include "coord/raft/message_check.hpp"

#include <algorithm>

namespace coord {

namespace {

using std::chrono_literals::operator""us;
using std::chrono_literals::operator""ms;
namespace errc = boost::system::errc;

constexpr SimulatedTime retry_min = 5ms;
constexpr SimulatedTime retry_max = 150ms;
constexpr SimulatedTime give_up_min = 300ms;
constexpr SimulatedTime give_up_max = 3000ms;
constexpr SimulatedTime fetch_patience = 2000ms;
constexpr SimulatedTime settled_max = 50ms;

}  // namespace

void SimulatedNetwork::Endpoint::start(Listener listener) {
    listener_ = std::move(listener);
    members_.clear();
    removed_.clear();
    for (const auto& [id, other] : network_.endpoints_) network_.seek(machine_.id(), id);
}

void SimulatedNetwork::Endpoint::set_members(const std::vector<Member>& members) {
    if (machine_.is_doomed()) return;
    auto before = std::exchange(members_, {});
    for (const auto& member : members) members_.insert(member.id);
    removed_.merge(before);
    for (const auto member : members_) removed_.erase(member);
    for (const auto removed : removed_) network_.sever(machine_.id(), removed);
    for (const auto& [id, other] : network_.endpoints_) network_.seek(machine_.id(), id);
}

// What a member says, its disk has: a crash must not make it untrue.
void SimulatedNetwork::Endpoint::check(const Message& message) const {
    demand(is_well_formed(message), "a malformed message");
    const auto& vote = disk_.vote();
    const auto* const ask = std::get_if<RequestVote>(&message.body);
    const auto* const answer = std::get_if<RequestVoteResult>(&message.body);
    const auto* const result = std::get_if<AppendEntriesResult>(&message.body);
    // A pre-vote asks for the next term without being in it; the answer to one repeats that term.
    const bool is_pre_vote =
        (ask != nullptr && ask->pre_vote) || (answer != nullptr && answer->pre_vote);
    if (is_pre_vote) return;
    demand(message.term <= vote.term, "a term was sent that is not on disk");
    if (ask != nullptr) {
        demand(message.term == vote.term && vote.voted_for == machine_.id(),
               "a vote was asked for without its own on disk");
    }
    if (answer != nullptr && answer->granted) {
        demand(message.term == vote.term && vote.voted_for == message.peer,
               "a vote was given that is not on disk");
    }
    if (result != nullptr && result->rejected == Index{0}) {
        demand(result->last_index <= disk_.last(), "an entry was acknowledged that is not on disk");
    }
}

void SimulatedNetwork::Endpoint::send(const Message& message) {
    if (!machine_.operate()) return;
    static constexpr std::array names{
        "append", "append result", "request vote", "vote", "install", "timeout now"};
    const auto* const append = std::get_if<AppendEntries>(&message.body);
    const auto* const result = std::get_if<AppendEntriesResult>(&message.body);
    std::uint64_t detail = number(message.term);
    if (append != nullptr) detail = number(append->previous_index) * 1000 + append->count;
    if (result != nullptr) detail = number(result->rejected) * 1000 + number(result->last_index);
    network_.world_.trace.murmur(network_.world_.clock.now(),
                                 names.at(message.body.index()),
                                 number(machine_.id()),
                                 number(message.peer),
                                 detail);
    check(message);
    network_.send(*this, message.peer, [from = machine_.id(), message](Endpoint& to) {
        auto received = message;
        received.peer = from;
        to.listener_->message(received);
    });
}

bool SimulatedNetwork::Endpoint::send_letter(MemberId to, std::string letter) {
    if (!machine_.operate()) return false;
    return network_.send(
        *this, to, [from = machine_.id(), letter = std::move(letter)](Endpoint& receiver) {
            receiver.listener_->letter(from, letter);
        });
}

void SimulatedNetwork::Endpoint::fetch_snapshot(MemberId from,
                                                const SnapshotMetadata& snapshot,
                                                std::filesystem::path,
                                                std::function<void(Result<void>)> done) {
    if (!machine_.operate()) return;
    auto& world = network_.world_;
    world.note("fetch", number(machine_.id()), number(from), number(snapshot.index));
    const auto steps = world.dice.once_in(4) ? world.dice.between(10, 40) : world.dice.below(4);
    fetch_ = std::make_shared<Fetch>(
        Fetch{from, snapshot.index, std::move(done), world.clock.now(), steps});
    machine_.post(5ms, [this, fetch = fetch_] { pull(fetch); });
}

void SimulatedNetwork::Endpoint::pull(const std::shared_ptr<Fetch>& fetch) {
    if (fetch_ != fetch) return;
    auto& world = network_.world_;
    const auto& source = *network_.endpoints_.at(fetch->from);
    const bool is_reachable = source.listener_ && !source.machine_.is_stalled() &&
                              !network_.is_cut_at_all(pair_of(machine_.id(), fetch->from));
    if (is_reachable) {
        fetch->progress = world.clock.now();
        auto found = source.disk_.snapshot_at(fetch->index);
        const bool is_over = !found || fetch->steps_left == 0 || disk_.is_full();
        if (is_over) {
            fetch_.reset();
            if (disk_.is_full()) return fetch->done(make_error_code(errc::no_space_on_device));
            if (!found) return fetch->done(make_error_code(errc::no_such_file_or_directory));
            disk_.receive(std::move(found));
            return fetch->done({});
        }
        --fetch->steps_left;
    } else if (world.clock.now() - fetch->progress > fetch_patience) {
        fetch_.reset();
        return fetch->done(make_error_code(errc::timed_out));
    }
    machine_.post(world.dice.time(5ms, 50ms), [this, fetch] { pull(fetch); });
}

void SimulatedNetwork::Endpoint::open(const LinkPtr& link, MemberId peer) {
    if (!listener_) return;
    // Its end has been told already.
    if (link->is_broken) return network_.seek(machine_.id(), peer);
    if (const auto old = links_.find(peer); old != links_.end()) {
        const auto replaced = old->second;
        network_.break_link(replaced);
        close(replaced, peer);
        if (machine_.is_doomed()) return;
    }
    links_[peer] = link;
    network_.world_.note("linked", number(machine_.id()), number(peer));
    listener_->connected(peer);
}

void SimulatedNetwork::Endpoint::close(const LinkPtr& link, MemberId peer) {
    const auto at = links_.find(peer);
    if (at == links_.end() || at->second != link) return;
    links_.erase(at);
    network_.world_.note("unlinked", number(machine_.id()), number(peer));
    network_.seek(machine_.id(), peer);
    if (listener_) listener_->disconnected(peer);
}

void SimulatedNetwork::Endpoint::crash() {
    listener_.reset();
    fetch_.reset();
    links_.clear();
    const auto self = machine_.id();
    for (const auto& [id, other] : network_.endpoints_) {
        const auto links = network_.links_[pair_of(self, id)];
        for (const auto& link : links) {
            // The other end hears of it, unless it cannot.
            network_.is_cut(self, id) ? network_.give_up_later(link) : network_.break_link(link);
        }
    }
}

bool SimulatedNetwork::send(Endpoint& from, MemberId to, Delivery delivery) {
    const auto sender = from.machine_.id();
    const auto at = from.links_.find(to);
    if (at == from.links_.end()) return false;
    const auto link = at->second;
    auto& direction = link->from(sender);
    if (is_cut(sender, to) || !direction.held.empty()) {
        ++world_.tally["message held by a cut"];
        direction.held.push_back(std::move(delivery));
        return true;
    }
    transmit(link, sender, std::move(delivery));
    return true;
}

void SimulatedNetwork::transmit(const LinkPtr& link, MemberId from, Delivery delivery) {
    auto& direction = link->from(from);
    auto& to = *endpoints_.at(link->other(from));
    direction.arrived =
        std::max(direction.arrived, world_.clock.now() + world_.dice.latency(typical_));
    to.machine_.post_at(
        direction.arrived,
        [this, link, from, &to, sent = direction.arrived, delivery = std::move(delivery)] {
            const auto open = to.links_.find(from);
            const bool arrives = open != to.links_.end() && open->second == link && to.listener_ &&
                                 sent < link->from(from).lost_from;
            if (arrives) return delivery(to);
            ++world_.tally["message lost with its link"];
        });
}

// Each end finds out on its own; of what is under way a first part still arrives.
void SimulatedNetwork::break_link(const LinkPtr& link) {
    if (std::exchange(link->is_broken, true)) return;
    std::erase(links_[link->ends], link);
    for (const auto end : {link->ends.first, link->ends.second}) {
        auto& direction = link->from(end);
        direction.lost_from = world_.clock.now() + world_.dice.latency(typical_);
        direction.held.clear();
    }
    for (const auto end : {link->ends.first, link->ends.second}) {
        const auto peer = link->other(end);
        auto& endpoint = *endpoints_.at(end);
        const auto opened = link->from(peer).arrived;  // not before it was
        const auto delay =
            world_.dice.once_in(4) ? world_.dice.time(1ms, 400ms) : world_.dice.latency(typical_);
        endpoint.machine_.post_at(std::max(opened, world_.clock.now() + delay),
                                  [&endpoint, link, peer] { endpoint.close(link, peer); });
    }
}

void SimulatedNetwork::give_up_later(const LinkPtr& link) {
    world_.clock.after(world_.dice.time(give_up_min, give_up_max), [this, link] {
        const bool is_dead = !endpoints_.at(link->ends.first)->links_.contains(link->ends.second) ||
                             !endpoints_.at(link->ends.second)->links_.contains(link->ends.first);
        if (is_cut_at_all(link->ends) || is_dead) break_link(link);
    });
}

void SimulatedNetwork::cut(MemberId from, MemberId to) {
    if (!cut_.insert({from, to}).second) return;
    for (const auto& link : links_[pair_of(from, to)]) give_up_later(link);
}

void SimulatedNetwork::isolate(MemberId member) {
    for (const auto& [id, endpoint] : endpoints_) {
        if (id == member) continue;
        cut(member, id);
        cut(id, member);
    }
}

void SimulatedNetwork::heal() {
    for (const auto& [from, to] : std::exchange(cut_, {})) {
        const auto links = links_[pair_of(from, to)];
        for (const auto& link : links) {
            auto& held = link->from(from).held;
            if (held.empty()) continue;
            if (world_.dice.once_in(2)) {
                break_link(link);
                continue;
            }
            ++world_.tally["cut healed in time"];
            for (auto& delivery : std::exchange(held, {})) {
                transmit(link, from, std::move(delivery));
            }
        }
    }
}

void SimulatedNetwork::settle() {
    heal();
    const auto is_late = [&](const LinkPtr& link) {
        const auto& [one, other] = link->directions;
        return std::max(one.arrived, other.arrived) > world_.clock.now() + settled_max;
    };
    for (const auto& [pair, links] : std::map(links_)) {
        for (const auto& link : links) {
            if (!is_late(link)) continue;
            for (auto& direction : link->directions) direction.arrived = world_.clock.now();
            break_link(link);
        }
    }
}

void SimulatedNetwork::sever(MemberId one, MemberId other) {
    const auto links = links_[pair_of(one, other)];
    for (const auto& link : links) break_link(link);
}

bool SimulatedNetwork::wants_link(const Endpoint& one, const Endpoint& other) const {
    const auto a = one.machine_.id();
    const auto b = other.machine_.id();
    return (one.members_.contains(b) || other.members_.contains(a)) && !one.removed_.contains(b) &&
           !other.removed_.contains(a);
}

void SimulatedNetwork::seek(MemberId one, MemberId other) {
    if (one == other || !seeking_.insert(pair_of(one, other)).second) return;
    world_.clock.after(world_.dice.time(retry_min, retry_max),
                       [this, pair = pair_of(one, other)] { try_to_link(pair); });
}

void SimulatedNetwork::try_to_link(Pair pair) {
    seeking_.erase(pair);
    auto& one = *endpoints_.at(pair.first);
    auto& other = *endpoints_.at(pair.second);
    if (!one.listener_ || !other.listener_ || !wants_link(one, other)) return;
    if (one.links_.contains(pair.second) && other.links_.contains(pair.first)) return;
    const bool is_possible =
        !is_cut_at_all(pair) && !one.machine_.is_stalled() && !other.machine_.is_stalled();
    if (!is_possible) return seek(pair.first, pair.second);
    const auto link = std::make_shared<Link>();
    link->ends = pair;
    links_[pair].push_back(link);
    for (auto* const end : {&one, &other}) {
        const auto peer = link->other(end->machine_.id());
        auto& arrived = link->from(peer).arrived;
        arrived = world_.clock.now() + world_.dice.latency(typical_);
        end->machine_.post_at(arrived, [end, link, peer] { end->open(link, peer); });
    }
}

}  // namespace coord
