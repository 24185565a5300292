// What any program may write under /services and /roster, and everyone who then shows it.
//
// The first octet says which: an instance (0), a node (1), a key (2).

#include "agent/journal.hpp"
#include "agent/kv.hpp"
#include "agent/service.hpp"
#include "dns/answer_compiler.hpp"
#include "http/catalog_view.hpp"
#include "http/json.hpp"
#include "tests/fuzz/fuzz_input.hpp"
#include "tests/support/publications.hpp"

#include <boost/json.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace {

using fuzz::expect;

// All that hear of the catalog.
struct Listeners {
    dns::AnswerTable table;
    dns::Grammar grammar{"roster.internal", "dc1", {"10.0.0.0/8"}};
    dns::AnswerCompiler compiler{table, grammar, {.node = "host1", .address = "127.0.0.1"}};
    agent::Journal journal{100, [] { return std::int64_t{0}; }};
    http::CatalogView view;

    void hear(const agent::Publication& step) {
        compiler.apply(step);
        journal.record(step);
        view.apply(step, {});
    }
};

template <class Record, class Decode>
Record checked_again(const Record& record, Decode decode) {
    const auto written = encode(record);
    const auto again = decode(written);
    expect(again.value.has_value());
    expect(encode(*again.value) == written);
    return *again.value;
}

void show(agent::NodeRecord node_record, const agent::InstanceRecord& record) {
    const auto node = std::make_shared<const agent::NodeView>(
        agent::NodeView{std::move(node_record), agent::CatalogIndex{3}, agent::CatalogIndex{4}});
    const agent::InstanceView instance{.record = agent::PackedRecord(record),
                                       .node = node,
                                       .health = aggregate(record, &node->record),
                                       .maintenance = record.maintenance.has_value()};
    expect(instance.record.unpack() == record);
    const auto& name = record.service.name;

    Listeners listeners;
    auto step = support::publication(7);
    listeners.hear(step);
    step.nodes = {node};
    step.services = {std::make_shared<const agent::ServiceView>(
        agent::ServiceView{name, agent::CatalogIndex{7}, {instance}})};
    listeners.hear(step);
    for (const auto& entry : listeners.journal.entries("", 100)) {
        boost::json::parse(serialize(http::encode_journal(entry)));
    }
    boost::json::parse(serialize(http::encode_service_entry(instance)));
    boost::json::parse(serialize(http::encode_catalog_service(instance)));
    boost::json::parse(serialize(http::encode_node_checks(*node)));

    auto gone = support::publication(8);
    gone.removed_nodes = {node->record.name};
    gone.removed_services = {name};
    listeners.hear(gone);
}

agent::NodeRecord usual_node() {
    agent::NodeRecord node;
    node.name = "host1";
    node.address = "10.0.0.1";
    return node;
}

agent::InstanceRecord usual_instance() {
    agent::InstanceRecord record;
    record.service.name = record.service.id = "web";
    record.node = "host1";
    record.node_address = "10.0.0.1";
    return record;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    fuzz::be_silent();
    fuzz::Input input(bytes, size);
    const auto kind = input.byte() % 3;
    const auto text = input.rest();
    if (kind == 0) {
        const auto parsed = agent::decode_instance(text);
        expect(parsed.value.has_value() == parsed.error.empty());
        if (parsed.value) show(usual_node(), checked_again(*parsed.value, agent::decode_instance));
    } else if (kind == 1) {
        const auto parsed = agent::decode_node(text);
        expect(parsed.value.has_value() == parsed.error.empty());
        if (parsed.value) show(checked_again(*parsed.value, agent::decode_node), usual_instance());
    } else {
        const auto parsed = agent::decode_kv(text);
        expect(parsed.value.has_value() == parsed.error.empty());
        if (parsed.value) {
            checked_again(*parsed.value, agent::decode_kv);
            boost::json::parse(serialize(http::encode_kv(*parsed.value)));
        }
    }
    return 0;
}
