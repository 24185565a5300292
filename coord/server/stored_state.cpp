#include "coord/server/stored_state.hpp"

#include "coord/proto/jute.hpp"
#include "coord/raft/stopped_member.hpp"
#include "coord/tree/origin.hpp"
#include "coord/tree/state_machine.hpp"

#include <random>
#include <stdexcept>
#include <utility>

namespace coord {
namespace {

namespace fs = std::filesystem;

std::vector<ListedServer> listed(const std::vector<Member>& members) {
    std::vector<ListedServer> servers;
    for (const auto& member : members) {
        auto& server = servers.emplace_back();
        server.member = number(member.id);
        server.address = member.address;
        server.role = member.role == MemberRole::voter   ? ListedServer::Role::voter
                      : member.role == MemberRole::spare ? ListedServer::Role::spare
                                                         : ListedServer::Role::standby;
    }
    return servers;
}

// Of no member: nobody's next entry is missing for it.
std::string entry_that_begins_anew() {
    std::random_device random;
    std::string entry(origin_bytes, '\0');
    write_origin(entry, {0, (std::uint64_t{random()} << 32U) | random() | 1U, 1});
    Encoder out(entry);
    Command command;
    command.op = OpCode::begin_anew;
    encode(out, command);
    return entry;
}

StoredSnapshot read(SnapshotFileReader& file, const std::string& name) {
    const auto state = StateMachine::restore([&](std::string& chunk) { return file.next(chunk); });
    if (!state) {
        throw std::runtime_error(name + ": this snapshot holds what this version does not know. "
                                        "Use the version that wrote it");
    }
    const auto& metadata = file.metadata();
    StoredSnapshot found;
    found.index = number(metadata.index);
    found.term = number(metadata.term);
    found.last_zxid = static_cast<std::int64_t>(state.value().last_zxid());
    found.servers =
        listed(decode_configuration(metadata.configuration).value_or(std::vector<Member>()));
    found.sessions = state.value().sessions().size();
    found.ephemerals = state.value().ephemeral_count();
    found.all = {state.value().znode_count(), state.value().data_bytes()};
    for (const auto& [path, extent] : state.value().extents()) {
        found.below[path] = {extent.znodes, extent.bytes};
    }
    return found;
}

}  // namespace

StoredSnapshot inspect_snapshot(const fs::path& file) {
    SnapshotFileReader reader(file);
    return read(reader, file.string());
}

void keep_snapshot(const fs::path& from, const fs::path& to) {
    File(from, File::Mode::update).sync();
    rename_durably(from, to);
}

StoredServer inspect_server(const fs::path& data_dir) {
    StoppedMember member(data_dir);
    StoredServer found;
    found.member = number(member.id());
    if (member.founding()) found.cluster = number(member.founding()->cluster);
    found.term = number(member.vote().term);
    found.last_index = number(member.last());
    found.last_term = number(member.last_term());
    found.servers = listed(member.members());
    if (member.snapshot()) found.snapshot = read(*member.snapshot(), data_dir.string());
    return found;
}

fs::path recover_server(const fs::path& data_dir) {
    return StoppedMember(data_dir).make_alone(entry_that_begins_anew());
}

std::optional<fs::path> restore_server(const fs::path& file,
                                       const fs::path& data_dir,
                                       const std::string& address,
                                       Overwrite overwrite) {
    if (overwrite == Overwrite::refuse && fs::exists(data_dir / "raft")) {
        throw std::runtime_error(data_dir.string() + " is a server's already");
    }
    inspect_snapshot(file);  // Whole and of this version, before anything is touched.
    SnapshotFileReader reader(file);
    make_directory(data_dir);
    auto aside = set_aside(data_dir);
    restore_member(reader, data_dir, address, entry_that_begins_anew());
    return aside;
}

}  // namespace coord
