#include "agent/cli/stored_text.hpp"

#include "agent/cli/command_line.hpp"
#include "agent/cli/table.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>

namespace agent {
namespace {

namespace json = boost::json;

constexpr std::array<std::string_view, 4> roles{"stand-by", "voter", "spare", "waiting"};

std::string id_of(std::uint64_t id) { return fmt::format("{:016x}", id); }
std::string_view role_of(const coord::ListedServer& server) {
    return roles.at(static_cast<std::size_t>(server.role));
}

json::array encode(const std::vector<coord::ListedServer>& servers) {
    json::array all;
    for (const auto& server : servers) {
        all.push_back(json::object{{"ID", id_of(server.member)},
                                   {"Address", server.address},
                                   {"Role", json::string(role_of(server))}});
    }
    return all;
}

json::object encode(const coord::StoredExtent& extent) {
    return {{"Znodes", extent.znodes}, {"Bytes", extent.bytes}};
}

json::object encode(const coord::StoredSnapshot& snapshot) {
    json::object below;
    for (const auto& [path, extent] : snapshot.below) below[path] = encode(extent);
    return {{"Index", snapshot.index},
            {"Term", snapshot.term},
            {"LastZxid", snapshot.last_zxid},
            {"Servers", encode(snapshot.servers)},
            {"Sessions", snapshot.sessions},
            {"Ephemerals", snapshot.ephemerals},
            {"Znodes", snapshot.all.znodes},
            {"Bytes", snapshot.all.bytes},
            {"Below", std::move(below)}};
}

std::string text_of(const std::vector<coord::ListedServer>& servers) {
    std::vector<Row> rows{{"SERVER", "ADDRESS", "ROLE"}};
    for (const auto& server : servers) {
        rows.push_back({id_of(server.member), server.address, std::string(role_of(server))});
    }
    return format_table(rows);
}

std::string text_of(const coord::StoredSnapshot& snapshot) {
    std::vector<Row> rows{{"BELOW", "ZNODES", "BYTES"}};
    for (const auto& [path, extent] : snapshot.below) {
        rows.push_back({path, std::to_string(extent.znodes), std::to_string(extent.bytes)});
    }
    return fmt::format("snapshot: index {}, term {}, zxid 0x{:x}\n"
                       "{} znodes of {} bytes, {} sessions, {} ephemerals\n\n",
                       snapshot.index,
                       snapshot.term,
                       snapshot.last_zxid,
                       snapshot.all.znodes,
                       snapshot.all.bytes,
                       snapshot.sessions,
                       snapshot.ephemerals) +
           format_table(rows);
}

}  // namespace

void add_core_directory(CLI::App& command, CoreDirectory& to) {
    auto* config = command.add_option("--config,-c", to.config, "The agent's configuration file")
                       ->type_name("FILE");
    command.add_option("--data-dir", to.data_dir, "The agent's data directory")
        ->type_name("DIR")
        ->excludes(config);
}

std::optional<FoundCore> find_core(const CoreDirectory& where, std::string& fault) {
    AgentArguments arguments;
    arguments.config = where.config;
    arguments.data_dir = where.data_dir;
    const auto configured = configure(arguments);
    if (const auto* errors = std::get_if<std::vector<ConfigError>>(&configured)) {
        fault = format(errors->front());
        return {};
    }
    const auto& config = std::get<Config>(configured);
    const auto& address = config.coord.peer_address;
    return FoundCore{config.data_dir / "coord", address.empty() ? "local" : address};
}

std::string describe(const coord::StoredSnapshot& snapshot, bool as_json) {
    if (as_json) return json::serialize(encode(snapshot)) + "\n";
    return text_of(snapshot) + "\n" + text_of(snapshot.servers);
}

std::string describe(const coord::StoredServer& server, bool as_json) {
    if (as_json) {
        json::object object{{"ID", id_of(server.member)},
                            {"Cluster", id_of(server.cluster)},
                            {"Term", server.term},
                            {"LastIndex", server.last_index},
                            {"LastTerm", server.last_term},
                            {"Servers", encode(server.servers)},
                            {"Snapshot", nullptr}};
        if (server.snapshot) object["Snapshot"] = encode(*server.snapshot);
        return json::serialize(object) + "\n";
    }
    auto text =
        fmt::format("server {}, of the cluster {}\n"
                    "last entry of the log: index {}, term {}; newest term heard of: {}\n\n",
                    id_of(server.member),
                    server.cluster == 0 ? "-" : id_of(server.cluster),
                    server.last_index,
                    server.last_term,
                    server.term) +
        text_of(server.servers) + "\n";
    return text + (server.snapshot ? text_of(*server.snapshot) : "no snapshot yet\n");
}

}  // namespace agent
