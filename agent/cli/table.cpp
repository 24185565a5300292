#include "agent/cli/table.hpp"

#include <algorithm>
#include <cstddef>

namespace agent {
namespace {

// Characters a terminal shows: UTF-8 continuation bytes and colour codes are none.
std::size_t width(const std::string& text) {
    std::size_t count = 0;
    bool in_code = false;
    for (const char c : text) {
        if (c == '\x1b') in_code = true;
        const bool continues = (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
        if (!in_code && !continues) ++count;
        if (in_code && c == 'm') in_code = false;
    }
    return count;
}

}  // namespace

std::string format_table(const std::vector<Row>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
    }
    std::string text;
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            text += row[i];
            if (i + 1 < row.size()) text.append(widths[i] - width(row[i]) + 2, ' ');
        }
        text += '\n';
    }
    return text;
}

std::string join(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : ",") + word;
    return text.empty() ? "-" : text;
}

}  // namespace agent
