#include "agent/registrar.hpp"

#include "agent/external_entries.hpp"
#include "agent/reconciler.hpp"
#include "agent/registrations_file.hpp"
#include "coord/base/log.hpp"
#include "coord/base/owner.hpp"

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cassert>
#include <stdexcept>
#include <utility>

namespace agent {
namespace {

namespace asio = boost::asio;

// The set of checks is told at most so often: with thousands of them each telling costs.
constexpr std::chrono::milliseconds checks_told_every{50};

spdlog::logger& log() { return coord::logger("agent.registrar"); }

std::filesystem::path file_in(const std::filesystem::path& data_dir) {
    return data_dir.empty() ? data_dir : data_dir / "registrations.json";
}

ReconcilerOptions claiming(std::string path) {
    ReconcilerOptions options;
    options.claim = std::move(path);
    return options;
}

Rejection not_committed(const std::string& what, const std::optional<Namesake>& namesake) {
    if (namesake) {
        return {Rejection::Kind::unavailable,
                what + " is taken by this agent, but not registered: the agent at " +
                    namesake->address +
                    " has the same node name; give one of them another, or stop that one"};
    }
    return {Rejection::Kind::unavailable,
            what + " is taken by this agent, but the coordination core has not committed it yet; "
                   "it will be as soon as that can be reached"};
}

}  // namespace

struct Registrar::State : std::enable_shared_from_this<Registrar::State> {
    State(asio::io_context& io, coord::Client& of_agent, RegistrarOptions given)
        : options(std::move(given)),
          client(of_agent),
          registrations(options.node, options.services_max, options.checks_max),
          file(io,
               file_in(options.data_dir),
               [this](const auto& write) { registrations.each_line(write); }),
          reconciler(
              io,
              client,
              claiming(node_path(options.node.name)),
              [this](const auto& path) { return wanted(path); },
              [this](const auto& path) {
                  registrations.confirm_gone(path);
                  write_lines(registrations.take_changes());
              }),
          checks_timer(io),
          outputs_timer(io) {}

    std::optional<std::string> wanted(const std::string& path);
    void write_lines(const Changes& changes);
    void apply();
    [[nodiscard]] std::string path_of_check(const std::string& id) const;
    coord::Task<Verdict> commit(Verdict refused, std::string path, std::string what);
    coord::Task<Verdict> keep();
    void tell_checks_soon();
    void sync_outputs_later();

