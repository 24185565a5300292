#include "coord/raft/fatal.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

TEST(FatalDeathTest, one_critical_line_and_status_1) {
    EXPECT_EXIT(end_process("cannot write /x: No space left on device"),
                testing::ExitedWithCode(1),
                "critical \\[coord.raft\\] cannot write /x: No space left on device");
}

}  // namespace
}  // namespace coord
