#include "dns/answer_compiler.hpp"

#include <algorithm>
#include <utility>

namespace dns {

AnswerCompiler::AnswerCompiler(AnswerTable& table, const Grammar& grammar, CompilerOptions options)
    : compilation_{table, grammar, std::move(options)} {}

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
    commit(publication.index);
}

void AnswerCompiler::apply(const agent::DynamicPublication& publication) {
    dynamic_.apply(publication);
    knows_dynamic_names_ = true;
    commit(publication.index);
}

// The serial never goes back, whichever of the two was told of last.
void AnswerCompiler::commit(agent::CatalogIndex index) {
    index_ = std::max(index_, index);
    const bool is_whole = knows_dynamic_names_ || !compilation_.options.awaits_dynamic_names;
    compilation_.table.commit(static_cast<std::uint32_t>(index_),
                              is_whole ? freshness_ : Freshness::unsynced);
}

}  // namespace dns
