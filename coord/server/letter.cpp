#include "coord/server/letter.hpp"

#include "coord/proto/jute.hpp"

namespace coord {
namespace {

constexpr char forwarded_entry = 'E';
constexpr char touches = 'T';
constexpr std::size_t head_bytes = 9;  // the kind, and the term

}  // namespace

std::string encode_letter(const Letter& letter) {
    std::string bytes;
    Encoder out(bytes);
    if (const auto* forwarded = std::get_if<ForwardedEntry>(&letter)) {
        bytes.reserve(head_bytes + forwarded->entry.size());
        bytes.push_back(forwarded_entry);
        out.int64(static_cast<std::int64_t>(forwarded->term));
        bytes.append(forwarded->entry);
        return bytes;
    }
    const auto& touched = std::get<Touches>(letter);
    bytes.push_back(touches);
    out.int64(static_cast<std::int64_t>(touched.term));
    for (const auto session : touched.sessions) out.int64(static_cast<std::int64_t>(session));
    return bytes;
}

std::optional<Letter> decode_letter(std::string_view bytes) {
    if (bytes.size() < head_bytes) return std::nullopt;
    Decoder in(bytes.substr(1));
    const auto term = static_cast<std::uint64_t>(in.int64());
    if (bytes.front() == forwarded_entry) return ForwardedEntry{term, in.rest()};
    if (bytes.front() != touches || in.rest().size() % sizeof(std::int64_t) != 0) {
        return std::nullopt;
    }
    Touches touched{term, {}};
    touched.sessions.reserve(in.rest().size() / sizeof(std::int64_t));
    while (!in.rest().empty()) touched.sessions.push_back(SessionId{in.int64()});
    return touched;
}

}  // namespace coord
