#pragma once
// The end of the process, when going on could break a promise that was made to others.
//
// Fed by:  whoever could not make term, vote or entries durable; Driver, on a contradiction.
// Thread:  any.

#include <string_view>

namespace coord {

// One line at level critical, then exit status 1: no destructor runs, nothing is flushed that was
// not. A restart recovers from what is on disk.
[[noreturn]] void end_process(std::string_view why);

}  // namespace coord
