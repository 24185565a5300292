#pragma once
// What is registered with this agent: services, checks, maintenance; and what follows from it.
//
// Fed by:  Registrar, one change at a time; the file of registrations at the start.
// Read by: Registrar: what the znodes shall hold, what the file shall hold.
// Thread:  agent. No I/O and no clock.
// Holds:   a check belongs to a service registered here, or to the node; a check that is registered
//          again keeps its status; every change is in take_changes() once.
// Fails:   a Rejection, and then nothing has changed.
// Source:  Consul's agent: ids, words, and what a re-registration keeps.

#include "agent/service.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

struct Rejection {
    enum class Kind {
        invalid,      // 400
        not_found,    // 404
        wrong_kind,   // 500: "CheckID … does not have associated TTL"
        limit,        // 429: too many services or checks
        unavailable,  // 500: the coordination core did not take the write
    };
    Kind kind{};
    std::string message;  // the whole plain-text body
};

// Empty: done.
using Verdict = std::optional<Rejection>;

// Who declared it. The files win whenever they are read: what the API registered under an id that
// they declare lasts until then, and what it deregistered comes back.
enum class Source { api, config };

struct LocalService {
    ServiceDefinition definition;  // without its checks
    Source source = Source::api;
    std::optional<Maintenance> maintenance;
    std::int64_t registered_ms = 0;
};

// What a change touched.
struct Changes {
    std::set<std::string> paths;  // znodes that shall hold something else now
    std::set<std::string> keys;   // lines of the file that are different now
    bool checks = false;          // the set of checks
};

class Registrations {
public:
    Registrations(NodeRecord node, std::size_t services_max, std::size_t checks_max);

    // Completes and validates. Existing checks stay unless `replace_checks`.
    Verdict
    put_service(ServiceDefinition service, Source source, bool replace_checks, std::int64_t now_ms);
    Verdict remove_service(const std::string& id);
    Verdict put_check(CheckDefinition check, Source source);
    Verdict remove_check(const std::string& id);
    Verdict set_maintenance(const std::string& id, std::optional<Maintenance> on);
    void set_node_maintenance(std::optional<Maintenance> on);
    // All that the files declare: what they no longer do is removed. All or nothing.
    Verdict apply_config(std::vector<ServiceDefinition> services,
                         std::vector<CheckDefinition> node_checks,
                         std::int64_t now_ms);

    enum class StatusChange { none, output, health };
    StatusChange set_status(const std::string& id, CheckStatus status);
    // The outputs in the znodes of which `paths` are out of date.
    [[nodiscard]] std::set<std::string> take_stale_outputs();

    Changes take_changes();
    // What the znode shall hold; nothing: it shall not be. Counts as published from now on.
    std::optional<std::string> znode(const std::string& path);
    // A znode that shall not be is not.
    void confirm_gone(const std::string& path);

    // The file: all lines, one line, and back. A line that makes no sense throws
    // std::runtime_error; afterwards every path is in take_changes().
    void each_line(const std::function<void(std::string_view, std::string_view)>& write) const;
    [[nodiscard]] std::optional<std::string> line(const std::string& key) const;
    void restore(const std::map<std::string, std::string>& lines);

    [[nodiscard]] const std::map<std::string, LocalService>& services() const { return services_; }
    [[nodiscard]] const std::map<std::string, Check>& checks() const { return checks_; }
    [[nodiscard]] const NodeRecord& node() const { return node_; }
    [[nodiscard]] Health service_health(const std::string& id) const;
    [[nodiscard]] std::string path_of(const LocalService& service) const;
    [[nodiscard]] std::string own_path() const { return node_path(node_.name); }

private:
    // Beside checks_, by id.
    struct CheckMark {
        Source source = Source::api;
        // What znode and file hold, while the status has moved on from it.
        std::optional<CheckStatus> published;
    };

    [[nodiscard]] Verdict refuse_service(const ServiceDefinition& service, bool replace) const;
    [[nodiscard]] Verdict refuse_check(const CheckDefinition& check) const;
    void store_service(ServiceDefinition service, Source source, std::int64_t now_ms);
    void store_check(CheckDefinition check, Source source);
    void erase_service(const std::string& id);
    void erase_check(const std::string& id);
    void leave(const std::string& path);
    void touch_owner(const std::string& service_id);
    void touch_node();
    void refresh_node_checks();
    [[nodiscard]] InstanceRecord instance(const LocalService& service) const;
    [[nodiscard]] const std::set<std::string>& checks_of(const std::string& service_id) const;
    void mark_published(const std::string& service_id);

    void restore_service(const std::string& key, std::string_view text);
    void restore_check(const std::string& key, std::string_view text);

    NodeRecord node_;  // with its checks and maintenance
    std::size_t services_max_;
    std::size_t checks_max_;
    std::map<std::string, LocalService> services_;
    std::map<std::string, Check> checks_;
    std::map<std::string, CheckMark> marks_;
    std::map<std::string, std::set<std::string>> checks_of_;  // check ids; of the node under ""
    std::map<std::string, std::string> service_at_;           // service id by path
    std::set<std::string> leaving_;  // paths that shall not be, until that is confirmed
    std::set<std::string> stale_outputs_;
    Changes changes_;
};

}  // namespace agent