    RegistrarOptions options;
    coord::Client& client;
    coord::Owner owner;
    Registrations registrations;
    RegistrationsFile file;
    Reconciler reconciler;
    asio::steady_timer checks_timer;
    asio::steady_timer outputs_timer;
    bool checks_told_soon = false;
    bool stopped = false;
    std::function<void(const std::vector<Check>&)> checks_changed;
    std::function<void(const std::string&)> ttl_reported;
    std::atomic<std::size_t> service_count = 0;  // written here, read by metrics()
    std::atomic<std::size_t> check_count = 0;
    coord::Counter rejected;
    coord::Counter flips;
};

// The file first: after a kill the next agent must not take back what the znode says.
std::optional<std::string> Registrar::State::wanted(const std::string& path) {
    auto content = registrations.znode(path);
    auto changes = registrations.take_changes();
    assert(changes.paths.empty());
    write_lines(changes);
    return content;
}

void Registrar::State::write_lines(const Changes& changes) {
    for (const auto& key : changes.keys) {
        if (const auto line = registrations.line(key))
            file.put(key, *line);
        else
            file.erase(key);
    }
}

// Carries out what the registrations say has changed.
void Registrar::State::apply() {
    const auto changes = registrations.take_changes();
    write_lines(changes);
    for (const auto& path : changes.paths) reconciler.changed(path);
    if (changes.checks) tell_checks_soon();
    service_count = registrations.services().size();
    check_count = registrations.checks().size();
}

// The znode that holds the check; the node's for one that is unknown.
std::string Registrar::State::path_of_check(const std::string& id) const {
    const auto check = registrations.checks().find(id);
    if (check == registrations.checks().end()) return registrations.own_path();
    const auto& service_id = check->second.definition.service_id;
    if (service_id.empty()) return registrations.own_path();
    return registrations.path_of(registrations.services().at(service_id));
}

// Completes once the change is on disk and, for `path`, in the ensemble.
coord::Task<Verdict> Registrar::State::commit(Verdict refused, std::string path, std::string what) {
    const auto self = shared_from_this();
    if (refused) {
        rejected.add();
        co_return refused;
    }
    apply();
    if (auto failed = co_await keep()) co_return failed;
    if (!co_await reconciler.reached(std::move(path), options.patience))
        co_return not_committed(what, reconciler.namesake());
    co_return Verdict{};
}

coord::Task<Verdict> Registrar::State::keep() {
    const auto self = shared_from_this();
    const auto kept = co_await file.durable();
    if (kept) co_return Verdict{};
    co_return Rejection{Rejection::Kind::unavailable,
                        "registered, but not kept across a restart: " +
                            file_in(options.data_dir).string() + ": " + kept.error().message()};
}

void Registrar::State::tell_checks_soon() {
    if (!checks_changed || std::exchange(checks_told_soon, true)) return;
    // The first at the end of this turn; then the timer of the last telling is still running.
    checks_timer.async_wait([weak = weak_from_this()](const coord::Error&) {
        const auto self = weak.lock();
        if (!self || self->stopped) return;
        self->checks_told_soon = false;
        self->checks_timer.expires_after(checks_told_every);
        std::vector<Check> all;
        all.reserve(self->registrations.checks().size());
        for (const auto& [id, check] : self->registrations.checks()) all.push_back(check);
        self->checks_changed(all);
    });
}

void Registrar::State::sync_outputs_later() {
    outputs_timer.expires_after(options.output_sync_interval);
    outputs_timer.async_wait([weak = weak_from_this()](const coord::Error& cancelled) {
        const auto self = weak.lock();
        if (cancelled || !self || self->stopped) return;
        for (const auto& path : self->registrations.take_stale_outputs())
            self->reconciler.changed(path);
        self->reconciler.compare();
        self->sync_outputs_later();
    });
}

// ---- the face

Registrar::Registrar(asio::io_context& io, coord::Client& client, RegistrarOptions options)
    : state_(std::make_shared<State>(io, client, std::move(options))) {
    assert(state_->options.clock_ms);
}

Registrar::~Registrar() { stop(); }

void Registrar::start() {
    auto& state = *state_;
    assert(state.owner.here());
    const auto lines = state.file.load();
    try {
        state.registrations.restore(lines);
    } catch (const std::runtime_error& broken) {
        throw std::runtime_error(file_in(state.options.data_dir).string() + ": " + broken.what() +
                                 "; mend it, or move it away to start with nothing registered");
    }
    // Before the first comparison: a restarted agent may find its session's znodes there.
    auto changes = state.registrations.take_changes();
    for (const auto& path : changes.paths) state.reconciler.restored(path);
    state.service_count = state.registrations.services().size();
    state.check_count = state.registrations.checks().size();
    if (!lines.empty())
        log().info("registrations restored services={} checks={}",
                   state.registrations.services().size(),
                   state.registrations.checks().size());
    state.tell_checks_soon();
    state.sync_outputs_later();
}

void Registrar::stop() {
    state_->stopped = true;
    state_->checks_timer.cancel();
    state_->outputs_timer.cancel();
    state_->reconciler.stop();
}

void Registrar::on_session_state(coord::SessionState session) {
    state_->reconciler.on_session_state(session);
}

coord::Task<Verdict>
Registrar::register_service(ServiceDefinition service, Source source, bool replace_checks) {
    const auto state = state_;
    assert(state->owner.here());
    complete(service);
    const auto what = "service \"" + service.id + "\"";
    const auto path = instance_path(service.name, service.id, state->options.node.name);
    auto refused = state->registrations.put_service(
        std::move(service), source, replace_checks, state->options.clock_ms());
    co_return co_await state->commit(std::move(refused), path, what);
}

coord::Task<Verdict> Registrar::deregister_service(std::string id) {
    const auto state = state_;
    assert(state->owner.here());
    const auto found = state->registrations.services().find(id);
    const bool known = found != state->registrations.services().end();
    const auto path = known ? state->registrations.path_of(found->second) : std::string{};
    auto refused = state->registrations.remove_service(id);
    co_return co_await state->commit(
        std::move(refused), path, "the deregistration of service \"" + id + "\"");
}

coord::Task<Verdict> Registrar::set_service_maintenance(std::string id,
                                                        std::optional<Maintenance> on) {
    const auto state = state_;
    assert(state->owner.here());
    const auto found = state->registrations.services().find(id);
    const bool known = found != state->registrations.services().end();
    const auto path = known ? state->registrations.path_of(found->second) : std::string{};
    auto refused = state->registrations.set_maintenance(id, std::move(on));
    co_return co_await state->commit(
        std::move(refused), path, "the maintenance of service \"" + id + "\"");
}

coord::Task<Verdict> Registrar::set_node_maintenance(std::optional<Maintenance> on) {
    const auto state = state_;
    assert(state->owner.here());
    state->registrations.set_node_maintenance(std::move(on));
    co_return co_await state->commit(
        {}, state->registrations.own_path(), "the maintenance of the node");
}

coord::Task<Verdict> Registrar::register_check(CheckDefinition check, Source source) {
    const auto state = state_;
    assert(state->owner.here());
    const auto id = check.id.empty() ? check.name : check.id;
    auto refused = state->registrations.put_check(std::move(check), source);
    co_return co_await state->commit(
        std::move(refused), state->path_of_check(id), "check \"" + id + "\"");
}

coord::Task<Verdict> Registrar::deregister_check(std::string id) {
    const auto state = state_;
    assert(state->owner.here());
    auto path = state->path_of_check(id);
    auto refused = state->registrations.remove_check(id);
    co_return co_await state->commit(
        std::move(refused), std::move(path), "the deregistration of check \"" + id + "\"");
}

coord::Task<Verdict> Registrar::report_ttl(std::string id, CheckStatus status) {
    const auto state = state_;
    assert(state->owner.here());
    const auto found = state->registrations.checks().find(id);
    if (found == state->registrations.checks().end()) {
        state->rejected.add();
        co_return state->registrations.remove_check(id);  // As unknown there, in its words.
    }
    if (found->second.definition.kind != CheckKind::ttl) {
        state->rejected.add();
        co_return Rejection{Rejection::Kind::wrong_kind,
                            "CheckID \"" + id + "\" does not have associated TTL"};
    }
    auto path = state->path_of_check(id);
    set_check_status(id, std::move(status));
    if (state->ttl_reported) state->ttl_reported(id);
    co_await state->reconciler.reached(std::move(path), state->options.patience);
    co_return Verdict{};
}

coord::Task<Verdict> Registrar::apply_config(std::vector<ServiceDefinition> services,
                                             std::vector<CheckDefinition> node_checks) {
    const auto state = state_;
    assert(state->owner.here());
    auto refused = state->registrations.apply_config(
        std::move(services), std::move(node_checks), state->options.clock_ms());
    if (refused) state->rejected.add();
    state->apply();
    const auto failed = co_await state->keep();
    co_return refused ? refused : failed;
}

coord::Task<Verdict> Registrar::register_external(std::optional<NodeRecord> node,
                                                  std::optional<InstanceRecord> instance,
                                                  std::vector<Check> checks) {
    const auto state = state_;
    assert(state->owner.here());
    if (instance && instance->registered_ms == 0)
        instance->registered_ms = state->options.clock_ms();
    auto verdict = co_await put_external(
        state->client, std::move(node), std::move(instance), std::move(checks));
    if (verdict) state->rejected.add();
    co_return verdict;
}

coord::Task<Verdict>
Registrar::deregister_external(std::string node, std::string service_id, std::string check_id) {
    const auto state = state_;
    assert(state->owner.here());
    auto verdict = co_await remove_external(
        state->client, std::move(node), std::move(service_id), std::move(check_id));
    if (verdict) state->rejected.add();
    co_return verdict;
}

void Registrar::set_check_status(const std::string& check_id, CheckStatus status) {
    auto& state = *state_;
    assert(state.owner.here());
    const auto health = status.health;
    const auto line = status.output.substr(0, status.output.find('\n'));
    const auto change = state.registrations.set_status(check_id, std::move(status));
    if (change != Registrations::StatusChange::health) return;
    state.flips.add();
    log().info("check flipped check={} to={} output=\"{}\"", check_id, format(health), line);
    state.apply();
}

void Registrar::on_checks_changed(std::function<void(const std::vector<Check>&)> told) {
    state_->checks_changed = std::move(told);
}

void Registrar::on_ttl_reported(std::function<void(const std::string&)> told) {
    state_->ttl_reported = std::move(told);
}

const std::map<std::string, LocalService>& Registrar::services() const {
    return state_->registrations.services();
}

const std::map<std::string, Check>& Registrar::checks() const {
    return state_->registrations.checks();
}

const NodeRecord& Registrar::node() const { return state_->registrations.node(); }

Health Registrar::service_health(const std::string& id) const {
    return state_->registrations.service_health(id);
}

bool Registrar::settled() const { return state_->reconciler.settled(); }

std::vector<coord::Metric> Registrar::metrics() const {
    using enum coord::MetricKind;
    const auto& s = *state_;
    std::vector<coord::Metric> all{
        {gauge,
         "roster_registrar_services",
         "Services registered with this agent.",
         static_cast<double>(s.service_count.load())},
        {gauge,
         "roster_registrar_checks",
         "Checks registered with this agent.",
         static_cast<double>(s.check_count.load())},
        {counter,
         "roster_registrar_rejected_total",
         "Registrations, deregistrations and reports that were rejected.",
         static_cast<double>(s.rejected.value())},
        {counter,
         "roster_registrar_check_flips_total",
         "Changes of the health of a check.",
         static_cast<double>(s.flips.value())},
    };
    auto of_znodes = s.reconciler.metrics();
    all.insert(all.end(),
               std::make_move_iterator(of_znodes.begin()),
               std::make_move_iterator(of_znodes.end()));
    return all;
}

}  // namespace agent
