#pragma once
// Where compiled names go: into the answer table, and into the draft of what is transferred.
//
// Fed by:  the parts of AnswerCompiler; Server, with the names of the configuration.
// Read by: nobody; it writes AnswerTable and ZoneDraft.
// Thread:  agent.
// Holds:   the draft hears of every name with answers. It is none of its concern which names exist
//          without: a zone has no such names.

#include "dns/answer_table.hpp"
#include "dns/zone_draft.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace dns {

class NameWriter {
public:
    NameWriter(AnswerTable& table, ZoneDraft* draft = nullptr) : table_(table), draft_(draft) {}

    // What is put from now on is as this agent answers it, near ones first, and not for the draft;
    // or as all agents would, and for the draft alone. Removals are always for both.
    enum class Aim { both, table, draft };
    void aim(Aim at) { aim_ = at; }
    [[nodiscard]] bool has_draft() const { return draft_ != nullptr; }

    void put(Space space, std::string_view key, AnswerSet answers) {
        if (draft_ != nullptr && aim_ != Aim::table) draft_->put(space, key, answers);
        if (aim_ != Aim::draft) table_.put(space, key, std::move(answers));
    }
    void remove(Space space, std::string_view key) {
        if (draft_ != nullptr) draft_->remove(space, key);
        table_.remove(space, key);
    }
    void hold(Space space, std::string_view key) { table_.hold(space, key); }
    void release(Space space, std::string_view key) { table_.release(space, key); }
    // With a draft the serial changes together with the zones, a little later; only the first is
    // told at once, so that there is one.
    void commit(std::optional<std::uint32_t> serial, Freshness freshness) {
        if (serial && (draft_ == nullptr || table_.serial() == 0)) table_.set_serial(*serial);
        table_.commit(freshness);
    }

private:
    AnswerTable& table_;
    ZoneDraft* draft_;
    Aim aim_ = Aim::both;
};

}  // namespace dns
