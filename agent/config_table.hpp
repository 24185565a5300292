#pragma once
// One table of a TOML file, read strictly: what nobody asked for is an error, as is a wrong type.
//
// Fed by:  config.cpp and its parts (config_services, config_dns), which name every key, and what it must hold.
// Thread:  any; the reader lives on the stack of its one user.
// Holds:   the tables outlive their readers.
// Fails:   ConfigErrors, each at its line; a key that failed leaves its default.

#include "agent/config.hpp"
#include "agent/spelling.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent {

inline std::size_t line_of(const toml::node& node) { return node.source().begin.line; }

// What a value is, in words: `the string "8o"`, `the integer 5`, `a table`.
inline std::string describe(const toml::node& node) {
    constexpr std::size_t shown_max = 40;
    switch (node.type()) {
        case toml::node_type::string: {
            const std::string& text = **node.as_string();
            const bool all = text.size() <= shown_max;
            return "the string \"" + (all ? text : text.substr(0, shown_max) + "…") + "\"";
        }
        case toml::node_type::integer: return "the integer " + std::to_string(**node.as_integer());
        case toml::node_type::boolean: return **node.as_boolean() ? "true" : "false";
        case toml::node_type::floating_point: return "a number with a fraction";
        case toml::node_type::array: return "an array";
        case toml::node_type::table: return "a table";
        default: return "a date or time";
    }
}

// A kind of value: what it is called in an error, and how a node becomes one.
template <class T>
struct Kind {
    std::string expected;
    std::function<std::optional<T>(const toml::node&)> convert;
};

inline Kind<std::string> text() {
    return {"a string", [](const toml::node& node) { return node.value_exact<std::string>(); }};
}

template <class Accept>
Kind<std::string> text_that(std::string expected, Accept accept) {
    return {std::move(expected), [accept](const toml::node& node) -> std::optional<std::string> {
                auto value = node.value_exact<std::string>();
                return value && accept(*value) ? value : std::nullopt;
            }};
}

inline Kind<bool> boolean() {
    return {"true or false", [](const toml::node& node) { return node.value_exact<bool>(); }};
}

template <class T>
Kind<T> integer(std::int64_t min, std::int64_t max) {
    auto expected = "an integer from " + std::to_string(min) + " to " + std::to_string(max);
    return {std::move(expected), [min, max](const toml::node& node) -> std::optional<T> {
                const auto value = node.value_exact<std::int64_t>();
                if (!value || *value < min || *value > max) return std::nullopt;
                return static_cast<T>(*value);
            }};
}

