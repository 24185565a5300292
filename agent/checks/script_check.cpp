#include "agent/checks/script_check.hpp"

#include "agent/child_process.hpp"

#include <boost/asio/steady_timer.hpp>

#include <cstring>
#include <utility>

namespace agent {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds default_timeout{30'000};

CheckStatus judge(const ChildEnd& end) {
    CheckStatus status;
    if (end.output_bytes > end.output.size()) {
        status.output = "Captured " + std::to_string(end.output.size()) + " of " +
                        std::to_string(end.output_bytes) + " bytes\n...\n";
    }
    status.output += end.output;
    if (end.signal != 0) {
        const auto* name = ::sigabbrev_np(end.signal);
        status.output += "ended by signal " + std::string(name == nullptr ? "?" : name);
    } else if (end.exit_code == 0) {
        status.health = Health::passing;
    } else if (end.exit_code == 1) {
        status.health = Health::warning;
    }
    if (status.output.empty()) status.output = "exit code " + std::to_string(end.exit_code);
    return status;
}

}  // namespace

ScriptCheck::ScriptCheck(asio::io_context& io, CheckDefinition definition)
    : io_(io), definition_(std::move(definition)) {}

ScriptCheck::~ScriptCheck() = default;

coord::Task<ProbeResult> ScriptCheck::run() {
    ChildOptions options{.args = definition_.args,
                         .environment = {{"ROSTER_SERVICE", definition_.service_id},
                                         {"ROSTER_CHECK", definition_.id},
                                         {"ROSTER_CHECK_NAME", definition_.name}},
                         .own_group = true,
                         .capture = true,
                         .output_bytes_max = definition_.output_bytes_max};
    const auto child = std::make_shared<ChildProcess>(io_, std::move(options));
    ProbeResult result;
    result.status.output = child->start();
    if (!result.status.output.empty()) co_return result;

    child_ = child;
    const auto timeout = definition_.timeout.count() > 0 ? definition_.timeout : default_timeout;
    const auto timed_out = std::make_shared<bool>(false);
    asio::steady_timer deadline(io_, timeout);
    deadline.async_wait([child, timed_out](const auto& error) {
        if (error) return;
        *timed_out = true;
        child->kill();
    });
    const auto end = co_await child->wait();
    deadline.cancel();
    child_.reset();
    result.timed_out = *timed_out;
    result.status = judge(end);
    if (result.timed_out) {
        result.status = {Health::critical,
                         "Timed out (" + format_duration(timeout) + ") running check"};
    }
    co_return result;
}

void ScriptCheck::cancel() {
    if (child_) child_->kill();
}

}  // namespace agent
