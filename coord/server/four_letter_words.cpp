#include "coord/server/four_letter_words.hpp"

#include "coord/proto/four_letter_word.hpp"
#include "coord/proto/jute.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <iterator>
#include <map>
#include <set>
#include <sys/utsname.h>
#include <unistd.h>

namespace coord {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t word_bytes = 4;

template <class... Args>
void line(std::string& out, fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
    out += '\n';
}

std::uint64_t hex(SessionId id) { return static_cast<std::uint64_t>(id); }
std::uint64_t hex(Zxid zxid) { return static_cast<std::uint64_t>(zxid); }

// As Java's Date prints it: "Sun Nov 22 02:56:35 UTC 2026".
std::string date(std::int64_t ms) {
    const auto seconds = static_cast<std::time_t>(ms / 1000);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    std::array<char, 40> text{};
    const auto size = std::strftime(text.data(), text.size(), "%a %b %d %H:%M:%S UTC %Y", &utc);
    return {text.data(), size};
}

// Source: ZooKeeper 3.8 Request.op2String.
std::string_view code_of(OpCode op) {
    switch (op) {
        case OpCode::create: return "CREA";
        case OpCode::create2: return "CREA";
        case OpCode::create_ttl: return "CRET";
        case OpCode::create_container: return "CREC";
        case OpCode::remove: return "DELE";
        case OpCode::exists: return "EXIS";
        case OpCode::get_data: return "GETD";
        case OpCode::set_data: return "SETD";
        case OpCode::get_acl: return "GETA";
        case OpCode::set_acl: return "SETA";
        case OpCode::get_children: return "GETC";
        case OpCode::get_children2: return "GETC";
        case OpCode::sync: return "SYNC";
        case OpCode::ping: return "PING";
        case OpCode::multi: return "MULT";
        case OpCode::multi_read: return "MLTR";
        case OpCode::reconfig: return "RECO";
        case OpCode::check: return "CHEC";
        case OpCode::check_watches: return "CHKW";
        case OpCode::remove_watches: return "REMW";
        case OpCode::set_watches: return "SETW";
        case OpCode::set_watches2: return "STW2";
        case OpCode::add_watch: return "ADDW";
        case OpCode::get_ephemerals: return "GETE";
        case OpCode::get_all_children_number: return "GETACN";
        case OpCode::who_am_i: return "HOMI";
        case OpCode::create_session: return "SESS";
        case OpCode::close_session: return "CLOS";
        default: return "NA";
    }
}

// A double as Java prints it: at least one digit after the point, no trailing zeros behind that.
std::string decimal(double value) {
    auto text = fmt::format("{:.4f}", value);
    const auto last = text.find_last_not_of('0');
    text.resize(text[last] == '.' ? last + 2 : last + 1);
    return text;
}

void append_server(std::string& out, const ServerFigures& server) {
    line(out,
         "Latency min/avg/max: {}/{}/{}",
         server.latency.min_ms,
         decimal(server.latency.average_ms),
         server.latency.max_ms);
    line(out, "Received: {}", server.received);
    line(out, "Sent: {}", server.sent);
    line(out, "Connections: {}", server.connections);
    line(out, "Outstanding: {}", server.outstanding);
    line(out, "Zxid: 0x{:x}", hex(server.zxid));
    line(out, "Mode: {}", server.mode);
    line(out, "Node count: {}", server.znodes);
}

constexpr std::string_view read_only_mode = "read-only";

void append_version(std::string& out, const ServerFigures& server) {
    line(out, "Zookeeper version: {}", zookeeper_version());
    if (server.mode == read_only_mode) line(out, "READ-ONLY mode; serving only read-only clients");
}

std::string srvr(const FigureSources& sources) {
    std::string out;
    append_version(out, sources.server());
    append_server(out, sources.server());
    return out;
}

// [1]: idle, [0]: the connection that asks, which listens for nothing more.
void append_connection(std::string& out, const ConnectionLine& connection, bool fully) {
    const auto& figures = connection.figures;
    fmt::format_to(std::back_inserter(out),
                   " /{}[{}](queued={},recved={},sent={}",
                   connection.address,
                   connection.is_asking ? 0 : 1,
                   connection.queued,
                   figures.received,
                   figures.sent);
    if (fully && connection.session != SessionId{}) {
        const auto response =
            std::chrono::duration_cast<milliseconds>(figures.last_response.time_since_epoch());
        const auto replies = static_cast<std::int64_t>(std::max<std::uint64_t>(figures.replies, 1));
        fmt::format_to(std::back_inserter(out),
                       ",sid=0x{:x},lop={},est={},to={},lcxid=0x{:x},lzxid=0x{:x},lresp={}"
                       ",llat={},minlat={},avglat={},maxlat={}",
                       hex(connection.session),
                       code_of(figures.last_op),
                       figures.established_ms,
                       connection.timeout.count(),
                       static_cast<std::uint32_t>(figures.last_xid),
                       hex(figures.last_zxid),
                       response.count(),
                       figures.latency_last_ms,
                       figures.latency_min_ms,
                       figures.latency_sum_ms / replies,
                       figures.latency_max_ms);
    }
    out += ")\n";
}

std::string stat(const FigureSources& sources) {
    std::string out;
    append_version(out, sources.server());
    line(out, "Clients:");
    for (const auto& connection : sources.connections()) append_connection(out, connection, false);
    out += '\n';
    append_server(out, sources.server());
    return out;
}

std::string cons(const FigureSources& sources) {
    std::string out;
    for (const auto& connection : sources.connections()) append_connection(out, connection, true);
    out += '\n';
    return out;
}

std::size_t number(std::size_t value) { return value; }
std::int64_t number(milliseconds value) { return value.count(); }

std::string conf(const FigureSources& sources) {
    const auto settings = sources.settings();
    std::string out;
    line(out, "clientPort={}", settings.client_port);
    line(out, "secureClientPort={}", settings.secure_client_port);
    line(out, "dataDir={}", settings.data_dir);
    line(out, "dataDirSize={}", settings.data_dir_bytes);
    line(out, "dataLogDir={}", settings.data_dir);
    line(out, "dataLogSize={}", settings.data_dir_bytes);
    const auto& limits = settings.limits;
    line(out, "tickTime={}", limits.tick.count());
    line(out, "maxClientCnxns={}", limits.connections_per_address_max);
    line(out, "minSessionTimeout={}", limits.session_timeout_min.count());
    line(out, "maxSessionTimeout={}", limits.session_timeout_max.count());
    line(out, "clientPortListenBacklog=-1");
    line(out, "serverId=0");
    // What ZooKeeper's answer has no line for, by the names of the configuration.
    line(out, "enforceQuota={}", settings.enforces_quota);
    each_limit(limits, [&](const char* key, const auto& value, const auto&...) {
        line(out, "limits.{}={}", key, number(value));
    });
    out += settings.membership;
    return out;
}

// Tools look for zookeeper.version; tests of clients also for java.version, which is not ours.
std::string envi(const FigureSources&) {
    utsname system{};
    uname(&system);
    std::string out;
    line(out, "Environment:");
    line(out, "zookeeper.version={}", zookeeper_version());
    line(out, "host.name={}", static_cast<const char*>(system.nodename));
    line(out, "java.version=none");
    line(out, "java.vendor=Roster");
    line(out, "os.name={}", static_cast<const char*>(system.sysname));
    line(out, "os.arch={}", static_cast<const char*>(system.machine));
    line(out, "os.version={}", static_cast<const char*>(system.release));
    line(out, "user.id={}", getuid());
    return out;
}

void append_timing(std::string& out, const std::string& name, const Timing& timing) {
    const auto count = static_cast<double>(std::max<std::uint64_t>(timing.count, 1));
    line(out, "zk_avg_{}\t{}", name, decimal(static_cast<double>(timing.sum_ms) / count));
    line(out, "zk_min_{}\t{}", name, timing.min_ms);
    line(out, "zk_max_{}\t{}", name, timing.max_ms);
    line(out, "zk_cnt_{}\t{}", name, timing.count);
    line(out, "zk_sum_{}\t{}", name, timing.sum_ms);
}

// By the names of 3.6 and later, and of 3.4, which some tools still ask for.
void append_leader(std::string& out, const LeaderFigures& leader) {
    line(out, "zk_learners\t{}", leader.followers);
    line(out, "zk_followers\t{}", leader.followers);
    line(out, "zk_synced_followers\t{}", leader.synced_followers);
    line(out, "zk_synced_observers\t{}", leader.synced_observers);
    line(out, "zk_pending_syncs\t{}", leader.pending_syncs);
    line(out, "zk_quorum_size\t{}", leader.quorum_size);
}

std::string mntr(const FigureSources& sources) {
    const auto server = sources.server();
    const auto process = sources.process();
    std::string out;
    line(out, "zk_version\t{}", zookeeper_version());
    line(out, "zk_server_state\t{}", server.mode);
    line(out, "zk_avg_latency\t{}", decimal(server.latency.average_ms));
    line(out, "zk_max_latency\t{}", server.latency.max_ms);
    line(out, "zk_min_latency\t{}", server.latency.min_ms);
    line(out, "zk_packets_received\t{}", server.received);
    line(out, "zk_packets_sent\t{}", server.sent);
    line(out, "zk_num_alive_connections\t{}", server.connections);
    line(out, "zk_outstanding_requests\t{}", server.outstanding);
    line(out, "zk_uptime\t{}", process.uptime.count());
    line(out, "zk_znode_count\t{}", server.znodes);
    line(out, "zk_watch_count\t{}", server.watches);
    line(out, "zk_ephemerals_count\t{}", server.ephemerals);
    line(out, "zk_approximate_data_size\t{}", server.data_bytes);
    line(out, "zk_global_sessions\t{}", server.sessions);
    line(out, "zk_local_sessions\t0");
    line(out, "zk_open_file_descriptor_count\t{}", process.open_files);
    line(out, "zk_max_file_descriptor_count\t{}", process.open_files_max);
    line(out, "zk_connection_drop_probability\t0.0");
    line(out, "zk_last_client_response_size\t{}", server.response_bytes_last);
    line(out, "zk_max_client_response_size\t{}", server.response_bytes_max);
    line(out, "zk_min_client_response_size\t{}", server.response_bytes_min);
    if (server.leader) append_leader(out, *server.leader);
    for (const auto& [name, value] : process.counters) line(out, "zk_{}\t{}", name, value);
    for (const auto& [name, timing] : process.timings) append_timing(out, name, timing);
    return out;
}

std::string dump(const FigureSources& sources) {
    std::string out;
    line(out, "SessionTracker dump:");
    const auto sets = sources.session_sets();
    std::size_t sessions = 0;
    for (const auto& set : sets) sessions += set.sessions.size();
    line(out, "Session Sets ({})/({}):", sets.size(), sessions);
    for (const auto& set : sets) {
        line(out, "{} expire at {}:", set.sessions.size(), date(set.expires_ms));
        for (const auto id : set.sessions) line(out, "\t0x{:x}", hex(id));
    }
    line(out, "ephemeral nodes dump:");
    const auto ephemerals = sources.ephemerals();
    line(out, "Sessions with Ephemerals ({}):", ephemerals.size());
    for (const auto& [id, paths] : ephemerals) {
        line(out, "0x{:x}:", hex(id));
        for (const auto& path : paths) line(out, "\t{}", path);
    }
    line(out, "Connections dump:");
    const auto connections = sources.connections();
    line(out, "Connections Sets (1)/({}):", connections.size());
    line(out, "{} expire at never:", connections.size());
    for (const auto& connection : connections) {
        line(out, "\tip: /{} sessionId: 0x{:x}", connection.address, hex(connection.session));
    }
    return out;
}

std::string wchs(const FigureSources& sources) {
    std::size_t total = 0;
    std::set<std::string_view> distinct;
    const auto watches = sources.data_watches();
    for (const auto& [id, paths] : watches) {
        total += paths.size();
        distinct.insert(paths.begin(), paths.end());
    }
    return fmt::format("{} connections watching {} paths\nTotal watches:{}\n",
                       watches.size(),
                       distinct.size(),
                       total);
}

std::string wchc(const FigureSources& sources) {
    std::string out;
    for (const auto& [id, paths] : sources.data_watches()) {
        line(out, "0x{:x}", hex(id));
        for (const auto& path : paths) line(out, "\t{}", path);
    }
    out += '\n';
    return out;
}

std::string wchp(const FigureSources& sources) {
    std::map<std::string, std::vector<SessionId>> by_path;
    for (const auto& [id, paths] : sources.data_watches()) {
        for (const auto& path : paths) by_path[path].push_back(id);
    }
    std::string out;
    for (const auto& [path, sessions] : by_path) {
        line(out, "{}", path);
        for (const auto id : sessions) line(out, "\t0x{:x}", hex(id));
    }
    out += '\n';
    return out;
}

std::string dirs(const FigureSources& sources) {
    const auto bytes = sources.settings().data_dir_bytes;
    return fmt::format("datadir_size: {}\nlogdir_size: {}\n", bytes, bytes);
}

std::string srst(const FigureSources& sources) {
    sources.reset_server();
    return "Server stats reset.\n";
}

std::string crst(const FigureSources& sources) {
    sources.reset_connections();
    return "Connection stats reset.\n";
}

struct Word {
    std::string_view word;
    std::string (*answer)(const FigureSources&);
    bool without_service = false;  // answered by the word itself while nobody is served
};

std::string ruok(const FigureSources&) { return "imok"; }
std::string isro(const FigureSources& sources) {
    if (!sources.serving()) return "null";
    return sources.server().mode == read_only_mode ? "ro" : "rw";
}

std::string gtmk(const FigureSources& sources) {
    return std::to_string(sources.trace_mask(std::nullopt));
}

// Digests of the tree, of which ZooKeeper has none either as long as it has taken no snapshot.
std::string hash(const FigureSources&) { return {}; }

constexpr std::array<Word, four_letter_word_names.size()> words{{{"ruok", ruok, true},
                                                                 {"srvr", srvr},
                                                                 {"stat", stat},
                                                                 {"mntr", mntr},
                                                                 {"isro", isro, true},
                                                                 {"conf", conf},
                                                                 {"cons", cons},
                                                                 {"envi", envi, true},
                                                                 {"dump", dump},
                                                                 {"wchs", wchs},
                                                                 {"wchc", wchc},
                                                                 {"wchp", wchp},
                                                                 {"dirs", dirs},
                                                                 {"srst", srst},
                                                                 {"crst", crst},
                                                                 {"gtmk", gtmk, true},
                                                                 {"stmk", gtmk, true},
                                                                 {"hash", hash}}};

const Word* find_word(std::string_view word) {
    const auto* const at = std::find_if(
        words.begin(), words.end(), [&](const Word& known) { return known.word == word; });
    return at == words.end() ? nullptr : at;
}

}  // namespace

std::string_view zookeeper_version() { return "3.8.4-726f73746572, built on 11/22/2025 00:00 UTC"; }

bool is_four_letter_word(std::string_view word) { return find_word(word) != nullptr; }

std::size_t four_letter_word_bytes(std::string_view word) {
    return word == "stmk" ? word_bytes + sizeof(std::int64_t) : word_bytes;
}

std::string answer_four_letter_word(std::string_view asked,
                                    const FigureSources& sources,
                                    const std::vector<std::string>& allowed) {
    const auto word = asked.substr(0, word_bytes);
    const auto* const known = find_word(word);
    if (known == nullptr) return {};
    const auto is_allowed = [&](const std::string& one) { return one == "*" || one == word; };
    if (std::none_of(allowed.begin(), allowed.end(), is_allowed)) {
        return fmt::format("{} is not executed because it is not in the whitelist.\n", word);
    }
    if (!known->without_service && !sources.serving()) {
        return "This ZooKeeper instance is not currently serving requests\n";
    }
    if (word == "stmk") sources.trace_mask(Decoder(asked.substr(word_bytes)).int64());
    return known->answer(sources);
}

}  // namespace coord