template <class T = std::chrono::milliseconds>
Kind<T> duration(std::chrono::milliseconds min, std::chrono::milliseconds max) {
    auto expected = "a duration from " + format_duration(min) + " to " + format_duration(max) +
                    ", as the string \"" +
                    format_duration(std::max(min, std::chrono::milliseconds(10'000))) + "\"";
    return {std::move(expected), [min, max](const toml::node& node) -> std::optional<T> {
                const auto written = node.value_exact<std::string>();
                const auto value = written ? parse_duration(*written) : std::nullopt;
                if (!value || *value < min || *value > max) return std::nullopt;
                const auto whole = std::chrono::duration_cast<T>(*value);
                return whole == *value ? std::optional(whole) : std::nullopt;
            }};
}

// Reads one table. Each `take` names a key that is known and what it must hold; finish() reports
// the keys that nobody took.
class TableReader {
public:
    TableReader(const toml::table& table,
                std::string name,
                std::string file,
                std::vector<ConfigError>& errors)
        : table_(table), name_(std::move(name)), file_(std::move(file)), errors_(errors) {}

    template <class T>
    void take(std::string_view key, T& out, const Kind<T>& kind) {
        const auto* node = find(key);
        if (node == nullptr) return;
        if (auto value = convert(key, *node, kind)) out = std::move(*value);
    }

    template <class T>
    void take(std::string_view key, std::optional<T>& out, const Kind<T>& kind) {
        const auto* node = find(key);
        if (node != nullptr) out = convert(key, *node, kind);
    }

    template <class T>
    void take_list(std::string_view key, std::vector<T>& out, const Kind<T>& kind) {
        const auto* node = find(key);
        if (node == nullptr) return;
        if (!node->is_array())
            return mistyped(key, *node, "an array, each element " + kind.expected);
        out = elements(key, *node->as_array(), kind);
    }

    // One value, or an array of them.
    template <class T>
    void take_one_or_list(std::string_view key, std::vector<T>& out, const Kind<T>& kind) {
        const auto* node = find(key);
        if (node == nullptr) return;
        if (node->is_array()) {
            out = elements(key, *node->as_array(), kind);
        } else if (auto value = convert(key, *node, kind)) {
            out = {std::move(*value)};
        }
    }

    template <class T>
    void take_map(std::string_view key, std::map<std::string, T>& out, const Kind<T>& kind) {
        const auto* table = take_table(key);
        if (table == nullptr) return;
        for (const auto& [name, node] : *table) {
            const auto full = std::string(key) + "." + std::string(name.str());
            if (auto value = convert(full, node, kind)) out.emplace(name.str(), std::move(*value));
        }
    }

    // Null when the key is absent, or (reported) is no table.
    const toml::table* take_table(std::string_view key) {
        const auto* node = find(key);
        if (node == nullptr) return nullptr;
        if (!node->is_table()) mistyped(key, *node, "a table");
        return node->as_table();
    }

    // `[key]` or `[[key]]`: each of its tables.
    std::vector<const toml::table*> take_tables(std::string_view key) {
        std::vector<const toml::table*> found;
        const auto* node = find(key);
        if (node == nullptr) return found;
        if (const auto* one = node->as_table()) return {one};
        const auto* many = node->as_array();
        if (many == nullptr) mistyped(key, *node, "a table, [[" + std::string(key) + "]]");
        for (std::size_t i = 0; many != nullptr && i < many->size(); ++i) {
            const auto& element = *many->get(i);
            if (!element.is_table()) mistyped(key, element, "made of tables");
            if (const auto* table = element.as_table()) found.push_back(table);
        }
        return found;
    }

    [[nodiscard]] bool has(std::string_view key) const { return table_.contains(key); }

    [[nodiscard]] TableReader inner(const toml::table& table, std::string_view key) const {
        return {table,
                name_.empty() ? std::string(key) : name_ + "." + std::string(key),
                file_,
                errors_};
    }

    // A complaint about the table itself, or about what `key` in it holds.
    void report(std::string message, std::string_view key = {}) {
        const auto* node = key.empty() ? nullptr : table_.get(key);
        errors_.push_back({file_, node != nullptr ? line_of(*node) : line(), std::move(message)});
    }

    void finish() {
        for (const auto& [key, node] : table_) {
            const auto word = key.str();
            if (std::find(known_.begin(), known_.end(), word) != known_.end()) continue;
            const auto where = name_.empty() ? std::string() : " in [" + name_ + "]";
            const auto line = key.source().begin.line;
            errors_.push_back(
                {file_,
                 line != 0 ? line : line_of(node),
                 "unknown key \"" + std::string(word) + "\"" + where + suggestion(word, known_)});
        }
    }

    [[nodiscard]] std::size_t line() const { return line_of(table_); }
    [[nodiscard]] std::size_t error_count() const { return errors_.size(); }

private:
    const toml::node* find(std::string_view key) {
        known_.push_back(key);
        return table_.get(key);
    }

    void mistyped(std::string_view key, const toml::node& node, const std::string& expected) {
        errors_.push_back(
            {file_,
             line_of(node),
             "\"" + std::string(key) + "\" must be " + expected + ", found " + describe(node)});
    }

    template <class T>
    std::optional<T> convert(std::string_view key, const toml::node& node, const Kind<T>& kind) {
        auto value = kind.convert(node);
        if (!value) mistyped(key, node, kind.expected);
        return value;
    }

    template <class T>
    std::vector<T> elements(std::string_view key, const toml::array& array, const Kind<T>& kind) {
        std::vector<T> found;
        for (const auto& element : array) {
            if (auto value = convert(key, element, kind)) found.push_back(std::move(*value));
        }
        return found;
    }

    const toml::table& table_;
    std::string name_;
    std::string file_;
    std::vector<ConfigError>& errors_;
    std::vector<std::string_view> known_;
};

// Which id was declared where, so that the second one can name the first.
class DeclaredIds {
public:
    explicit DeclaredIds(std::string noun) : noun_(std::move(noun)) {}

    void declare(const std::string& id, TableReader& at) {
        const auto [first, is_new] = lines_.emplace(id, at.line());
        if (is_new || id.empty()) return;
        at.report("duplicate " + noun_ + " id \"" + id + "\": first declared in line " +
                  std::to_string(first->second));
    }

private:
    std::string noun_;
    std::map<std::string, std::size_t> lines_;
};

// [key] below `in`, if it is there.
template <class Section, class Read>
void read_section(TableReader& in, std::string_view key, Section& section, Read read) {
    const auto* table = in.take_table(key);
    if (table == nullptr) return;
    auto reader = in.inner(*table, key);
    read(reader, section);
}

}  // namespace agent
