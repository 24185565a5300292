#include "http/metrics_api.hpp"

#include "http/api.hpp"
#include "http/json.hpp"

#include <boost/json.hpp>

#include <charconv>
#include <cmath>

namespace http {
namespace {

std::string escaped(std::string_view text, bool quotes) {
    std::string out;
    for (const char c : text) {
        if (c == '\n') {
            out += "\\n";
            continue;
        }
        if (c == '\\' || (quotes && c == '"')) out += '\\';
        out += c;
    }
    return out;
}

std::string number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, value).ptr;
    return {text, end};
}

std::string labels_of(const coord::Metric& sample) {
    if (sample.labels.empty()) return {};
    std::string out = "{";
    for (const auto& [name, value] : sample.labels) {
        if (out.size() > 1) out += ',';
        out.append(name).append("=\"").append(escaped(value, true)).append("\"");
    }
    return out + "}";
}

std::vector<coord::Metric> collect(const Api& api) {
    auto samples = api.own_metrics ? api.own_metrics() : std::vector<coord::Metric>();
    for (const auto& source : api.options.metrics) {
        for (auto& sample : source()) samples.push_back(std::move(sample));
    }
    return samples;
}

Response prometheus(const Api& api) {
    Response response;
    response.content_type = "text/plain; version=0.0.4";
    response.body = format_prometheus(collect(api));
    return response;
}

json::object encode_gauge(const coord::Metric& sample, json::object labels) {
    return {{"Name", sample.name}, {"Value", sample.value}, {"Labels", std::move(labels)}};
}

json::object encode_counter(const coord::Metric& sample, json::object labels) {
    return {{"Name", sample.name},
            {"Count", sample.value},
            {"Sum", sample.value},
            {"Labels", std::move(labels)}};
}

// "2026-01-30 10:15:00 +0000 UTC", from milliseconds since 1970.
std::string timestamp(std::int64_t milliseconds) {
    const auto seconds = static_cast<std::time_t>(milliseconds / 1000);
    std::tm utc{};
    ::gmtime_r(&seconds, &utc);
    char text[64] = {};
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S +0000 UTC", &utc);
    return text;
}

}  // namespace

std::string format_prometheus(std::vector<coord::Metric> samples) {
    std::stable_sort(samples.begin(), samples.end(), [](const auto& a, const auto& b) {
        return a.name < b.name;
    });
    std::string out;
    std::string_view family;
    for (const auto& sample : samples) {
        if (sample.name != family) {
            family = sample.name;
            const bool counts = sample.kind == coord::MetricKind::counter;
            out.append("# HELP ").append(sample.name).append(" ");
            out.append(escaped(sample.help, false)).append("\n# TYPE ").append(sample.name);
            out.append(counts ? " counter\n" : " gauge\n");
        }
        out.append(sample.name).append(labels_of(sample)).append(" ");
        out.append(number(sample.value)).append("\n");
    }
    return out;
}

coord::Task<Response> get_metrics(Api& api, const Request&) { co_return prometheus(api); }

coord::Task<Response> get_agent_metrics(Api& api, const Request& request) {
    if (request.query("format") == "prometheus" ||
        request.find_header("Accept").find("text/plain") != std::string_view::npos) {
        co_return prometheus(api);
    }
    json::array gauges;
    json::array counters;
    for (const auto& sample : collect(api)) {
        json::object labels;
        for (const auto& [name, value] : sample.labels) labels.emplace(name, value);
        if (sample.kind == coord::MetricKind::gauge)
            gauges.emplace_back(encode_gauge(sample, std::move(labels)));
        else
            counters.emplace_back(encode_counter(sample, std::move(labels)));
    }
    const auto now = api.options.clock_ms ? api.options.clock_ms() : 0;
    co_return reply(request,
                    json::object{{"Timestamp", timestamp(now)},
                                 {"Gauges", std::move(gauges)},
                                 {"Points", json::array()},
                                 {"Counters", std::move(counters)},
                                 {"Samples", json::array()}});
}

}  // namespace http
