#include "http/message.hpp"

namespace http {
namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool parse_query(std::string_view text, Fields& query) {
    while (!text.empty()) {
        const auto end = std::min(text.find('&'), text.size());
        const auto pair = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (pair.empty()) continue;
        const auto equals = std::min(pair.find('='), pair.size());
        auto key = percent_decode(pair.substr(0, equals), true);
        auto value = percent_decode(pair.substr(std::min(equals + 1, pair.size())), true);
        if (!key || !value) return false;
        query.emplace_back(std::move(*key), std::move(*value));
    }
    return true;
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '+' && plus_is_space) {
            out += ' ';
        } else if (text[i] != '%') {
            out += text[i];
        } else {
            if (i + 2 >= text.size()) return std::nullopt;
            const int high = hex_digit(text[i + 1]);
            const int low = hex_digit(text[i + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            out += static_cast<char>(high * 16 + low);
            i += 2;
        }
    }
    return out;
}

std::optional<Target> parse_target(std::string_view target) {
    // RFC 9112 §3.2.2: the absolute form must be accepted as well.
    if (const auto scheme = target.find("://"); !target.starts_with('/') && scheme != target.npos) {
        target.remove_prefix(std::min(target.find('/', scheme + 3), target.size()));
    }
    if (!target.starts_with('/')) return std::nullopt;
    target = target.substr(0, target.find('#'));
    const auto mark = std::min(target.find('?'), target.size());
    Target parsed;
    auto path = percent_decode(target.substr(0, mark), false);
    if (!path) return std::nullopt;
    parsed.path = std::move(*path);
    if (!parse_query(target.substr(std::min(mark + 1, target.size())), parsed.query)) {
        return std::nullopt;
    }
    return parsed;
}

bool Request::has(std::string_view key) const {
    return std::any_of(target.query.begin(), target.query.end(), [&](const auto& pair) {
        return pair.first == key;
    });
}

std::string_view Request::query(std::string_view key) const {
    for (const auto& [name, value] : target.query) {
        if (name == key) return value;
    }
    return {};
}

std::vector<std::string> Request::all(std::string_view key) const {
    std::vector<std::string> values;
    for (const auto& [name, value] : target.query) {
        if (name == key) values.push_back(value);
    }
    return values;
}

std::string_view Request::find_header(std::string_view name) const {
    for (const auto& [key, value] : header) {
        if (equal_ignoring_case(key, name)) return value;
    }
    return {};
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return lower(x) == lower(y);
    });
}

Response plain(int status, std::string sentence) {
    Response response;
    response.status = status;
    response.content_type = "text/plain; charset=utf-8";
    response.body = std::move(sentence);
    return response;
}

}  // namespace http
