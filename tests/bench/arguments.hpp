#pragma once
// The arguments of the programs that make load.
//
// Fed by:  coord_load, registration_load: their command lines; /proc.
// Fails:   std::runtime_error with one line.

#include "tests/bench/load_client.hpp"

#include <charconv>
#include <cstdint>
#include <fstream>
#include <stdexcept>
#include <string>
#include <sys/types.h>
#include <system_error>
#include <unistd.h>

namespace bench {

template <class Number>
Number parse(const std::string& text) {
    Number number{};
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stop != end || !(number > 0)) {
        throw std::runtime_error("not a number above 0: " + text);
    }
    return number;
}

// "127.0.0.1:2181"
inline coord::LoadClient::Address parse_address(const std::string& text) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos) throw std::runtime_error("expected ADDRESS:PORT");
    return {text.substr(0, colon), parse<std::uint16_t>(text.substr(colon + 1))};
}

// What a process holds in memory.
inline double resident_mb(pid_t pid) {
    std::ifstream statm("/proc/" + std::to_string(pid) + "/statm");
    double total = 0;
    double resident = 0;
    statm >> total >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
}

}  // namespace bench
