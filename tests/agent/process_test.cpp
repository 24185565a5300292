#include "agent/process.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <fcntl.h>
#include <future>
#include <string>
#include <thread>
#include <unistd.h>

namespace agent {
namespace {

double value_of(const std::string& name) {
    for (const auto& metric : process_metrics()) {
        if (metric.name == name) return metric.value;
    }
    ADD_FAILURE() << "no metric " << name;
    return 0;
}

TEST(ProcessMetrics, count_the_open_descriptors) {
    const auto before = value_of("process_open_fds");
    const int fd = ::open("/dev/null", O_RDONLY);

    EXPECT_EQ(value_of("process_open_fds"), before + 1);
    ::close(fd);
}

TEST(ProcessMetrics, tell_the_memory_that_is_resident) {
    EXPECT_GT(value_of("process_resident_memory_bytes"), 1e6);
    EXPECT_GT(value_of("process_virtual_memory_bytes"), value_of("process_resident_memory_bytes"));
}

TEST(ProcessMetrics, tell_a_start_before_now_and_within_the_hour) {
    const auto now = static_cast<double>(std::time(nullptr));

    EXPECT_LE(value_of("process_start_time_seconds"), now + 1);
    EXPECT_GT(value_of("process_start_time_seconds"), now - 3600);
}

TEST(ProcessMetrics, tell_threads_and_limits) {
    const auto before = value_of("process_threads");  // A sanitizer has some of its own.
    std::promise<void> may_end;
    std::thread another([&] { may_end.get_future().wait(); });

    EXPECT_EQ(value_of("process_threads"), before + 1);
    EXPECT_GT(value_of("process_max_fds"), 10);

    may_end.set_value();
    another.join();
}

}  // namespace
}  // namespace agent
