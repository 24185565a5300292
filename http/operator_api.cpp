#include "http/operator_api.hpp"

#include "http/api.hpp"
#include "http/json.hpp"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>

namespace http {
namespace {

using Kind = coord::MembershipOrder::Kind;

constexpr std::array<int, 5> statuses{200, 400, 404, 409, 503};  // by verdict
constexpr std::array<std::string_view, 4> roles{"stand-by", "voter", "spare", "waiting"};

Response no_core() {
    return plain(501,
                 "this agent has no coordination core of its own, it is a client of one: ask the "
                 "agent of a server");
}

std::string id_of(std::uint64_t member) { return fmt::format("{:016x}", member); }

std::optional<std::uint64_t> parse_id(std::string_view text) {
    std::uint64_t id = 0;
    const auto* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, id, 16);
    if (error != std::errc{} || stop != end || id == 0) return {};
    return id;
}

json::object encode_server(const coord::ListedServer& server) {
    json::object object{{"ID", id_of(server.member)},
                        {"Address", server.address},
                        {"Leader", server.leads},
                        {"ProtocolVersion", "3"},
                        {"Voter", server.role == coord::ListedServer::Role::voter},
                        {"Role", json::string(roles.at(static_cast<std::size_t>(server.role)))},
                        {"Connected", server.connected}};
    if (server.behind) object["Behind"] = *server.behind;
    return object;
}

// Those that wait for an operator apart: for Consul's clients, every server is a member.
json::object encode_configuration(const coord::MembershipAnswer& answer) {
    json::array servers;
    json::array waiting;
    for (const auto& server : answer.servers) {
        const bool waits = server.role == coord::ListedServer::Role::waiting;
        (waits ? waiting : servers).push_back(encode_server(server));
    }
    json::object object{{"Servers", std::move(servers)},
                        {"Index", answer.index},
                        {"Cluster", id_of(answer.cluster)},
                        {"Waiting", std::move(waiting)}};
    if (!answer.why.empty()) object["State"] = answer.why;
    return object;
}

coord::Task<Response> carry_out(Api& api, const Request& request, coord::MembershipOrder order) {
    if (!api.backend.core.order) co_return no_core();
    std::function<coord::Task<coord::MembershipAnswer>()> work =
        [&backend = api.backend, order = std::move(order)] { return backend.core.order(order); };
    auto answer = co_await api.agent.run(std::move(work), agent_patience);
    if (!answer) {
        co_return plain(503, "the core has not answered: see with 'roster members' what was done");
    }
    const auto status = statuses.at(static_cast<std::size_t>(answer->verdict));
    if (status != 200) co_return plain(status, std::move(answer->why));
    co_return reply(request, encode_configuration(*answer));
}

coord::Task<Response> carry_out_of(Api& api, const Request& request, Kind kind) {
    coord::MembershipOrder order{kind, 0, std::string(request.query("address"))};
    if (const auto id = request.query("id"); !id.empty()) {
        const auto parsed = parse_id(id);
        if (!parsed) co_return plain(400, "Invalid id: as 'roster members' shows it, 16 digits");
        order.member = *parsed;
    }
    if (order.member == 0 && order.address.empty()) {
        co_return plain(400,
                        "Must specify either ?id with the server's ID or ?address with its "
                        "IP:port");
    }
    co_return co_await carry_out(api, request, std::move(order));
}

// All that was committed before it was asked for, unless `stale` will do.
coord::Task<coord::Result<coord::SavedSnapshot>> save(Backend& backend, bool stale) {
    if (!stale) {
        const auto synced = co_await backend.kv.sync();
        if (!synced) co_return synced.error();
    }
    co_return co_await backend.core.save_snapshot();
}

}  // namespace

coord::Task<Response> get_raft_configuration(Api& api, const Request& request) {
    coord::MembershipOrder order;
    co_return co_await carry_out(api, request, std::move(order));
}

coord::Task<Response> put_raft_peer(Api& api, const Request& request) {
    if (request.query("address").empty()) {
        co_return plain(400, "Must specify ?address with the new server's IP:port");
    }
    co_return co_await carry_out_of(api, request, Kind::add);
}

coord::Task<Response> delete_raft_peer(Api& api, const Request& request) {
    co_return co_await carry_out_of(api, request, Kind::remove);
}

coord::Task<Response> put_raft_promote(Api& api, const Request& request) {
    co_return co_await carry_out_of(api, request, Kind::promote);
}

coord::Task<Response> put_raft_demote(Api& api, const Request& request) {
    co_return co_await carry_out_of(api, request, Kind::demote);
}

coord::Task<Response> get_snapshot(Api& api, const Request& request) {
    if (!api.backend.core.save_snapshot) co_return no_core();
    std::function<coord::Task<coord::Result<coord::SavedSnapshot>>()> work =
        [&backend = api.backend, stale = request.has("stale")] { return save(backend, stale); };
    auto saved = co_await api.agent.run(std::move(work), snapshot_patience);
    if (!saved) co_return plain(503, "the snapshot was not finished in time: try again");
    if (!*saved) {
        co_return plain(503,
                        "no snapshot: " + saved->error().message() +
                            " (without a leader, ?stale saves what this server has)");
    }
    Response response;
    response.content_type = "application/octet-stream";
    response.header = {{"X-Roster-Index", std::to_string(saved->value().index)}};
    response.stream = Stream{saved->value().bytes, saved->value().read};
    co_return response;
}

}  // namespace http
