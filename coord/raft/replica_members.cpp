// Who the members are, and how that is changed while the cluster works: one change at a time.
#include "coord/base/log.hpp"
#include "coord/raft/replica.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace coord {

namespace {

namespace errc = boost::system::errc;

spdlog::logger& log() { return logger("coord.raft"); }

// A stand-by that lacks fewer entries than this has caught up: no commit will wait for it long.
constexpr std::uint64_t lag_max = 256;

std::size_t count_voters(const std::vector<Member>& members) {
    const auto votes = [](const Member& m) { return m.role == MemberRole::voter; };
    return static_cast<std::size_t>(std::count_if(members.begin(), members.end(), votes));
}

}  // namespace

std::vector<MemberStatus> Replica::members() const {
    std::vector<MemberStatus> all;
    if (!driver_) return all;
    for (const auto& member : driver_->members()) {
        const bool is_self = member.id == options_.driver.id;
        const bool connected = is_self || (transport_ && transport_->is_connected(member.id));
        const auto match = role_ == Role::leader ? driver_->match(member.id) : Index{0};
        all.push_back({member, connected, match});
    }
    return all;
}

Result<std::vector<Member>> Replica::changed_members(const MemberChange& change) const {
    auto members = driver_->members();
    const auto has_id = [&](const Member& m) { return m.id == change.id; };
    const auto has_address = [&](const Member& m) { return m.address == change.address; };
    const auto at = std::find_if(members.begin(), members.end(), has_id);
    const bool address_taken = std::any_of(members.begin(), members.end(), has_address);
    using enum MemberChange::Kind;
    if (change.id == MemberId{0}) return make_error_code(errc::invalid_argument);
    if (change.kind == add) {
        if (change.address.empty()) return make_error_code(errc::invalid_argument);
        if (at != members.end() || address_taken) return make_error_code(errc::file_exists);
        members.push_back({change.id, change.address, MemberRole::standby});
        return members;
    }
    if (at == members.end()) return make_error_code(errc::no_such_device_or_address);
    switch (change.kind) {
        case relocate:
            if (change.address.empty()) return make_error_code(errc::invalid_argument);
            if (address_taken) return make_error_code(errc::file_exists);
            at->address = change.address;
            break;
        case promote: at->role = MemberRole::voter; break;
        case demote: at->role = MemberRole::standby; break;
        default: members.erase(at);
    }
    if (count_voters(members) == 0) return make_error_code(errc::operation_not_permitted);
    return members;
}

void Replica::change_members(const MemberChange& change, std::function<void(Result<void>)> done) {
    if (!driver_ || role_ != Role::leader) return done(make_error_code(errc::not_connected));
    if (change_) return done(make_error_code(errc::device_or_resource_busy));
    const auto wanted = changed_members(change);
    if (!wanted) return done(wanted.error());
    if (wanted.value() == driver_->members()) return done({});
    const bool is_promotion = change.kind == MemberChange::Kind::promote;
    const auto stage = is_promotion ? Change::Stage::catching_up : Change::Stage::draining;
    change_ = Change{change, std::move(done), stage, now_() + options_.catch_up_max, {}};
    settle();
}

// The engine mistakes where a configuration stands that is not the first of a message, so it is
// submitted with nothing in flight, and nothing behind it until it is committed.
void Replica::advance_change() {
    using enum Change::Stage;
    auto& change = *change_;
    if (change.stage == catching_up) {
        if (now_() > change.give_up) return finish_change(make_error_code(errc::timed_out));
        // It must know that it is a member: else it would give nobody the vote that may be needed
        // before it hears of its promotion.
        const auto match = driver_->match(change.wanted.id);
        const bool lags = number(match) + lag_max < number(driver_->last());
        if (lags || match < driver_->configuration_index()) return;
        change.stage = draining;
    }
    if (change.stage == draining) {
        if (driver_->applied() != driver_->last() || !in_flight_.empty()) return;
        const auto members = changed_members(change.wanted);
        if (!members) return finish_change(members.error());
        auto bytes = std::make_shared<const std::string>(encode_configuration(members.value()));
        Effects effects;
        const auto index =
            driver_->propose(now_(), EntryType::configuration, std::move(bytes), effects);
        if (!index) return finish_change(index.error());
        change.stage = committing;
        change.index = *index;
        carry_out(effects);
        return;
    }
    if (delivered_ >= change.index) finish_change({});
}

bool Replica::hand_over() {
    if (!driver_ || role_ != Role::leader) return false;
    const auto all = members();
    const MemberStatus* best = nullptr;
    for (const auto& status : all) {
        const bool may_lead = status.member.role == MemberRole::voter && status.connected &&
                              status.member.id != options_.driver.id;
        if (may_lead && (best == nullptr || status.match > best->match)) best = &status;
    }
    if (best == nullptr) return false;
    Effects effects;
    const bool begun = driver_->hand_over(now_(), best->member.id, effects);
    if (begun) log().info("leadership handed over to={:016x}", number(best->member.id));
    carry_out(effects);
    return begun;
}

void Replica::finish_change(Result<void> result) {
    static constexpr std::array names{"add", "promote", "demote", "relocate", "remove"};
    const auto finished = std::move(*change_);
    change_.reset();
    log().info("members changed kind={} member={:016x} result={}",
               names.at(static_cast<std::size_t>(finished.wanted.kind)),
               number(finished.wanted.id),
               result ? "ok" : result.error().message());
    finished.done(result);
    if (std::exchange(wants_room_, false) && application_.room) application_.room();
}

void Replica::tell_members() {
    if (transport_ == nullptr || driver_->peers() == told_members_) return;
    told_members_ = driver_->peers();
    transport_->set_members(told_members_);
}

}  // namespace coord
