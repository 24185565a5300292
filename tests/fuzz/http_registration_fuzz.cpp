// A request to the HTTP face: its target, its body as each of the registrations, as a filter, as a
// duration, and then the whole of it through the route table.
//
// The input is text: "PUT /v1/agent/service/register", a newline, the body.

#include "agent/url.hpp"
#include "http/api.hpp"
#include "http/json.hpp"
#include "http/registration.hpp"
#include "http/router.hpp"
#include "http/selection.hpp"
#include "tests/fuzz/fuzz_input.hpp"
#include "tests/support/publications.hpp"

#include <boost/json.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace {

using fuzz::expect;

constexpr http::Filtered filterable[] = {http::Filtered::node,
                                         http::Filtered::service,
                                         http::Filtered::service_entry,
                                         http::Filtered::catalog_service,
                                         http::Filtered::check,
                                         http::Filtered::service_name};

agent::Publication catalog() {
    agent::NodeRecord record;
    record.meta = {{"rack", "7"}};
    const auto node = support::make_node("host1", "10.0.0.1", record);
    auto web = *support::make_service("web", {{.node = node, .tags = {"primary", "v1"}}});
    agent::Check check;
    check.definition.id = "service:web-1";
    check.definition.ttl = std::chrono::seconds(10);
    support::change_record(web.instances.front(), [&](auto& changed) { changed.checks = {check}; });
    auto step = support::publication(7);
    step.nodes = {node};
    step.services = {std::make_shared<const agent::ServiceView>(std::move(web))};
    return step;
}

// All that a handler works with, on one thread, before an ensemble that does not answer.
class Face {
public:
    Face() {
        static const auto step = catalog();
        catalog_view_.apply(step, {});
        agent::KvPublication kv;
        kv.index = agent::CatalogIndex{7};
        kv.synced = true;
        agent::KvEntry entry;
        entry.key = "a/b";
        entry.value = "value";
        kv.entries = {std::make_shared<const agent::KvEntry>(std::move(entry))};
        kv_view_.apply(kv);
    }
    ~Face() {
        registrar_.stop();
        queries_.wake_all();
        door_.close();
        http_io_.reset();  // What waits in it refers to the rest: as Server does it.
    }
    Face(const Face&) = delete;
    Face& operator=(const Face&) = delete;

    // Nothing if the reply waits: for the ensemble, for a change.
    std::optional<http::Response> answer(http::Request request) {
        std::optional<http::Response> reply;
        auto task = [this, &reply, request = std::move(request)]() mutable -> coord::Task<void> {
            reply = co_await router_.answer(request);
        };
        coord::spawn(*http_io_, "fuzz request", std::move(task));
        while (poll(*http_io_) + poll(io_) > 0) {
        }
        return reply;
    }
    void select(const http::Request& request) {
        for (const auto what : filterable) {
            const auto selection = parse_selection(api_, request, what);
            const auto* chosen = std::get_if<http::Selection>(&selection);
            if (chosen == nullptr) continue;
            for (const auto& [name, service] : catalog_view_.services()) {
                expect(chosen->of(*service.view).size() <= service.view->instances.size());
            }
        }
    }

private:
    static std::size_t poll(boost::asio::io_context& io) {
        io.restart();
        return io.poll();
    }
    static coord::ClientOptions unreachable() {
        coord::ClientOptions options;
        options.connect = "127.0.0.1:1";
        return options;
    }
    static agent::RegistrarOptions this_node() {
        agent::RegistrarOptions options;
        options.node.name = "host1";
        options.clock_ms = [] { return std::int64_t{0}; };
        return options;
    }
    static http::ServerOptions server_options() {
        http::ServerOptions options;
        options.node = "host1";
        options.datacenter = "dc1";
        options.script_checks_over_http = true;
        options.clock_ms = [] { return std::int64_t{0}; };
        return options;
    }

    boost::asio::io_context io_{1};  // the agent's
    std::unique_ptr<boost::asio::io_context> http_io_ =
        std::make_unique<boost::asio::io_context>(1);
    coord::Client client_{io_, unreachable()};
    agent::Registrar registrar_{io_, client_, this_node()};
    agent::Catalog catalog_{client_};
    agent::KvStore kv_{client_};
    agent::Journal journal_{100, [] { return std::int64_t{0}; }};
    http::ServerOptions options_ = server_options();
    http::Backend backend_{io_, registrar_, catalog_, kv_, journal_};
    http::CatalogView catalog_view_;
    http::KvView kv_view_;
    http::BlockingQueries queries_{*http_io_, 10};
    http::AgentDoor door_{*http_io_, io_};
    http::Api api_{options_, backend_, catalog_view_, kv_view_, queries_, door_, {}};
    http::Router router_{api_, http::routes()};
};

template <class T>
void check_decoded(const http::Decoded<T>& decoded) {
    expect(decoded.value.has_value() == decoded.error.empty());
}

void read_body(std::string_view body) {
    auto service = http::decode_service(body);
    check_decoded(service);
    if (service.value && validate(*service.value).empty()) {
        complete(*service.value);
        expect(!serialize(http::encode_service(*service.value)).empty());
    }
    const auto check = http::decode_check(body);
    check_decoded(check);
    if (check.value) static_cast<void>(validate(*check.value));
    check_decoded(http::decode_ttl_report(body));
    check_decoded(http::decode_catalog_registration(body));
    check_decoded(http::decode_catalog_deregistration(body));
}

void read_words(std::string_view text) {
    static const auto step = catalog();
    static const auto entry = http::encode_service_entry(step.services.front()->instances.front());
    for (const auto what : filterable) {
        const auto parsed = http::parse_filter(text, what);
        if (parsed.error.empty() && what == http::Filtered::service_entry) {
            static_cast<void>(parsed.filter.matches(entry));
        }
    }
    if (const auto duration = agent::parse_duration(text)) {
        expect(agent::parse_duration(agent::format_duration(*duration)) == duration);
    }
    if (const auto url = agent::parse_url(text)) {
        auto without = *url;
        without.credentials.clear();
        expect(agent::parse_url(agent::format(*url)) == without);
        static_cast<void>(agent::resolve(*url, text));
    }
    expect(agent::percent_decode(agent::percent_encode(text)) == text);
    expect(agent::unescape_component(agent::escape_component(text)) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    fuzz::be_silent();
    const auto text = fuzz::Input(bytes, size).rest();
    const auto head = text.substr(0, text.find('\n'));
    const auto body = text.substr(std::min(head.size() + 1, text.size()));
    const auto space = std::min(head.find(' '), head.size());
    read_body(body);
    read_words(body);

    auto target = http::parse_target(head.substr(std::min(space + 1, head.size())));
    if (!target) return 0;
    http::Request request;
    request.method = head.substr(0, space);
    request.target = std::move(*target);
    request.body = body;
    Face face;
    face.select(request);
    const auto reply = face.answer(std::move(request));
    if (!reply) return 0;
    expect(reply->status >= 200 && reply->status < 600);
    if (reply->content_type.starts_with("application/json")) boost::json::parse(reply->body);
    return 0;
}
