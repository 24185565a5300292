#pragma once
// A member that does not run: what its data directory holds, and what an operator may do to it.
//
// Fed by:  the operator's commands, by way of the Server's room.
// Thread:  any one.
// Holds:   the directory is locked as long as this lives. Whatever is replaced is kept beside it.
// Fails:   throws std::runtime_error with one line: in use, nothing there, damaged; and
//          std::system_error if the disk fails.

#include "coord/raft/data_directory.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace coord {

class StoppedMember {
public:
    // `data_dir` holds raft/.
    explicit StoppedMember(const std::filesystem::path& data_dir);

    [[nodiscard]] MemberId id() { return directory_.metadata().id(); }
    [[nodiscard]] const std::optional<Founding>& founding() const { return directory_.founding(); }
    [[nodiscard]] const Vote& vote() { return directory_.metadata().vote(); }
    [[nodiscard]] Index last() { return directory_.log().last(); }
    [[nodiscard]] Term last_term();
    // By the newest configuration that it has, committed or not.
    [[nodiscard]] std::vector<Member> members();
    [[nodiscard]] std::optional<SnapshotFileReader>& snapshot() { return directory_.snapshot(); }

    // From now on it is a cluster of its own, the only member, under a new cluster id: all entries
    // that it has count as committed, `first` behind them, and no other member of before is heard.
    // Returns where what it changes was copied to. Cut short by a crash, it can be done again.
    std::filesystem::path make_alone(std::string first);

private:
    [[nodiscard]] Member self();

    const std::filesystem::path path_;
    DataDirectory directory_;
};

// Makes the member of a new cluster of one out of a snapshot and the entry that is the `first` behind
// it, at data_dir/raft, which must not be there: all of it appears at once.
void restore_member(SnapshotFileReader& snapshot,
                    const std::filesystem::path& data_dir,
                    const std::string& address,
                    std::string first);
// Moves what is at data_dir/raft aside, if anything is. Returns where to.
std::optional<std::filesystem::path> set_aside(const std::filesystem::path& data_dir);

}  // namespace coord
