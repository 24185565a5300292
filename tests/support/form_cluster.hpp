#pragma once
// Data directories as they are once their members have agreed on whom the cluster consists of.
//
// Fed by:  tests of clusters in one process.
// Thread:  the test's.

#include "coord/raft/log_store.hpp"
#include "coord/raft/metadata_store.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace coord {

// Every directory is that of a voter; returns their ids.
inline std::vector<MemberId> form_cluster(const std::vector<std::filesystem::path>& directories) {
    std::vector<Member> members;
    for (std::size_t i = 0; i < directories.size(); ++i) {
        make_directory(directories[i] / "raft");
        const MetadataStore metadata(directories[i] / "raft" / "meta");
        members.push_back({metadata.id(), "member" + std::to_string(i), MemberRole::voter});
    }
    std::vector<MemberId> ids;
    for (std::size_t i = 0; i < directories.size(); ++i) {
        LogStore log(directories[i] / "raft" / "log", std::size_t{1} << 20U);
        log.open(Index{1});
        const auto bytes = std::make_shared<const std::string>(encode_configuration(members));
        log.append(
            Index{1}, Term{0}, std::vector{LogEntry{Term{1}, EntryType::configuration, bytes}});
        log.sync();
        MetadataStore(directories[i] / "raft" / "meta").save({Term{1}, MemberId{0}});
        ids.push_back(members[i].id);
    }
    return ids;
}

}  // namespace coord
