// What the replicated tree costs by itself, without network, log or disk.
//
//   tree_bench [znodes] [data bytes]     defaults: 1000000 100
//
// Prints creates/s, gets/s, sets/s, bytes of resident memory per znode, the time a snapshot takes
// and the longest slice of it.

#include "coord/proto/requests.hpp"
#include "coord/tree/state_machine.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr coord::SessionId session{1};

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

double resident_bytes() {
    std::ifstream statm("/proc/self/statm");
    double total = 0;
    double resident = 0;
    statm >> total >> resident;
    return resident * static_cast<double>(sysconf(_SC_PAGESIZE));
}

template <class Request, class... Op>
std::string body_of(const Request& request, Op... op) {
    std::string body;
    coord::Encoder out(body);
    request.encode(out, op...);
    return body;
}

void apply(coord::StateMachine& tree, coord::OpCode op, const std::string& body) {
    coord::Command command;
    command.op = op;
    command.session = session;
    command.time_ms = 1'700'000'000'000;
    command.body = body;
    const auto outcome = tree.apply(command);
    if (outcome.error == coord::Errc::ok) return;
    std::fprintf(stderr, "operation failed: %d\n", static_cast<int>(outcome.error));
    std::exit(1);
}

// Calls `work(i)` for every i below `count` in an order that no cache foresees.
template <class Work>
void report_rate(const char* what, std::size_t count, Work work) {
    const auto begin = Clock::now();
    for (std::size_t i = 0; i < count; ++i) work((i * 7919) % count);
    const auto rate = static_cast<double>(count) / seconds_since(begin);
    std::printf("%-10s %12.0f /s %8.2f us each\n", what, rate, 1e6 / rate);
}

void report_snapshot(coord::StateMachine& tree) {
    std::string slice;
    std::size_t bytes = 0;
    double longest = 0;
    const auto begin = Clock::now();
    auto cut = tree.cut_snapshot();
    for (bool more = true; more;) {
        const auto slice_begin = Clock::now();
        slice.clear();
        more = cut(slice, 1000);
        bytes += slice.size();
        longest = std::max(longest, seconds_since(slice_begin));
    }
    std::printf("snapshot   %12.1f MB in %.3f s, longest slice of 1000 znodes %.3f ms\n",
                static_cast<double>(bytes) / 1e6,
                seconds_since(begin),
                longest * 1e3);
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t count = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 1'000'000;
    const std::string data(argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 100, 'x');
    constexpr std::size_t parents = 1000;
    const auto path = [](std::size_t i) {
        return "/bench/p" + std::to_string(i % parents) + "/node-" + std::to_string(i);
    };
    const auto before = resident_bytes();
    coord::StateMachine tree;
    coord::Command open;
    open.op = coord::OpCode::create_session;
    open.session = session;
    tree.apply(open);
    const auto create = [&](const std::string& at) {
        const coord::CreateRequest request{at, data, coord::open_acl_unsafe, 0, 0};
        apply(tree, coord::OpCode::create, body_of(request, coord::OpCode::create));
    };
    create("/bench");
    for (std::size_t i = 0; i < parents; ++i) create("/bench/p" + std::to_string(i));

    report_rate("create", count, [&](std::size_t i) { create(path(i)); });
    const auto grown = resident_bytes() - before;
    std::printf("memory     %12.1f MB %8.1f bytes per znode with %zu bytes of data\n",
                grown / 1e6,
                grown / static_cast<double>(count),
                data.size());
    report_rate("get", count, [&](std::size_t i) {
        const auto at = path(i);
        const auto body = body_of(coord::ReadRequest{at, false});
        if (tree.read(coord::OpCode::get_data, body, session, {}).error != coord::Errc::ok) {
            std::exit(1);
        }
    });
    report_rate("set", count, [&](std::size_t i) {
        const auto at = path(i);
        apply(tree, coord::OpCode::set_data, body_of(coord::SetDataRequest{at, data, -1}));
    });
    report_snapshot(tree);
    return 0;
}
