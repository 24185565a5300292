#include "dns/server.hpp"

#include "tests/support/publications.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <thread>

namespace dns {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::ip::udp;

// What dig printed: the header's fields and the records of each section, one line each, with
// single spaces.
struct Dug {
    std::string text;
    std::string status;
    std::set<std::string> flags;
    std::map<std::string, std::vector<std::string>> sections;
    bool tcp = false;
    std::size_t bytes = 0;

    [[nodiscard]] std::vector<std::string> sorted(const std::string& section) const {
        const auto found = sections.find(section);
        if (found == sections.end()) return {};
        auto lines = found->second;
        std::sort(lines.begin(), lines.end());
        return lines;
    }
    [[nodiscard]] std::vector<std::string> answer() const { return sorted("ANSWER"); }
    [[nodiscard]] bool has(const std::string& part) const {
        return text.find(part) != std::string::npos;
    }
};

std::string between(const std::string& line, const std::string& left, const std::string& right) {
    const auto begin = line.find(left);
    if (begin == std::string::npos) return {};
    const auto from = begin + left.size();
    return line.substr(from, line.find(right, from) - from);
}

std::string single_spaced(const std::string& line) {
    std::istringstream words(line);
    std::string result;
    for (std::string word; words >> word;) result += (result.empty() ? "" : " ") + word;
    return result;
}

Dug read_dig(const std::string& text) {
    Dug dug;
    dug.text = text;
    std::istringstream lines(text);
    std::string section;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(";; ->>HEADER<<-")) dug.status = between(line, "status: ", ",");
        if (line.starts_with(";; flags:")) {
            std::istringstream flags(between(line, ";; flags:", ";"));
            for (std::string flag; flags >> flag;) dug.flags.insert(flag);
        }
        if (line.find("(TCP)") != std::string::npos) dug.tcp = true;
        if (line.starts_with(";; MSG SIZE")) dug.bytes = std::stoul(between(line, "rcvd: ", "\n"));
        if (line.starts_with(";; ") && line.ends_with(" SECTION:")) {
            section = between(line, ";; ", " SECTION:");
        } else if (line.empty()) {
            section.clear();
        } else if (!section.empty() && (line[0] != ';' || section == "QUESTION")) {
            dug.sections[section].push_back(single_spaced(line));
        }
    }
    return dug;
}

// A server on a free port, with its TCP side running on a thread of the test.
class DnsServer : public testing::Test {
protected:
    void SetUp() override { open({}); }

    void TearDown() override { close(); }

    void open(agent::DnsConfig config) {
        close();
        config.listen = {"127.0.0.1:0"};
        server = std::make_unique<Server>(io,
                                          ServerOptions{.config = config,
                                                        .domain = "roster.internal",
                                                        .datacenter = "dc1",
                                                        .node = "host1",
                                                        .address = "127.0.0.1",
                                                        .version = "9.9"});
        server->start();
        runner = std::thread([this] { io.run(); });
    }

    void close() {
        if (!server) return;
        on_io([this] { server->stop(); });
        work.reset();
        runner.join();
        server.reset();
        io.restart();
        work.emplace(io.get_executor());
    }

    // publish() and stop() belong to the thread that runs `io`.
    template <class Function>
    void on_io(Function function) {
        std::promise<void> done;
        asio::post(io, [&] {
            function();
            done.set_value();
        });
        done.get_future().wait();
    }

    void publish(agent::Publication publication) {
        auto shared = std::make_shared<const agent::Publication>(std::move(publication));
        on_io([&] { server->publish(shared); });
    }

    [[nodiscard]] std::uint16_t port() const { return server->ports().at(0); }

    [[nodiscard]] Dug dig(const std::string& arguments) const {
        const auto command = "dig @127.0.0.1 -p " + std::to_string(port()) +
                             " +norecurse +tries=1 +time=5 " + arguments + " 2>&1";
        std::string output;
        FILE* pipe = ::popen(command.c_str(), "r");
        std::array<char, 4096> chunk{};
        while (const auto n = std::fread(chunk.data(), 1, chunk.size(), pipe)) {
            output.append(chunk.data(), n);
        }
        EXPECT_EQ(::pclose(pipe), 0) << command << "\n" << output;
        return read_dig(output);
    }

    asio::io_context io;
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work{
        io.get_executor()};
    std::unique_ptr<Server> server;
    std::thread runner;

    const std::shared_ptr<const agent::NodeView> host1 = support::make_node("host1", "127.0.0.1");
    const std::shared_ptr<const agent::NodeView> host2 = support::make_node("host2", "10.0.0.2");

    // Two nodes, and a service with one instance on each.
    [[nodiscard]] agent::Publication web() const {
        auto step = support::publication(42);
        step.nodes = {host1, host2};
        step.services = {support::make_service(
            "web",
            {{.node = host1, .port = 8080, .tags = {"primary"}}, {.node = host2, .port = 8081}})};
        return step;
    }
};

using Lines = std::vector<std::string>;

TEST_F(DnsServer, a_published_service_is_answered_with_its_addresses) {
    publish(web());

    const auto dug = dig("web.service.roster.internal A");

    EXPECT_EQ(dug.status, "NOERROR");
    EXPECT_EQ(dug.flags, (std::set<std::string>{"qr", "aa"}));
    EXPECT_EQ(dug.answer(),
              (Lines{"web.service.roster.internal. 1 IN A 10.0.0.2",
                     "web.service.roster.internal. 1 IN A 127.0.0.1"}));
}

TEST_F(DnsServer, srv_brings_the_addresses_of_its_targets) {
    publish(web());

    const auto dug = dig("web.service.roster.internal SRV");

    EXPECT_EQ(
        dug.answer(),
        (Lines{"web.service.roster.internal. 1 IN SRV 1 1 8080 host1.node.dc1.roster.internal.",
               "web.service.roster.internal. 1 IN SRV 1 1 8081 "
               "host2.node.dc1.roster.internal."}));
    EXPECT_EQ(dug.sorted("ADDITIONAL"),
              (Lines{"host1.node.dc1.roster.internal. 1 IN A 127.0.0.1",
                     "host2.node.dc1.roster.internal. 1 IN A 10.0.0.2"}));
}

}  // namespace
}  // namespace dns
