#include "dns/dynamic_answers.hpp"

#include "dns/query.hpp"

#include <array>
#include <optional>
#include <utility>

namespace dns {

namespace {

std::optional<Slot> slot_of(std::uint16_t type) {
    switch (type) {
        case rr::a: return Slot::a;
        case rr::aaaa: return Slot::aaaa;
        case rr::cname: return Slot::cname;
        case rr::ptr: return Slot::ptr;
        case rr::txt: return Slot::txt;
        case rr::srv: return Slot::srv;
        default: return std::nullopt;
    }
}

}  // namespace

std::optional<Labels> dynamic_key(const std::string& name) {
    auto labels = parse_name(name);
    if (!labels || labels->size() == 1) return std::nullopt;
    labels->pop_back();  // the root
    return fold(*labels);
}

void DynamicAnswers::apply(const agent::DynamicPublication& publication) {
    for (const auto& name : publication.names) put(*name);
    for (const auto& name : publication.removed) remove(name);
}

void DynamicAnswers::put(const agent::DynamicName& name) {
    const auto key = dynamic_key(name.name);
    if (!key || key->size() + compilation_.grammar.domain().size() > name_bytes_max) {
        return compilation_.counters.unpublishable.add();
    }
    if (compilation_.options.static_names.contains(*key)) return;
    std::array<AnswerBuilder, slot_count> builders;
    for (const auto& record : name.records) {
        const auto slot = slot_of(record.type);
        if (!slot) continue;  // Of a version that knows more.
        builders[static_cast<std::size_t>(*slot)].add(
            record.type, record.ttl, octets(record.rdata));
    }
    AnswerSet set;
    for (std::size_t i = 0; i < slot_count; ++i) set.slots[i] = builders[i].build();
    compilation_.table.put(Space::forward, *key, std::move(set));
    keys_.insert(*key);
}

void DynamicAnswers::remove(const std::string& name) {
    const auto key = dynamic_key(name);
    if (!key || keys_.erase(*key) == 0) return;
    compilation_.table.remove(Space::forward, *key);
}

}  // namespace dns
