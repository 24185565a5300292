#include "coord/server/room_notice.hpp"

#include <utility>

namespace coord {
namespace {

constexpr char notice_letter = 'R';
constexpr char room = '1';
constexpr char no_room = '0';

std::string letter_of(bool has_room) { return {notice_letter, has_room ? room : no_room}; }

}  // namespace

RoomNotice::RoomNotice(Surroundings surroundings) : around_(std::move(surroundings)) {}

void RoomNotice::room_changed() {
    const auto standing = around_.standing();
    if (standing.role == Role::leader) {
        for (const auto& status : around_.members()) {
            if (status.member.id == standing.leader) continue;
            around_.send(status.member.id, letter_of(around_.has_room()));
        }
    }
    settle();
}

void RoomNotice::standing_changed() {
    const auto standing = around_.standing();
    if (std::exchange(leader_, standing.leader) == standing.leader) return;
    leader_has_room_ = true;
    if (standing.role == Role::leader && !around_.has_room()) return room_changed();
    settle();
}

void RoomNotice::linked(MemberId peer) {
    if (around_.standing().role == Role::leader) around_.send(peer, letter_of(around_.has_room()));
}

bool RoomNotice::read(MemberId from, std::string_view letter) {
    if (letter.size() != 2 || letter.front() != notice_letter) return false;
    if (from != around_.standing().leader) return true;
    leader_ = from;
    leader_has_room_ = letter.back() != no_room;
    settle();
    return true;
}

void RoomNotice::settle() {
    const bool has_room = leader_has_room_ && around_.has_room();
    if (std::exchange(told_, has_room) != has_room) around_.tell(has_room);
}

}  // namespace coord
