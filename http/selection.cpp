#include "http/selection.hpp"

namespace http {

std::optional<bool> parse_flag(std::string_view text) {
    for (const std::string_view yes : {"", "1", "t", "T", "true", "TRUE", "True"}) {
        if (text == yes) return true;
    }
    for (const std::string_view no : {"0", "f", "F", "false", "FALSE", "False"}) {
        if (text == no) return false;
    }
    return std::nullopt;
}

bool Selection::has_node_meta(const agent::NodeView* node) const {
    return std::all_of(read.node_meta.begin(), read.node_meta.end(), [&](const auto& wanted) {
        if (node == nullptr) return false;
        const auto found = node->record.meta.find(wanted.first);
        return found != node->record.meta.end() && found->second == wanted.second;
    });
}

std::vector<const agent::InstanceView*> Selection::of(const agent::ServiceView& view) const {
    std::vector<const agent::InstanceView*> selected;
    selected.reserve(view.instances.size());
    for (const auto& instance : view.instances) {
        const auto has = instance.record.tags();
        const bool tagged = std::all_of(tags.begin(), tags.end(), [&](const auto& tag) {
            return std::find(has.begin(), has.end(), tag) != has.end();
        });
        const bool healthy = instance.health == agent::Health::passing && !instance.maintenance;
        if (!tagged || (passing && !healthy) || !has_node_meta(instance.node.get())) continue;
        selected.push_back(&instance);
    }
    if (!read.near.empty()) {
        std::stable_partition(selected.begin(), selected.end(), [&](const auto* instance) {
            return instance->record.node() == read.near;
        });
    }
    return selected;
}

std::variant<Selection, Response>
parse_selection(const Api& api, const Request& request, Filtered what) {
    auto read = parse_read_options(request, api.options.datacenter);
    if (auto* refusal = std::get_if<Response>(&read)) return std::move(*refusal);
    Selection selection;
    selection.read = std::move(std::get<ReadOptions>(read));
    if (selection.read.near == "_agent") selection.read.near = api.options.node;
    auto parsed = parse_filter(request.query("filter"), what);
    if (!parsed.error.empty()) return plain(400, std::move(parsed.error));
    selection.filter = std::move(parsed.filter);
    selection.tags = request.all("tag");
    std::erase(selection.tags, "");
    if (request.has("passing")) {
        const auto flag = parse_flag(request.query("passing"));
        if (!flag) return plain(400, "Invalid value for ?passing");
        selection.passing = *flag;
    }
    return selection;
}

}  // namespace http
