#pragma once
// Where a command writes, whether a person reads it there, and what time it is.
//
// Fed by:  main's standard streams; tests, with streams of their own.
// Read by: every command.
// Thread:  main's.

#include <cstdint>
#include <functional>
#include <ostream>
#include <string>
#include <string_view>

namespace agent {

struct Console {
    std::ostream& out;
    std::ostream& err;
    bool has_colours = false;
    std::function<std::int64_t()> clock_ms;  // milliseconds since 1970
    bool shows_progress = false;             // a person waits for what `err` says
};

// Colours on a terminal that has them, unless NO_COLOR is set.
Console standard_console();

enum class Colour { green, yellow, red, dim };

std::string paint(const Console& console, Colour colour, std::string_view text);
// "passing" in green, and so on.
std::string paint_health(const Console& console, std::string_view health);

// "12:03:04.567", local time.
std::string format_time(std::int64_t clock_ms);

}  // namespace agent
