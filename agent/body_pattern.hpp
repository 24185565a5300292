#pragma once
// The regular expression that a checked body must contain.
//
// Fed by:  config (is it one?), checks/http_check.
// Thread:  any; immutable.
// Holds:   matching takes time linear in the text and no stack, whatever the pattern: libstdc++'s
//          polynomial matcher. So back references are not supported.
// Fails:   compile() yields nothing for what is no pattern.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace agent {

class BodyPattern {
public:
    static std::optional<BodyPattern> compile(const std::string& text);  // ECMAScript

    [[nodiscard]] bool is_in(std::string_view body) const;

private:
    struct Compiled;
    explicit BodyPattern(std::shared_ptr<const Compiled> compiled);
    std::shared_ptr<const Compiled> compiled_;
};

bool is_pattern(const std::string& text);

}  // namespace agent
