// The embedded core alone, for stock clients to talk to: core_for_tests DATA_DIR PORT [key=value…].
// Prints its port when it listens, serves until SIGTERM. Keys: tick, session_min, session_max,
// reap (ms); snapshot_bytes; super (the digest); enforce_quota (0, 1).
#include "coord/server/server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>

namespace {

void set_option(coord::ServerOptions& options, std::string_view text) {
    const auto equals = text.find('=');
    const auto key = text.substr(0, equals);
    if (key == "super") {
        options.super_digest = text.substr(equals + 1);
        return;
    }
    const std::chrono::milliseconds value(std::stoi(std::string(text.substr(equals + 1))));
    if (key == "tick") options.tick = value;
    if (key == "session_min") options.session_timeout_min = value;
    if (key == "session_max") options.session_timeout_max = value;
    if (key == "reap") options.reap_interval = value;
    if (key == "enforce_quota") options.enforce_quota = value.count() != 0;
    if (key == "snapshot_bytes")
        options.snapshot_log_bytes = static_cast<std::size_t>(value.count());
}

int serve(int argc, char** argv) {
    coord::ServerOptions options;
    options.data_dir = argv[1];
    options.listen = {std::string("127.0.0.1:") + argv[2]};
    for (int i = 3; i < argc; ++i) set_option(options, argv[i]);

    boost::asio::io_context io;
    coord::Server server(io, options);
    server.start();
    std::printf("%u\n", static_cast<unsigned>(server.ports().front()));
    std::fflush(stdout);
    boost::asio::signal_set signals(io, SIGTERM, SIGINT);
    signals.async_wait([&](const coord::Error&, int) {
        server.stop();
        io.stop();
    });
    io.run();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    try {
        return serve(argc, argv);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "core_for_tests: %s\n", error.what());
        return 1;
    }
}
