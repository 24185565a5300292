// Builds the house in order, lets it run, and takes it down in reverse. No logic lives here.

#include "agent/catalog.hpp"
#include "agent/checks/check_runner.hpp"
#include "agent/cli/command_line.hpp"
#include "agent/config.hpp"
#include "agent/data_dir.hpp"
#include "agent/dynamic_entries.hpp"
#include "agent/dynamic_names.hpp"
#include "agent/ensemble.hpp"
#include "agent/journal.hpp"
#include "agent/kv.hpp"
#include "agent/lease_reaper.hpp"
#include "agent/process.hpp"
#include "agent/registrar.hpp"
#include "agent/services_dir.hpp"
#include "coord/base/log.hpp"
#include "coord/client/client.hpp"
#include "coord/server/server.hpp"
#include "dns/server.hpp"
#include "dns/settings.hpp"
#include "http/server.hpp"

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <thread>
#include <unistd.h>
#include <variant>

namespace {

using std::chrono_literals::operator""s;
using std::chrono_literals::operator""ms;
namespace asio = boost::asio;

spdlog::logger& log() { return coord::logger("agent"); }

// The one place that asks what time it is; everyone else is told.
std::int64_t wall_clock_ms() {
    ::timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

// The embedded core on a thread of its own. Construction returns once its sockets are bound, and
// throws what the core threw.
class Core {
public:
    explicit Core(coord::ServerOptions options)
        : thread_([this, options = std::move(options)] { run(options); }) {
        try {
            ports_ = bound_.get_future().get();
        } catch (...) {
            thread_.join();
            throw;
        }
    }
    ~Core() {
        asio::post(io_, [this] { server_->hand_over([this] { server_->stop(), io_.stop(); }); });
        thread_.join();
    }
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

    [[nodiscard]] std::uint16_t port() const { return ports_.front(); }
    [[nodiscard]] coord::Server& server() { return *server_; }
    [[nodiscard]] const coord::Server& server() const { return *server_; }
    void reload_tls() {
        asio::post(io_, [this] { server_->reload_tls(); });
    }
    asio::io_context& io() { return io_; }

private:
    void run(const coord::ServerOptions& options) {
        try {
            server_.emplace(io_, options);
            server_->start();
            bound_.set_value(server_->ports());
        } catch (...) {
            server_.reset();
            bound_.set_exception(std::current_exception());
            return;
        }
        const auto work = asio::make_work_guard(io_);
        io_.run();
        server_.reset();
    }

    asio::io_context io_{1};
    std::optional<coord::Server> server_;
    std::promise<std::vector<std::uint16_t>> bound_;
    std::vector<std::uint16_t> ports_;
    std::thread thread_;
};

std::optional<coord::PeerLinksOptions> peer_options(const agent::CoordConfig& config) {
    if (config.peer_listen.empty()) return {};
    coord::PeerLinksOptions options;
    options.listen = config.peer_listen;
    options.address = config.peer_address;
    options.tls = config.peer_tls;
    return options;
}

coord::ServerOptions core_options(const agent::Config& config) {
    coord::ServerOptions options;
    options.listen = config.coord.listen;
    options.tls_listen = config.coord.tls.listen;
    options.tls = config.coord.tls.files;
    options.peers = peer_options(config.coord);
    options.servers = config.coord.servers;
    options.data_dir = config.data_dir / "coord";
    static_cast<coord::ServerLimits&>(options) = config.coord.limits;
    // What this agent asks for it is to get.
    options.session_timeout_min =
        std::min(options.session_timeout_min, config.coord.session_timeout);
    options.session_timeout_max =
        std::max(options.session_timeout_max, config.coord.session_timeout);
    options.four_letter_words = config.coord.four_letter_words;
    options.super_digest = config.coord.super_digest;
    options.super_subject = config.coord.super_subject;
    options.enforce_quota = config.coord.enforce_quota;
    options.read_only_mode = config.coord.read_only_mode;
    return options;
}

// The embedded core as the agent's own client reaches it: always over loopback or its own address.
std::string own_core(const agent::Config& config, const Core& core) {
    const auto& listen = config.coord.listen.front();
    auto host = listen.substr(0, listen.rfind(':'));
    if (host.empty() || host == "0.0.0.0" || host == "*") host = "127.0.0.1";
    if (host == "[::]") host = "[::1]";
    return host + ":" + std::to_string(core.port());
}

std::optional<coord::ClientTls> client_tls(const agent::CoordConfig& coord) {
    if (coord.connect.empty() || !coord.connect_tls.enabled) return {};
    return coord::ClientTls{coord.connect_tls.files, coord.connect_tls.server_name};
}

agent::NodeRecord own_node(const agent::Config& config, const std::string& id) {
    agent::NodeRecord node;
    node.name = config.node;
    node.id = id;
    node.address = config.address;
    node.datacenter = config.datacenter;
    node.zone = config.zone;
    node.meta = config.meta;
    node.version = ROSTER_VERSION;
    return node;
}

// Everything of one agent, in the order in which it is built. Lives on the agent thread: main's.
class Agent {
public:
    Agent(agent::AgentArguments arguments, agent::Config config)
        : arguments_(std::move(arguments)),
          config_(std::move(config)),
          data_(config_.data_dir),
          node_(own_node(config_, config_.node_id.empty() ? data_.node_id() : config_.node_id)) {
        if (config_.coord.connect.empty()) core_.emplace(core_options(config_));
        ensemble_ = core_ ? "embedded" : config_.coord.connect;
        if (!core_) foreign_.emplace(io_, config_.coord.connect);
        client_.emplace(io_,
                        coord::ClientOptions{.connect = core_ ? own_core(config_, *core_)
                                                              : config_.coord.connect,
                                             .session_timeout = config_.coord.session_timeout,
                                             .resume = data_.load_session(ensemble_),
                                             .tls = client_tls(config_.coord)});
        registrar_.emplace(io_, *client_, registrar_options());
        catalog_.emplace(*client_);
        kv_.emplace(*client_);
        dynamic_names_.emplace(*client_);
        dynamic_entries_.emplace(*client_, *catalog_, *dynamic_names_);
        reaper_.emplace(io_, *client_, node_.name, wall_clock_ms);
        runner_.emplace(io_, agent::CheckRunnerOptions{}, check_reports());
        services_dir_.emplace(
            io_,
            config_.services_dir,
            [this](const auto& files) {
                files_ = files;
                apply_definitions();
            },
            config_.checks.enable_local_script_checks ? agent::Scripts::allowed
                                                      : agent::Scripts::refused);
        if (config_.dns.enabled) dns_.emplace(dns_options());
        http_.emplace(http_options(),
                      http::Backend{io_,
                                    *registrar_,
                                    *catalog_,
                                    *kv_,
                                    journal_,
                                    [this] { return client_->last_zxid(); },
                                    core_door()});
        connect_rooms();
    }

    // Serves until a signal, or until it is told to leave. The exit code.
    int run() {
        await_signals();
        http_->start();
        if (dns_) dns_->start();
        registrar_->start();
        catalog_->start();
        kv_->start();
        dynamic_names_->start();
        services_dir_->start();
        client_->start();
        complain_until_ready(3s);
        arm_watchdog();
        io_.run();
        return 0;
    }

private:
    [[nodiscard]] agent::RegistrarOptions registrar_options() const {
        agent::RegistrarOptions options;
        options.node = node_;
        options.data_dir = config_.data_dir;
        options.patience = config_.coord.write_patience;
        options.clock_ms = wall_clock_ms;
        return options;
    }

    agent::CheckReports check_reports() {
        return {.status = [this](const auto& id,
                                 auto status) { registrar_->set_check_status(id, status); },
                .deregister =
                    [this](const auto& id) {
                        coord::spawn(io_, "deregister", [this, id]() -> coord::Task<void> {
                            co_await registrar_->deregister_service(id);
                        });
                    }};
    }

    [[nodiscard]] dns::ServerOptions dns_options() {
        return {.config = config_.dns,
                .domain = config_.domain,
                .datacenter = config_.datacenter,
                .zone = config_.zone,
                .node = config_.node,
                .address = config_.address,
                .version = ROSTER_VERSION,
                .unix_seconds = [] { return static_cast<std::uint32_t>(wall_clock_ms() / 1000); },
                .updates = dns::UpdateBackend{io_, *dynamic_entries_, wall_clock_ms},
                .exact_at = [this] { return exact_at(); }};
    }

    // All that is published is what the core had then: nothing is under way.
    [[nodiscard]] std::optional<agent::CatalogIndex> exact_at() const {
        const auto catalog = catalog_->exact_at();
        const auto names = dynamic_names_->exact_at();
        if (!catalog || !names) return std::nullopt;
        return std::max(*catalog, *names);
    }

    http::ServerOptions http_options() {
        http::ServerOptions options;
        options.config = config_.http;
        options.node = node_.name;
        options.node_id = node_.id;
        options.address = node_.address;
        options.datacenter = node_.datacenter;
        options.domain = config_.domain;
        options.version = ROSTER_VERSION;
        options.script_checks_over_http = config_.checks.enable_script_checks;
        options.metrics = {agent::process_metrics,
                           [this] { return client_->metrics(); },
                           [this] { return registrar_->metrics(); },
                           [this] { return catalog_->metrics(); },
                           [this] { return kv_->metrics(); },
                           [this] { return dynamic_names_->metrics(); },
                           [this] { return reaper_->metrics(); },
                           [this] { return runner_->metrics(); }};
        if (core_) options.metrics.emplace_back([this] { return core_->server().metrics(); });
        if (dns_) options.metrics.emplace_back([this] { return dns_->metrics(); });
        options.clock_ms = wall_clock_ms;
        options.coord_status = [this] { return coord_status(); };
        options.leave = [this] { asio::post(io_, [this] { stop("told to leave"); }); };
        options.reload = [this] { asio::post(io_, [this] { reload(); }); };
        return options;
    }

    // Each is asked on the core's thread, and answered on ours.
    http::CoreDoor core_door() {
        if (!core_) return {};
        return {
            .order = [this](coord::MembershipOrder order) -> coord::Task<coord::MembershipAnswer> {
                auto answer = core_->server().order(std::move(order));
                co_return co_await asio::co_spawn(
                    core_->io(), std::move(answer), asio::use_awaitable);
            },
            .save_snapshot = [this]() -> coord::Task<coord::Result<coord::SavedSnapshot>> {
                auto saved = core_->server().save_snapshot();
                co_return co_await asio::co_spawn(
                    core_->io(), std::move(saved), asio::use_awaitable);
            }};
    }

    [[nodiscard]] http::CoordStatus coord_status() const {
        if (foreign_) {
            // Servers may be forbidden to tell which of them leads: then it is the ensemble.
            const auto leader = foreign_->leader();
            return {
                connected_, leader.empty() ? config_.coord.connect : leader, foreign_->servers()};
        }
        const auto status = core_->server().status();
        return {status.serving, status.leader, status.peers};
    }

    void connect_rooms() {
        client_->on_state([this](coord::SessionState state) {
            connected_ = state == coord::SessionState::connected;
            if (connected_) save_session();
            if (connected_ && foreign_) foreign_->find_leader();
            registrar_->on_session_state(state);
            catalog_->set_connected(connected_);
            tell_systemd();
        });
        catalog_->subscribe([this](const auto& publication) {
            if (dns_) dns_->publish(publication);
            http_->publish(publication);
            journal_.record(*publication);
            reaper_->watch(*publication);
            if (publication->synced && !ready_) became_ready();
        });
        dynamic_names_->subscribe([this](const auto& publication) {
            if (dns_) dns_->publish(publication);
            reaper_->watch(*publication);
        });
        kv_->subscribe([this](const auto& publication) { http_->publish(publication); });
        registrar_->on_checks_changed([this](const auto& checks) { runner_->set_checks(checks); });
        registrar_->on_ttl_reported([this](const auto& id) {
            runner_->ttl_reported(id, registrar_->checks().at(id).status);
        });
    }

    // Kept for the next start. A disk that takes nothing must not cost the services of today.
    void save_session() {
        try {
            data_.save_session(ensemble_, client_->session());
        } catch (const std::runtime_error& unwritable) {
            log().error("session not kept for a restart why=\"{}\"", unwritable.what());
        }
    }

    // Says what it waits for, first after a few seconds and then once a minute.
    void complain_until_ready(std::chrono::seconds after) {
        unready_.expires_after(after);
        unready_.async_wait([this](const auto& cancelled) {
            if (cancelled || ready_) return;
            log().warn("not ready: {} coord={}", what_is_missing(), ensemble_);
            complain_until_ready(60s);
        });
    }

    [[nodiscard]] std::string what_is_missing() const {
        if (connected_) return "still reading the catalog";
        auto server = core_ ? core_->server().waits_for() : std::string();
        return server.empty() ? "no session with the coordination core yet" : server;
    }

    // What the files declare, all of it: the registrar finds the difference.
    void apply_definitions() {
        auto services = config_.services;
        services.insert(services.end(), files_.services.begin(), files_.services.end());
        auto checks = config_.node_checks;
        checks.insert(checks.end(), files_.node_checks.begin(), files_.node_checks.end());
        coord::spawn(io_, "apply config", [this, services, checks]() -> coord::Task<void> {
            const auto verdict = co_await registrar_->apply_config(services, checks);
            if (verdict) log().warn("configured services not applied why=\"{}\"", verdict->message);
        });
    }

    void reload() {
        ::sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", monotonic_us());
        // Of the paths known already, whatever becomes of the rest.
        client_->reload_tls();
        if (core_) core_->reload_tls();
        const auto configured = agent::configure(arguments_);
        if (const auto* errors = std::get_if<std::vector<agent::ConfigError>>(&configured)) {
            for (const auto& error : *errors) log().error("{}", agent::format(error));
            log().error("configuration not reloaded: the old one stays");
        } else {
            const auto& next = std::get<agent::Config>(configured);
            config_.services = next.services;
            config_.node_checks = next.node_checks;
            coord::set_log_levels(next.log.level, next.log.levels);
            services_dir_->reload();
            if (dns_) dns_->reload();
            apply_definitions();
            log().info(
                "services, checks and log levels reloaded services={} (the rest at a restart)",
                next.services.size());
        }
        ::sd_notify(0, "READY=1");
    }

    static long long monotonic_us() {
        const auto now = std::chrono::steady_clock::now().time_since_epoch();
        return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
    }

    void became_ready() {
        ready_ = true;
        unready_.cancel();
        log().info("ready node={} http={} dns={} coord={}",
                   node_.name,
                   with_ports(config_.http.listen, http_->ports()),
                   dns_ ? with_ports(config_.dns.listen, dns_->ports()) : "off",
                   core_ ? own_core(config_, *core_) : config_.coord.connect);
        ::sd_notify(0, "READY=1");
        tell_systemd();
    }

    // The addresses as configured, with the ports really bound.
    static std::string with_ports(const std::vector<std::string>& listen,
                                  const std::vector<std::uint16_t>& ports) {
        std::string text;
        for (std::size_t i = 0; i < listen.size(); ++i) {
            if (i > 0) text += ',';
            const bool is_socket = listen[i].starts_with("unix:");
            text += is_socket ? listen[i]
                              : listen[i].substr(0, listen[i].rfind(':') + 1) +
                                    std::to_string(ports.at(i));
        }
        return text;
    }

    void tell_systemd() const {
        ::sd_notifyf(0,
                     "STATUS=node %s: %s",
                     node_.name.c_str(),
                     !ready_      ? "waiting for the coordination core"
                     : connected_ ? "serving"
                                  : "serving the last known state, no connection to the core");
    }

    // The watchdog is fed only while both the agent's and the core's thread turn.
    void arm_watchdog() {
        std::uint64_t period_us = 0;
        if (::sd_watchdog_enabled(0, &period_us) <= 0) return;
        watchdog_.expires_after(std::chrono::microseconds(period_us / 3));
        watchdog_.async_wait([this](const auto& error) {
            if (error) return;
            const auto feed = [this] {
                ::sd_notify(0, "WATCHDOG=1");
                arm_watchdog();
            };
            if (!core_) return feed();
            asio::post(core_->io(), [this, feed] { asio::post(io_, feed); });
        });
    }

    void await_signals() {
        signals_.async_wait([this](const auto& error, int signal) {
            if (error) return;
            await_signals();
            if (signal == SIGHUP) return reload();
            stop(signal == SIGINT ? "interrupted" : "terminated");
        });
    }

    // Asked again, it does not wait any longer. Not at once: timeout(1) and others signal the process
    // and then its group, and mean it once.
    void stop(const char* why) {
        const auto now = std::chrono::steady_clock::now();
        if (stopping_since_ && now - *stopping_since_ < 1s) return;
        if (stopping_since_) std::_Exit(128 + SIGTERM);
        stopping_since_ = now;
        log().info("stopping why=\"{}\" leave={}", why, config_.leave_on_terminate);
        ::sd_notify(0, "STOPPING=1\nSTATUS=leaving");
        coord::spawn(io_, "stop", [this]() -> coord::Task<void> { co_await take_down(); });
    }

    coord::Task<void> take_down() {
        services_dir_->stop();
        if (foreign_) foreign_->stop();
        runner_->stop();
        registrar_->stop();
        if (config_.leave_on_terminate) {
            co_await client_->close(3s);
            data_.forget_session();
        } else {
            client_->abandon();
        }
        catalog_->stop();
        kv_->stop();
        dynamic_names_->stop();
        reaper_->stop();
        http_->stop();
        if (dns_) dns_->stop();
        watchdog_.cancel();
        unready_.cancel();
        signals_.cancel();
        io_.stop();
    }

    agent::AgentArguments arguments_;
    agent::Config config_;
    agent::DataDir data_;
    agent::NodeRecord node_;
    asio::io_context io_{1};
    std::optional<Core> core_;
    std::string
        ensemble_;  // The core we talk to: whose session it is that the data directory remembers.
    std::optional<agent::Ensemble> foreign_;  // Instead of the embedded core.
    std::optional<coord::Client> client_;
    std::optional<agent::Registrar> registrar_;
    std::optional<agent::Catalog> catalog_;
    std::optional<agent::KvStore> kv_;
    std::optional<agent::DynamicNames> dynamic_names_;
    std::optional<agent::DynamicEntries> dynamic_entries_;
    std::optional<agent::LeaseReaper> reaper_;
    agent::Journal journal_{10'000, wall_clock_ms};
    std::optional<agent::CheckRunner> runner_;
    agent::ServicesFile files_;
    std::optional<agent::ServicesDir> services_dir_;
    std::optional<dns::Server> dns_;
    std::optional<http::Server> http_;
    asio::signal_set signals_{io_, SIGINT, SIGTERM, SIGHUP};
    asio::steady_timer watchdog_{io_};
    asio::steady_timer unready_{io_};
    std::atomic<bool> connected_ = false;  // Read by the HTTP thread, through coord_status().
    bool ready_ = false;
    std::optional<std::chrono::steady_clock::time_point> stopping_since_;
};

// As many descriptors as the machine lets us have: every connection is one.
void raise_descriptor_limit() {
    ::rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

std::vector<std::string> find_faults(const agent::Config& config) {
    if (!config.dns.enabled) return {};
    return dns::find_faults(config.dns, config.domain, config.datacenter);
}

int run_agent(const agent::AgentArguments& arguments) {
    auto configured = agent::configure(arguments);
    if (const auto* errors = std::get_if<std::vector<agent::ConfigError>>(&configured)) {
        for (const auto& error : *errors)
            std::fprintf(stderr, "%s\n", agent::format(error).c_str());
        return 1;
    }
    auto& config = std::get<agent::Config>(configured);
    std::optional<agent::EphemeralDirectory> ephemeral;
    if (config.data_dir.empty()) config.data_dir = ephemeral.emplace().path();
    coord::set_log_levels(config.log.level, config.log.levels);
    raise_descriptor_limit();
    std::signal(SIGPIPE, SIG_IGN);
    return Agent(arguments, std::move(config)).run();
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const auto command = agent::run_command_line(argc, argv, find_faults);
        if (const auto* code = std::get_if<int>(&command)) return *code;
        return run_agent(std::get<agent::AgentArguments>(command));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "roster: %s\n", error.what());
        return 1;
    }
}
