#pragma once
// A text of configuration that must be read, or must not.
//
// Fed by:  the tests of agent/config.
// Thread:  any.
// Fails:   a text that should be good fails the test with its errors.

#include "agent/config.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tests {

inline agent::Config good(std::string_view text) {
    const auto parsed = agent::parse_config(text, "roster.toml");
    if (const auto* errors = std::get_if<std::vector<agent::ConfigError>>(&parsed)) {
        for (const auto& error : *errors) ADD_FAILURE() << agent::format(error);
        return {};
    }
    return std::get<agent::Config>(parsed);
}

// Every error as "line: message".
inline std::vector<std::string> wrong(std::string_view text) {
    const auto parsed = agent::parse_config(text, "roster.toml");
    std::vector<std::string> found;
    if (const auto* errors = std::get_if<std::vector<agent::ConfigError>>(&parsed)) {
        for (const auto& error : *errors) {
            found.push_back(std::to_string(error.line) + ": " + error.message);
        }
    }
    return found;
}

using Lines = std::vector<std::string>;

}  // namespace tests
