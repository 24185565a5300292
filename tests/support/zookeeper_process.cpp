#include "tests/support/zookeeper_process.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <stdexcept>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace coord {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using tcp = asio::ip::tcp;

constexpr auto java = "/usr/bin/java";
constexpr auto jars = "/usr/share/java";
constexpr std::chrono::seconds start_patience{60};

// The jar's manifest names all its relatives but the protocol's own and a logger.
std::string class_path() {
    std::string path;
    for (const auto* jar : {"zookeeper.jar", "zookeeper-jute.jar", "slf4j-simple.jar"}) {
        path += (path.empty() ? "" : ":") + (fs::path(jars) / jar).string();
    }
    return path;
}

std::uint16_t free_port() {
    asio::io_context io;
    tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    return acceptor.local_endpoint().port();
}

// A server that is asked too early may forget to close the connection: do not wait for it long.
bool serves(std::uint16_t port) {
    asio::io_context io;
    tcp::socket socket(io);
    boost::system::error_code error;
    socket.connect({asio::ip::address_v4::loopback(), port}, error);
    if (error) return false;
    asio::write(socket, asio::buffer("srvr", 4), error);
    std::string answer;
    asio::async_read(
        socket, asio::dynamic_buffer(answer), [](const boost::system::error_code&, std::size_t) {});
    io.run_for(std::chrono::milliseconds(500));
    return answer.find("Mode: ") != std::string::npos;
}

[[noreturn]] void become(const std::vector<std::string>& arguments, const fs::path& log) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // A test that crashes leaves no server behind.
    const int out = ::open(log.c_str(), O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
    ::dup2(out, STDOUT_FILENO);
    ::dup2(out, STDERR_FILENO);
    std::vector<char*> raw;
    for (const auto& argument : arguments) raw.push_back(const_cast<char*>(argument.c_str()));
    raw.push_back(nullptr);
    ::execv(raw[0], raw.data());
    ::_exit(127);
}

}  // namespace

bool ZookeeperProcess::available() {
    return fs::exists(java) && fs::exists(fs::path(jars) / "zookeeper.jar");
}

ZookeeperProcess::ZookeeperProcess() : port_(free_port()) {
    auto pattern = (fs::temp_directory_path() / "roster-zookeeper-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary directory");
    folder_ = pattern;
    std::ofstream(folder_ / "zoo.cfg")
        << "tickTime=500\ndataDir=" << folder_.string() << "\nclientPort=" << port_
        << "\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\nmaxClientCnxns=0\n"
        << "minSessionTimeout=1000\nmaxSessionTimeout=60000\nextendedTypesEnabled=true\n"
        << "4lw.commands.whitelist=*\n";
    start();
}

ZookeeperProcess::~ZookeeperProcess() {
    kill();
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

void ZookeeperProcess::start() {
    const std::vector<std::string> arguments = {java,
                                                "-Xmx768m",
                                                "-XX:TieredStopAtLevel=1",
                                                "-XX:+UseSerialGC",
                                                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                                                "-Dzookeeper.forceSync=no",
                                                "-cp",
                                                class_path(),
                                                "org.apache.zookeeper.server.ZooKeeperServerMain",
                                                (folder_ / "zoo.cfg").string()};
    process_ = ::fork();
    if (process_ == -1) throw std::runtime_error("cannot fork");
    if (process_ == 0) become(arguments, folder_ / "log");
    await_serving();
}

void ZookeeperProcess::kill() {
    if (process_ <= 0) return;
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
    process_ = -1;
}

void ZookeeperProcess::await_serving() const {
    const auto deadline = std::chrono::steady_clock::now() + start_patience;
    while (!serves(port_)) {
        if (std::chrono::steady_clock::now() >= deadline ||
            ::waitpid(process_, nullptr, WNOHANG) != 0) {
            throw std::runtime_error("ZooKeeper did not start: see " + folder_.string());
        }
        asio::io_context io;
        asio::steady_timer(io, std::chrono::milliseconds(20)).wait();
    }
}

}  // namespace coord
