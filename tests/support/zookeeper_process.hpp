#pragma once
// An Apache ZooKeeper server (Debian's package), alone, on a free port of loopback, until the
// object goes. Its data lives in a temporary directory.

#include <cstdint>
#include <filesystem>
#include <string>
#include <sys/types.h>

namespace coord {

class ZookeeperProcess {
public:
    // False where the package or Java is not installed: skip the test then.
    static bool available();

    // Returns once the server answers "srvr"; throws std::runtime_error if it does not in time.
    ZookeeperProcess();
    ~ZookeeperProcess();
    ZookeeperProcess(const ZookeeperProcess&) = delete;
    ZookeeperProcess& operator=(const ZookeeperProcess&) = delete;

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

    // SIGKILL, and the same server again on the same port and data.
    void kill();
    void start();

private:
    void await_serving() const;

    std::filesystem::path folder_;
    std::uint16_t port_ = 0;
    pid_t process_ = -1;
};

}  // namespace coord
