#include "agent/cli/console.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <unistd.h>

namespace agent {
namespace {

std::int64_t wall_clock_ms() {
    ::timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

// https://no-color.org: set to anything but the empty string.
bool wants_colours() {
    const auto* no_colour = std::getenv("NO_COLOR");
    const auto* terminal = std::getenv("TERM");
    if (no_colour != nullptr && *no_colour != '\0') return false;
    if (terminal == nullptr || std::string_view(terminal) == "dumb") return false;
    return ::isatty(STDOUT_FILENO) == 1;
}

std::string_view code_of(Colour colour) {
    switch (colour) {
        case Colour::green: return "\x1b[32m";
        case Colour::yellow: return "\x1b[33m";
        case Colour::red: return "\x1b[31m";
        case Colour::dim: return "\x1b[2m";
    }
    return {};
}

}  // namespace

Console standard_console() {
    return {std::cout, std::cerr, wants_colours(), wall_clock_ms, ::isatty(STDERR_FILENO) == 1};
}

std::string paint(const Console& console, Colour colour, std::string_view text) {
    if (!console.has_colours) return std::string(text);
    return std::string(code_of(colour)) + std::string(text) + "\x1b[0m";
}

std::string paint_health(const Console& console, std::string_view health) {
    if (health == "passing") return paint(console, Colour::green, health);
    if (health == "warning") return paint(console, Colour::yellow, health);
    return paint(console, Colour::red, health);
}

std::string format_time(std::int64_t clock_ms) {
    const std::time_t seconds = clock_ms / 1000;
    std::tm local{};
    ::localtime_r(&seconds, &local);
    std::array<char, 16> text{};
    const auto size = std::strftime(text.data(), text.size(), "%H:%M:%S", &local);
    const auto fraction = std::to_string(1000 + clock_ms % 1000);
    return std::string(text.data(), size) + "." + fraction.substr(1);
}

}  // namespace agent
