#include "dns/answer_compiler.hpp"

#include "dns/zone_serial.hpp"

#include <algorithm>
#include <utility>

namespace dns {

AnswerCompiler::AnswerCompiler(AnswerTable& table, const Grammar& grammar, CompilerOptions options)
    : compilation_{{table, options.draft}, grammar, std::move(options)} {}

void AnswerCompiler::apply(const agent::Publication& publication) {
    for (const auto& node : publication.nodes) nodes_.update(node);
    for (const auto& service : publication.services) services_.update(service);
    for (const auto& name : publication.removed_services) services_.remove(name);
    for (const auto& name : publication.removed_nodes) nodes_.remove(name);
    services_.publish();
    reverse_.publish([this](ReverseNames::Side side, const Labels& key) {
        return side == ReverseNames::Side::node ? nodes_.reverse_target(key)
                                                : services_.reverse_target(key);
    });
    const auto known = publication.connected ? Freshness::current : Freshness::stale;
    freshness_ = publication.synced ? known : Freshness::unsynced;
    commit(publication.exact ? std::optional(publication.changed_at) : std::nullopt);
}

void AnswerCompiler::apply(const agent::DynamicPublication& publication) {
    dynamic_.apply(publication);
    knows_dynamic_names_ = true;
    commit(publication.index);
}

// What was told of last knows nothing of what is under way to the other: that is asked for.
void AnswerCompiler::commit(std::optional<agent::CatalogIndex> told) {
    const auto& ask = compilation_.options.exact_at;
    exact_at_ = ask ? ask() : told;
    const bool is_whole = knows_dynamic_names_ || !compilation_.options.awaits_dynamic_names;
    if (freshness_ == Freshness::unsynced || !is_whole) exact_at_.reset();
    if (exact_at_) index_ = std::max(index_, *exact_at_);
    compilation_.table.commit(exact_at_ ? std::optional(serial_of(index_)) : std::nullopt,
                              is_whole ? freshness_ : Freshness::unsynced);
}

}  // namespace dns
