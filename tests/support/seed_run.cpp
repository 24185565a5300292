#include "tests/support/seed_run.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <iostream>
#include <sstream>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace coord {

namespace {

// What the handler of a failed assertion prints.
struct Present {
    std::uint64_t seed = 0;
    const SimulatedWorld* world = nullptr;
} present;

void report(const char* why) {
    std::cerr << "seed " << present.seed << ", step " << present.world->clock.steps() << ": " << why
              << "\nthe last that happened:\n";
    present.world->trace.print();
    std::cerr << "again: SEED=" << present.seed << std::endl;
}

extern "C" void report_signal(int signal) {
    std::signal(signal, SIG_DFL);
    if (present.world != nullptr) report(signal == SIGABRT ? "an assertion failed" : "it crashed");
    std::raise(signal);
}

// What a worker leaves for its parent, in memory that both have.
struct Slot {
    std::uint64_t seed;
    std::uint64_t done;
};

void work(const SeedRun& run,
          const History& history,
          std::uint64_t worker,
          std::uint64_t workers,
          Slot& slot,
          int tally_to) {
    const auto end = std::chrono::steady_clock::now() + run.time;
    std::map<std::string, std::uint64_t> tally;
    for (auto i = worker; i < run.seeds_max; i += workers) {
        if (i >= run.seeds_min && std::chrono::steady_clock::now() > end) break;
        slot.seed = run.first + i;
        SimulatedWorld world(slot.seed);
        if (!run_seed(slot.seed, history, world)) _exit(2);
        ++slot.done;
        for (const auto& [name, count] : world.tally) tally[std::string(name)] += count;
    }
    std::ostringstream lines;
    for (const auto& [name, count] : tally) lines << count << ' ' << name << '\n';
    const auto text = lines.str();
    const auto written = ::write(tally_to, text.data(), text.size());
    _exit(written == static_cast<ssize_t>(text.size()) ? 0 : 3);
}

void add_lines(int from, std::map<std::string, std::uint64_t>& tally) {
    std::string text;
    std::array<char, 4096> buffer{};
    for (ssize_t n = 0; (n = ::read(from, buffer.data(), buffer.size())) > 0;) {
        text.append(buffer.data(), static_cast<std::size_t>(n));
    }
    ::close(from);
    std::istringstream lines(text);
    std::uint64_t count = 0;
    std::string name;
    while (lines >> count && std::getline(lines >> std::ws, name)) tally[name] += count;
}

}  // namespace

bool run_seed(std::uint64_t seed, const History& history, SimulatedWorld& world, bool loud) {
    present = {seed, &world};
    for (const auto signal : {SIGABRT, SIGSEGV}) std::signal(signal, report_signal);
    if (loud) world.trace.be_loud();
    bool good = true;
    try {
        history(world);
    } catch (const std::exception& broken) {
        report(broken.what());
        good = false;
    }
    present = {};
    return good;
}

SeedRunResult run_seeds(const SeedRun& run, const History& history) {
    const auto workers = std::max(1U, std::thread::hardware_concurrency());
    auto* const memory = ::mmap(
        nullptr, workers * sizeof(Slot), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    demand(memory != MAP_FAILED, "no memory to share");
    auto* const slots = static_cast<Slot*>(memory);
    std::vector<std::pair<pid_t, int>> started;
    for (unsigned i = 0; i < workers; ++i) {
        std::array<int, 2> pipe{};
        demand(::pipe(pipe.data()) == 0, "no pipe");
        const auto pid = ::fork();
        demand(pid >= 0, "no process");
        if (pid == 0) work(run, history, i, workers, slots[i], pipe[1]);
        ::close(pipe[1]);
        started.emplace_back(pid, pipe[0]);
    }
    SeedRunResult result;
    for (unsigned i = 0; i < workers; ++i) {
        add_lines(started[i].second, result.tally);
        int status = 0;
        ::waitpid(started[i].first, &status, 0);
        result.seeds += slots[i].done;
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) result.failed.push_back(slots[i].seed);
    }
    ::munmap(memory, workers * sizeof(Slot));
    return result;
}

}  // namespace coord
