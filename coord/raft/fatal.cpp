#include "coord/raft/fatal.hpp"

#include "coord/base/log.hpp"

#include <cstdlib>

namespace coord {

void end_process(std::string_view why) {
    auto& log = logger("coord.raft");
    log.critical("{}", why);
    log.flush();
    std::_Exit(1);
}

}  // namespace coord
