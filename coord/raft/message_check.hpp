#pragma once
// Whether a message may be shown to the engine, which only asserts what it expects of peers, and
// whose assertions are off in the packaged library.
//
// Fed by:  Driver::receive.
// Thread:  any; it is a function.

#include "coord/raft/message.hpp"

namespace coord {

bool is_well_formed(const Message& message);

}  // namespace coord
