#include "http/kv_api.hpp"

#include "http/api.hpp"
#include "http/json.hpp"

#include <boost/json.hpp>

#include <charconv>

namespace http {
namespace {

Response missing() {
    Response response;
    response.status = 404;
    return response;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t number = 0;
    const auto* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, number);
    if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
    return number;
}

// RFC-less but Consul's: what is stored must not become a page of the agent's own origin.
Response raw(const agent::KvEntry& entry) {
    Response response;
    response.content_type = "text/plain; charset=utf-8";
    response.header = {{"X-Content-Type-Options", "nosniff"},
                       {"Content-Security-Policy", "sandbox"}};
    response.body = entry.value;
    return response;
}

Answer read_one(const KvView& kv, const Request& request) {
    const auto entry = kv.find(request.parameter);
    if (!entry) return {kv.index(), missing()};
    const auto index = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(entry->modify_index));
    if (request.has("raw")) return {index, raw(*entry)};
    return {index, reply(request, json::array{encode_kv(*entry)})};
}

Answer read_tree(const KvView& kv, const Request& request) {
    const auto& prefix = request.parameter;
    json::array out;
    for (auto at = kv.lower_bound(prefix); at != kv.end() && at->first.starts_with(prefix); ++at) {
        out.emplace_back(encode_kv(*at->second));
    }
    return {kv.index(), out.empty() ? missing() : reply(request, out)};
}

// Names, each folded at the first separator after the prefix.
Answer read_keys(const KvView& kv, const Request& request) {
    const auto& prefix = request.parameter;
    const auto separator =
        request.has("separator") ? request.query("separator") : request.query("seperator");
    json::array out;
    std::string last;
    for (auto at = kv.lower_bound(prefix); at != kv.end() && at->first.starts_with(prefix); ++at) {
        const auto fold =
            separator.empty() ? std::string::npos : at->first.find(separator, prefix.size());
        auto name =
            fold == std::string::npos ? at->first : at->first.substr(0, fold + separator.size());
        if (!out.empty() && name == last) continue;
        out.emplace_back(text(name));
        last = std::move(name);
    }
    if (out.empty() && !prefix.empty()) return {kv.index(), missing()};
    return {kv.index(), reply(request, out)};
}

// ?cas and ?flags; a Response is the refusal.
struct WriteOptions {
    std::optional<std::uint64_t> cas;
    std::uint64_t flags = 0;
};

std::variant<WriteOptions, Response> parse_write_options(const Api& api, const Request& request) {
    WriteOptions options;
    auto scope = parse_read_options(request, api.options.datacenter);
    if (auto* refusal = std::get_if<Response>(&scope)) return std::move(*refusal);
    const bool locks = request.has("acquire") || request.has("release");
    if (locks && (request.has("cas") || (request.has("acquire") && request.has("release")))) {
        return plain(400, "Conflicting flags: cas, acquire and release exclude each other");
    }
    if (locks) return plain(400, "Sessions are not supported by this agent");
    if (request.has("cas")) {
        options.cas = parse_number(request.query("cas"));
        if (!options.cas) return plain(400, "Invalid cas: it must be a number");
    }
    if (request.has("flags")) {
        const auto flags = parse_number(request.query("flags"));
        if (!flags) return plain(400, "Invalid flags: it must be a number");
        options.flags = *flags;
    }
    return options;
}

using Change = std::function<coord::Task<coord::Result<bool>>(agent::KvStore&)>;

coord::Task<Response> carry_out(Api& api, const Request& request, Change change) {
    const bool pretty = request.has("pretty");
    std::function<coord::Task<Response>()> work =
        [&kv = api.backend.kv, pretty, change = std::move(change)]() -> coord::Task<Response> {
        const auto done = co_await change(kv);
        if (!done && done.error() == coord::Errc::bad_arguments) {
            co_return plain(400,
                            "Invalid key: the limit is " + std::to_string(agent::kv_key_bytes_max) +
                                " bytes");
        }
        if (!done) co_return plain(500, "rpc error: " + done.error().message());
        Response response;
        response.content_type = "application/json";
        response.body = done.value() ? "true" : "false";
        if (pretty) response.body += '\n';
        co_return response;
    };
    co_return co_await on_agent(api, std::move(work));
}

}  // namespace

coord::Task<Response> get_kv(Api& api, const Request& request) {
    auto options = parse_read_options(request, api.options.datacenter);
    if (auto* refusal = std::get_if<Response>(&options)) co_return std::move(*refusal);
    const bool keys = request.has("keys");
    const bool tree = keys || request.has("recurse");
    if (request.parameter.empty() && !tree) co_return plain(400, "Missing key name");
    const auto read_it = keys ? read_keys : (tree ? read_tree : read_one);
    Query query{tree ? kv_prefix_key(request.parameter) : kv_key(request.parameter),
                [&kv = api.kv, &request, read_it] { return read_it(kv, request); }};
    co_return co_await read(api, request, std::get<ReadOptions>(options), std::move(query));
}

coord::Task<Response> put_kv(Api& api, const Request& request) {
    if (request.parameter.empty()) co_return plain(400, "Missing key name");
    const auto limit = api.options.limits.kv_value_bytes_max;
    if (request.body.size() > limit) {
        co_return plain(413,
                        "Request body(" + std::to_string(request.body.size()) +
                            " bytes) too large, max size: " + std::to_string(limit) + " bytes.");
    }
    auto options = parse_write_options(api, request);
    if (auto* refusal = std::get_if<Response>(&options)) co_return std::move(*refusal);
    Change change =
        [key = request.parameter, value = request.body, wanted = std::get<WriteOptions>(options)](
            agent::KvStore& kv) { return kv.put(key, value, wanted.flags, wanted.cas); };
    co_return co_await carry_out(api, request, std::move(change));
}

coord::Task<Response> delete_kv(Api& api, const Request& request) {
    const bool tree = request.has("recurse");
    if (request.parameter.empty() && !tree) co_return plain(400, "Missing key name");
    auto options = parse_write_options(api, request);
    if (auto* refusal = std::get_if<Response>(&options)) co_return std::move(*refusal);
    const auto cas = std::get<WriteOptions>(options).cas;
    if (tree && cas) co_return plain(400, "Conflicting flags: cas and recurse exclude each other");
    // Consul: a delete with cas=0 does nothing, as no key has that index.
    if (cas == std::uint64_t{0}) co_return reply(request, json::value(false));
    Change change = [key = request.parameter, cas, tree](agent::KvStore& kv) {
        return tree ? kv.remove_prefix(key) : kv.remove(key, cas);
    };
    co_return co_await carry_out(api, request, std::move(change));
}

}  // namespace http
