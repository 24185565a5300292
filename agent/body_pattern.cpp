#include "agent/body_pattern.hpp"

#include <regex>
#include <utility>

namespace agent {

struct BodyPattern::Compiled {
    std::regex regex;
};

BodyPattern::BodyPattern(std::shared_ptr<const Compiled> compiled)
    : compiled_(std::move(compiled)) {}

std::optional<BodyPattern> BodyPattern::compile(const std::string& text) {
    constexpr auto flags = std::regex_constants::ECMAScript | std::regex_constants::__polynomial;
    try {
        return BodyPattern(std::make_shared<const Compiled>(Compiled{std::regex(text, flags)}));
    } catch (const std::regex_error&) {
        return std::nullopt;
    }
}

bool BodyPattern::is_in(std::string_view body) const {
    return std::regex_search(body.begin(), body.end(), compiled_->regex);
}

bool is_pattern(const std::string& text) { return BodyPattern::compile(text).has_value(); }

}  // namespace agent
