#include "agent/dynamic_names.hpp"

#include "agent/record_json.hpp"
#include "coord/base/log.hpp"
#include "coord/base/owner.hpp"
#include "coord/proto/path.hpp"
#include "coord/recipe/tree_cache.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <atomic>
#include <cassert>
#include <charconv>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

namespace agent {
namespace {

namespace json = boost::json;

spdlog::logger& log() { return coord::logger("agent.dynamic_names"); }

std::string to_hex(std::string_view octets) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string hex;
    for (const char c : octets) {
        const auto octet = static_cast<unsigned char>(c);
        hex += digits[octet >> 4U];
        hex += digits[octet & 0x0FU];
    }
    return hex;
}

std::optional<std::string> from_hex(std::string_view hex) {
    if (hex.size() % 2 != 0) return std::nullopt;
    std::string octets;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        unsigned octet = 0;
        const auto* const end = hex.data() + i + 2;
        if (std::from_chars(hex.data() + i, end, octet, 16).ptr != end) return std::nullopt;
        octets += static_cast<char>(octet);
    }
    return octets;
}

DynamicRecord read_record(const JsonReader& in) {
    DynamicRecord record;
    record.type = in.port("type");
    record.ttl = static_cast<std::uint32_t>(in.number("ttl", 0, 0x7FFF'FFFF));
    auto rdata = from_hex(in.text("data"));
    if (!rdata) in.wrong("data", "hexadecimal digits");
    record.rdata = std::move(rdata).value_or("");
    record.key = in.text("key");
    record.expires_ms = in.number("expires");
    return record;
}

}  // namespace

std::string encode(const DynamicName& name) {
    json::array records;
    for (const auto& record : name.records) {
        json::object out;
        out["type"] = record.type;
        out["ttl"] = record.ttl;
        out["data"] = to_hex(record.rdata);
        if (!record.key.empty()) out["key"] = valid_utf8(record.key);
        if (record.expires_ms != 0) out["expires"] = record.expires_ms;
        records.emplace_back(std::move(out));
    }
    return json::serialize(json::object{{"records", std::move(records)}});
}

Parsed<DynamicName> decode_dynamic_name(std::string_view text) {
    boost::system::error_code malformed;
    const auto value = json::parse(text, malformed);
    if (malformed) return {std::nullopt, "not JSON: " + malformed.message()};
    std::string error;
    const JsonReader in(value, error);
    DynamicName name;
    for (const auto& record : in.list("records")) {
        name.records.push_back(read_record(JsonReader(record, error)));
    }
    if (!error.empty()) return {std::nullopt, error};
    return {std::move(name), {}};
}

std::string dynamic_path(std::string_view name) {
    return std::string(dynamic_root) + '/' + escape_component(name);
}

struct DynamicNames::State {
    explicit State(coord::Client& client)
        : cache(client,
                std::string(dynamic_root),
                1,
                {.put = [this](const auto& znode) { put(znode); },
                 .removed = [this](auto path, auto) { removed(path); },
                 .settled = [this](auto zxid, bool synced) { settled(zxid, synced); }},
                coord::Removals::dated) {}

    void put(const coord::CachedZnode& znode);
    void removed(std::string_view path);
    void settled(coord::Zxid zxid, bool synced);

    coord::TreeCache cache;
    coord::Owner owner;
    std::vector<DynamicSubscriber> subscribers;
    std::map<std::string, std::shared_ptr<const DynamicName>> names;
    std::set<std::string> touched;  // since the last publication
    bool published = false;
    coord::Counter malformed;
    coord::Counter over_limit;
    std::atomic<std::size_t> size = 0;  // written here, read by metrics()
};

void DynamicNames::State::put(const coord::CachedZnode& znode) {
    auto read = decode_dynamic_name(znode.data);
    if (!read.value) {
        malformed.add();
        log().warn("znode skipped path={} why=\"{}\"", znode.path, read.error);
        return removed(znode.path);
    }
    auto name = unescape_component(coord::node_name(znode.path));
    if (names.size() >= dynamic_names_max && !names.contains(name)) return over_limit.add();
    read.value->name = name;
    touched.insert(name);
    names[std::move(name)] = std::make_shared<const DynamicName>(std::move(*read.value));
}

void DynamicNames::State::removed(std::string_view path) {
    auto name = unescape_component(coord::node_name(path));
    if (names.erase(name) > 0) touched.insert(std::move(name));
}

void DynamicNames::State::settled(coord::Zxid zxid, bool synced) {
    // Where nothing changed it is told that nothing is under way any more.
    if (!synced || (touched.empty() && published && !cache.idle())) return;
    published = true;
    auto publication = std::make_shared<DynamicPublication>();
    publication->index = CatalogIndex{static_cast<std::uint64_t>(static_cast<std::int64_t>(zxid))};
    for (const auto& name : touched) {
        const auto found = names.find(name);
        if (found == names.end())
            publication->removed.push_back(name);
        else
            publication->names.push_back(found->second);
    }
    touched.clear();
    size = names.size();
    for (const auto& subscriber : subscribers) subscriber(publication);
}

DynamicNames::DynamicNames(coord::Client& client) : state_(std::make_shared<State>(client)) {}
DynamicNames::~DynamicNames() { stop(); }

void DynamicNames::subscribe(DynamicSubscriber subscriber) {
    state_->subscribers.push_back(std::move(subscriber));
}
void DynamicNames::start() { state_->cache.start(); }
void DynamicNames::stop() { state_->cache.stop(); }

coord::Task<coord::Result<void>> DynamicNames::reached(coord::Zxid zxid,
                                                       std::chrono::milliseconds patience) {
    const auto state = state_;
    assert(state->owner.here());
    co_return co_await state->cache.reached(zxid, patience);
}

std::optional<CatalogIndex> DynamicNames::exact_at() const {
    const auto& s = *state_;
    if (!s.published || !s.touched.empty() || !s.cache.idle()) return std::nullopt;
    return CatalogIndex{static_cast<std::uint64_t>(s.cache.changed_at())};
}

bool DynamicNames::is_full() const { return state_->names.size() >= dynamic_names_max; }

std::vector<coord::Metric> DynamicNames::metrics() const {
    using enum coord::MetricKind;
    const auto number = [](auto value) { return static_cast<double>(value); };
    return {{gauge,
             "roster_dns_dynamic_names",
             "Names made by DNS UPDATE, besides services.",
             number(state_->size.load())},
            {counter,
             "roster_dns_dynamic_malformed_total",
             "Znodes of such names that were skipped because they are none.",
             number(state_->malformed.value())},
            {counter,
             "roster_dns_dynamic_over_limit_total",
             "Such names that were left out because the limit was hit.",
             number(state_->over_limit.value())}};
}

}  // namespace agent
