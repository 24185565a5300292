#include "dns/answer_compiler.hpp"

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
    compilation_.table.commit(static_cast<std::uint32_t>(publication.index),
                              publication.synced ? known : Freshness::unsynced);
}

}  // namespace dns
