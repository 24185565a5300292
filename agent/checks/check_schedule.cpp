#include "agent/checks/check_schedule.hpp"

#include <algorithm>
#include <cassert>

namespace agent {
namespace {

using std::chrono::milliseconds;

milliseconds scaled(milliseconds span, double factor) {
    return std::chrono::duration_cast<milliseconds>(span * factor);
}

}  // namespace

milliseconds first_delay(milliseconds interval, bool has_run, double chance) {
    assert(chance >= 0 && chance < 1);
    return scaled(has_run ? interval : std::min(interval, milliseconds(1000)), chance);
}

milliseconds next_delay(milliseconds interval, milliseconds run, double chance) {
    assert(chance >= 0 && chance < 1);
    return std::max(milliseconds(0), scaled(interval, 0.95 + chance / 10) - run);
}

}  // namespace agent
