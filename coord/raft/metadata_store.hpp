#pragma once
// Who this member is, and what it promised: raft id, term and vote, in two slots by turns.
//
// Fed by:  Node, before anything else of an update is done.
// Read by: Node at start.
// Thread:  coord.
// Holds:   save() returns only when the promise is on disk. The slot that holds the last promise
//          is never written to. The id is drawn once and never changes.
// Fails:   opening throws std::runtime_error if a slot is damaged: the promise may have been in it.
//          save() throws std::system_error.

#include "coord/raft/driver.hpp"
#include "coord/raft/file.hpp"

#include <cstdint>
#include <filesystem>

namespace coord {

class MetadataStore {
public:
    explicit MetadataStore(std::filesystem::path path);

    void save(const Vote& vote);

    [[nodiscard]] MemberId id() const { return id_; }
    [[nodiscard]] const Vote& vote() const { return vote_; }

private:
    void load();
    void create();

    const std::filesystem::path path_;
    File file_;
    std::uint64_t version_ = 0;  // counts the saves; says which slot is the newer one
    MemberId id_{};
    Vote vote_;
};

}  // namespace coord
