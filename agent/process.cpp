#include "agent/process.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <system_error>
#include <unistd.h>

namespace agent {
namespace {

// The fields of /proc/self/stat from the third on; the second may hold spaces (proc(5)).
std::vector<double> read_stat() {
    std::ifstream in("/proc/self/stat");
    const std::string line(std::istreambuf_iterator<char>(in), {});
    const auto name_end = line.rfind(')');
    std::vector<double> fields;
    if (name_end == std::string::npos) return fields;
    std::istringstream rest(line.substr(name_end + 3));  // Past ") S".
    for (double field = 0; rest >> field;) fields.push_back(field);
    return fields;
}

double boot_time_seconds() {
    std::ifstream in("/proc/stat");
    for (std::string key; in >> key;) {
        double seconds = 0;
        if (key == "btime" && in >> seconds) return seconds;
        std::getline(in, key);
    }
    return 0;
}

double open_descriptors() {
    std::error_code error;
    const std::filesystem::directory_iterator entries("/proc/self/fd", error);
    return error ? 0 : static_cast<double>(std::distance(begin(entries), end(entries)));
}

}  // namespace

std::vector<coord::Metric> process_metrics() {
    using coord::MetricKind;
    const auto stat = read_stat();
    // Numbers of proc(5) less 4: the first two are no numbers, the state was skipped.
    const auto field = [&](std::size_t number) {
        return number - 4 < stat.size() ? stat[number - 4] : 0.0;
    };
    const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
    const auto page = static_cast<double>(::sysconf(_SC_PAGESIZE));
    ::rlimit descriptors{};
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
    return {
        {MetricKind::counter,
         "process_cpu_seconds_total",
         "Total user and system CPU time spent in seconds.",
         (field(14) + field(15)) / ticks},
        {MetricKind::gauge,
         "process_resident_memory_bytes",
         "Resident memory size in bytes.",
         field(24) * page},
        {MetricKind::gauge,
         "process_virtual_memory_bytes",
         "Virtual memory size in bytes.",
         field(23)},
        {MetricKind::gauge, "process_threads", "Number of threads.", field(20)},
        {MetricKind::gauge,
         "process_open_fds",
         "Number of open file descriptors.",
         open_descriptors()},
        {MetricKind::gauge,
         "process_max_fds",
         "Maximum number of open file descriptors.",
         static_cast<double>(descriptors.rlim_cur)},
        {MetricKind::gauge,
         "process_start_time_seconds",
         "Start time of the process since unix epoch in seconds.",
         boot_time_seconds() + field(22) / ticks},
    };
}

}  // namespace agent
