#pragma once
// ZooKeeper's error codes, as they travel in a reply header, in the shape of a C++ error code.
//
// Fed by:  DataTree, SessionTable, and the client when it decodes a reply.
// Read by: whoever called; value() of any of these codes is the number for the wire.
// Thread:  any; these are constants.

#include "coord/base/result.hpp"

#include <boost/system/is_error_code_enum.hpp>

#include <type_traits>

namespace coord {

// org.apache.zookeeper.KeeperException.Code. Nothing is ever invented here: clients choke on it.
enum class Errc {
    ok = 0,
    system_error = -1,
    runtime_inconsistency = -2,
    connection_loss = -4,
    marshalling_error = -5,
    unimplemented = -6,
    operation_timeout = -7,
    bad_arguments = -8,
    new_config_no_quorum = -13,
    reconfig_in_progress = -14,
    no_node = -101,
    no_auth = -102,
    bad_version = -103,
    no_children_for_ephemerals = -108,
    node_exists = -110,
    not_empty = -111,
    session_expired = -112,
    invalid_acl = -114,
    auth_failed = -115,
    session_moved = -118,
    not_read_only = -119,
    no_watcher = -121,
    reconfig_disabled = -123,
    session_closed_require_sasl_auth = -124,
    quota_exceeded = -125,
    throttled_op = -127,
};

Error make_error_code(Errc errc) noexcept;

}  // namespace coord

template <>
struct boost::system::is_error_code_enum<coord::Errc> : std::true_type {};
