#include "coord/server/server_core.hpp"

#include "coord/server/membership.hpp"

#include <utility>

namespace coord {

ServerCore::ServerCore(const ServerOptions& options,
                       ServerCounters& counters,
                       Surroundings surroundings)
    : options_(options),
      counters_(counters),
      surroundings_(std::move(surroundings)),
      processor_(options,
                 counters,
                 {[this](const Entry& entry) { return send(entry); },
                  [this](const Touches& touches) {
                      return surroundings_.send_letter(surroundings_.standing().leader,
                                                       encode_letter(touches));
                  },
                  surroundings_.wake}),
      forwarded_(options.forwarded_bytes_max, counters, surroundings_.propose),
      room_notice_({surroundings_.has_room,
                    surroundings_.standing,
                    surroundings_.members,
                    [this](MemberId to, std::string letter) {
                        static_cast<void>(surroundings_.send_letter(to, std::move(letter)));
                    },
                    [this](bool has_room) { processor_.set_room(has_room); }}) {}

Application ServerCore::application() {
    Application application;
    application.apply = [this](Index, Term term, std::string_view entry) {
        processor_.apply(term, entry, surroundings_.now());
    };
    application.standing_changed = [this](const Standing& standing) {
        processor_.standing_changed(standing, surroundings_.now());
        forwarded_.standing_changed(standing, surroundings_.self());
        room_notice_.standing_changed();
    };
    application.room = [this] {
        room_notice_.room_changed();
        surroundings_.wake();
    };
    application.letter = [this](MemberId from, std::string_view letter) { read(from, letter); };
    application.link_changed = [this](MemberId peer, bool connected) {
        if (connected && peer == surroundings_.standing().leader) processor_.leader_linked();
        if (connected) room_notice_.linked(peer);
    };
    application.cut_snapshot = [this] { return processor_.cut_snapshot(); };
    application.build = [this](const Disk::Chunks& next) -> Result<Disk::Swap> {
        auto restored = StateMachine::restore(next);
        if (!restored) return restored.error();
        const auto state = std::make_shared<StateMachine>(std::move(restored.value()));
        return Disk::Swap([this, state] { processor_.swap_state(*state, surroundings_.now()); });
    };
    return application;
}

bool ServerCore::send(const Entry& entry) {
    const auto standing = surroundings_.standing();
    if (standing.role == Role::leader) return surroundings_.propose(entry);
    if (standing.leader == MemberId{0} || standing.leader == surroundings_.self()) return false;
    return surroundings_.send_letter(standing.leader,
                                     encode_letter(ForwardedEntry{number(standing.term), *entry}));
}

void ServerCore::read(MemberId from, std::string_view letter) {
    if (room_notice_.read(from, letter)) return;
    const auto read = decode_letter(letter);
    if (!read) {
        counters_.letters_malformed.add();
    } else if (const auto* entry = std::get_if<ForwardedEntry>(&*read)) {
        forwarded_.take(from, *entry);
    } else {
        processor_.touched(std::get<Touches>(*read).sessions, surroundings_.now());
    }
}

std::string ServerCore::membership() const {
    std::vector<Member> members;
    for (const auto& status : surroundings_.members()) members.push_back(status.member);
    return format_membership(members);
}

void ServerCore::tick() {
    const auto now = surroundings_.now();
    processor_.tick(now);
    processor_.expire_sessions(now);
    if (options_.has_peers()) processor_.tell_members(membership(), now);
}

std::vector<std::shared_ptr<Conversation>> ServerCore::end_turn() {
    auto conversations = processor_.end_turn();
    forwarded_.pump();
    return conversations;
}

}  // namespace coord
