#include "dns/forward_answer.hpp"

#include "dns/reply_draft.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace dns {

namespace {

constexpr std::size_t message_bytes_max = 65'535;
constexpr std::size_t pointer_target_max = 0x3FFF;
constexpr std::size_t known_names_max = 16;

// The types whose names in rdata may be compressed: those of RFC 1035 (RFC 3597 §4). The names come
// after so many octets.
struct NamesInRdata {
    std::uint16_t type;
    std::size_t names_at;
    std::size_t names;
};
constexpr std::array<NamesInRdata, 5> names_in_rdata{
    {{rr::ns, 0, 1}, {rr::cname, 0, 1}, {rr::soa, 0, 2}, {rr::ptr, 0, 1}, {15, 2, 1}}};  // MX

}  // namespace

ForwardAnswerWriter::ForwardAnswerWriter(Octets question_name,
                                         std::size_t bytes_between,
                                         Labels home) {
    answer_.at = header_bytes + question_name.size() + 4 + bytes_between;
    answer_.home = std::move(home);
    auto& question = known_.emplace_back();
    const bool whole = read_name(question_name, 0, question.name);
    assert(whole);
    question.at = header_bytes;
    question.labels = question.name.labels;
}

void ForwardAnswerWriter::put_u16(std::size_t value) {
    answer_.body.push_back(static_cast<std::uint8_t>(value >> 8U));
    answer_.body.push_back(static_cast<std::uint8_t>(value));
}

// How many labels at the end of both are the same.
std::size_t ForwardAnswerWriter::shared_labels(const QueryName& name, const Known& known) const {
    std::size_t shared = 0;
    while (shared < name.labels && shared < known.name.labels) {
        const auto ours = name.label(name.labels - shared - 1U);
        const auto theirs = known.name.label(known.name.labels - shared - 1U);
        if (!std::equal(ours.begin(), ours.end(), theirs.begin(), theirs.end())) break;
        ++shared;
    }
    return shared;
}

// A name without compression is one that others may be compressed against.
bool ForwardAnswerWriter::put_name(Octets name, bool compress) {
    QueryName read;
    if (!read_name(name, 0, read) || read.bytes != name.size()) return false;
    std::size_t shared = 0;
    std::size_t target = 0;
    for (const auto& known : known_) {
        const auto found = shared_labels(read, known);
        const std::size_t first = known.name.labels - found;
        if (found <= shared || first >= known.labels) continue;
        shared = found;
        target = known.at + known.name.label_at[first];
    }
    const std::size_t own = compress ? read.labels - shared : read.labels;
    if (shared < read.labels && at() <= pointer_target_max - name_bytes_max &&
        known_.size() < known_names_max) {
        known_.push_back({read, at(), own});
    }
    const bool whole = own == read.labels;
    const std::size_t bytes = whole ? name.size() : read.label_at[own];
    auto& body = answer_.body;
    body.insert(body.end(), name.begin(), name.begin() + static_cast<std::ptrdiff_t>(bytes));
    if (!whole) put_u16(0xC000U | target);
    return true;
}

// What is said of a name of ours points to it and to the end of it, so it stands there whole, once.
bool ForwardAnswerWriter::put_target(Octets name) {
    const bool is_home =
        answer_.home_at == 0 && !answer_.home.empty() && fold(text(name)) == answer_.home;
    if (is_home) answer_.home_at = at();
    return put_name(name, !is_home);
}

bool ForwardAnswerWriter::put_rdata(const Record& record) {
    auto& body = answer_.body;
    const std::size_t length_at = body.size();
    put_u16(0);
    auto rest = octets(record.rdata);
    const auto* found = std::find_if(names_in_rdata.begin(),
                                     names_in_rdata.end(),
                                     [&](const auto& one) { return one.type == record.type; });
    if (found != names_in_rdata.end() && record.sound) {
        body.insert(body.end(), rest.begin(), rest.begin() + static_cast<int>(found->names_at));
        rest = rest.subspan(found->names_at);
        for (std::size_t i = 0; i < found->names; ++i) {
            const auto end = skip_name(rest, 0);
            if (!end || !put_target(rest.first(*end))) return false;
            rest = rest.subspan(*end);
        }
    }
    body.insert(body.end(), rest.begin(), rest.end());
    write_u16(&body[length_at], body.size() - length_at - 2);
    return true;
}

bool ForwardAnswerWriter::add(MessageSection section, const Record& record) {
    auto& body = answer_.body;
    const std::size_t before = body.size();
    const auto take_back = [&] {
        body.resize(before);
        while (known_.size() > 1 && known_.back().at >= at()) known_.pop_back();
        if (answer_.home_at >= at()) answer_.home_at = 0;
        return false;
    };
    if (!put_name(octets(record.owner), true)) return take_back();
    put_u16(record.type);
    put_u16(record.klass);
    const std::size_t ttl_at = body.size();
    put_u16(record.ttl >> 16U);
    put_u16(record.ttl & 0xFFFFU);
    if (!put_rdata(record) || at() > message_bytes_max) return take_back();
    answer_.places.push_back(
        {static_cast<std::uint16_t>(ttl_at), static_cast<std::uint16_t>(body.size())});
    ++answer_.counts[static_cast<std::size_t>(section)];
    return true;
}

ForwardAnswer ForwardAnswerWriter::finish() {
    answer_.body.shrink_to_fit();
    answer_.places.shrink_to_fit();
    return std::move(answer_);
}

ForwardAnswer move_behind(const ForwardAnswer& answer,
                          Octets own_question,
                          Octets question,
                          std::size_t alias_bytes) {
    std::vector<std::uint8_t> message(header_bytes);
    message[5] = 1;
    for (std::size_t i = 0; i < answer.counts.size(); ++i) {
        write_u16(&message[6 + 2 * i], answer.counts[i]);
    }
    message.insert(message.end(), own_question.begin(), own_question.end());
    message.resize(message.size() + 4);
    message.insert(message.end(), answer.body.begin(), answer.body.end());
    const auto read = parse_message(message);
    assert(read);
    ForwardAnswerWriter writer(question, alias_bytes, answer.home);
    for (std::size_t i = 0; i < answer.counts.size(); ++i) {
        // What finds no room any more is missed as in an answer that is cut short.
        for (const auto& record : read->sections[i])
            writer.add(static_cast<MessageSection>(i), record);
    }
    auto moved = writer.finish();
    moved.rcode = answer.rcode;
    moved.authentic = answer.authentic;
    moved.why = answer.why;
    moved.ttl = answer.ttl;
    return moved;
}

}  // namespace dns
