#include "coord/proto/error.hpp"

#include <boost/system/error_category.hpp>

#include <string>

namespace coord {
namespace {

class Category final : public boost::system::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "zookeeper"; }

    [[nodiscard]] std::string message(int code) const override {
        switch (static_cast<Errc>(code)) {
            case Errc::ok: return "ok";
            case Errc::system_error: return "the ensemble failed: is a disk full?";
            case Errc::runtime_inconsistency: return "not tried, an earlier operation failed";
            case Errc::connection_loss: return "connection to the ensemble was lost";
            case Errc::marshalling_error: return "malformed record";
            case Errc::unimplemented: return "operation is not supported";
            case Errc::operation_timeout: return "operation timed out";
            case Errc::bad_arguments: return "invalid argument";
            case Errc::new_config_no_quorum: return "no quorum of the new members is connected";
            case Errc::reconfig_in_progress: return "another reconfiguration is in progress";
            case Errc::no_node: return "no such znode";
            case Errc::no_auth: return "not permitted by the znode's ACL";
            case Errc::bad_version: return "version does not match";
            case Errc::no_children_for_ephemerals: return "ephemeral znodes cannot have children";
            case Errc::node_exists: return "znode already exists";
            case Errc::not_empty: return "znode has children";
            case Errc::session_expired: return "session has expired";
            case Errc::invalid_acl: return "invalid ACL";
            case Errc::auth_failed: return "authentication failed";
            case Errc::session_moved: return "session moved to another server";
            case Errc::not_read_only: return "server is read-only";
            case Errc::no_watcher: return "no such watch";
            case Errc::reconfig_disabled: return "reconfiguration is disabled";
            case Errc::session_closed_require_sasl_auth: return "session needs authentication";
            case Errc::quota_exceeded: return "quota exceeded";
            case Errc::throttled_op: return "operation was throttled, try again";
        }
        return "unknown code " + std::to_string(code);
    }
};

}  // namespace

Error make_error_code(Errc errc) noexcept {
    static const Category category;
    return {static_cast<int>(errc), category};
}

}  // namespace coord
