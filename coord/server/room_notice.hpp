#pragma once
// Whether there is room on the disks for what clients write: known to all, decided by the leader.
//
// Fed by:  Server: its node's word, who leads, who is linked, and letters of the leader.
// Read by: RequestProcessor, through the function that is given.
// Thread:  coord. No socket, no clock.
// Holds:   a server refuses writes while it has no room, or its leader says that there is none. A new
//          leader is taken to have some until it says something else.

#include "coord/raft/replica.hpp"

#include <functional>
#include <string>
#include <string_view>

namespace coord {

class RoomNotice {
public:
    struct Surroundings {
        std::function<bool()> has_room;  // of the node; see Node::has_room
        std::function<Standing()> standing;
        std::function<std::vector<MemberStatus>()> members;
        std::function<void(MemberId, std::string letter)> send;
        std::function<void(bool has_room)> tell;
    };

    explicit RoomNotice(Surroundings surroundings);

    void room_changed();
    void standing_changed();
    void linked(MemberId peer);
    // False: it is a letter of another kind.
    bool read(MemberId from, std::string_view letter);

private:
    void settle();

    const Surroundings around_;
    MemberId leader_{};
    bool leader_has_room_ = true;
    bool told_ = true;
};

}  // namespace coord
