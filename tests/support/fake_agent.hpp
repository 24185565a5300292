#pragma once
// An HTTP server that answers as a test tells it to, and a command that is run against it.
//
// Fed by:  the tests of cli/.
// Thread:  the server has its own; its answers are made there.

#include "agent/cli/commands.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>

#include <functional>
#include <mutex>
#include <sstream>
#include <string>
#include <thread>
#include <variant>
#include <vector>

namespace tests {

struct FakeReply {
    int status = 200;
    std::string body;
    std::string header = {};  // whole lines, each with its end
};

class FakeAgent {
public:
    // Given "GET /v1/…" and the body of the request.
    using Answer = std::function<FakeReply(const std::string& line, const std::string& body)>;

    explicit FakeAgent(Answer answer)
        : acceptor_(io_, {boost::asio::ip::address_v4::loopback(), 0}),
          address_("http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port())),
          answer_(std::move(answer)),
          thread_([this] { serve(); }) {}

    ~FakeAgent() {
        boost::asio::io_context io;
        boost::asio::ip::tcp::socket last(io);
        const auto end = acceptor_.local_endpoint();
        is_over_ = true;
        boost::system::error_code ignored;
        last.connect(end, ignored);  // Wakes the server up.
        thread_.join();
    }
    FakeAgent(const FakeAgent&) = delete;
    FakeAgent& operator=(const FakeAgent&) = delete;

    [[nodiscard]] const std::string& address() const { return address_; }
    [[nodiscard]] std::vector<std::string> requests() const {
        const std::lock_guard lock(mutex_);
        return requests_;
    }

private:
    void serve() {
        while (true) {
            boost::system::error_code error;
            auto socket = acceptor_.accept(error);
            if (is_over_ || error) return;
            converse(socket);
        }
    }

    void converse(boost::asio::ip::tcp::socket& socket) {
        boost::system::error_code error;
        boost::asio::streambuf buffer;
        const auto size = boost::asio::read_until(socket, buffer, "\r\n\r\n", error);
        if (error) return;
        std::string text(boost::asio::buffers_begin(buffer.data()),
                         boost::asio::buffers_end(buffer.data()));
        const auto body = read_body(socket, text, size);
        const auto line = text.substr(0, text.find(" HTTP/1.1"));
        {
            const std::lock_guard lock(mutex_);
            requests_.push_back(line + (body.empty() ? "" : "\n" + body));
        }
        const auto reply = answer_(line, body);
        const auto whole = "HTTP/1.1 " + std::to_string(reply.status) + " Said\r\n" + reply.header +
                           "Content-Length: " + std::to_string(reply.body.size()) + "\r\n\r\n" +
                           reply.body;
        boost::asio::write(socket, boost::asio::buffer(whole), error);
    }

    static std::string
    read_body(boost::asio::ip::tcp::socket& socket, const std::string& text, std::size_t header) {
        auto body = text.substr(header);
        const auto at = text.find("Content-Length: ");
        if (at == std::string::npos) return body;
        const auto length = static_cast<std::size_t>(std::stoul(text.substr(at + 16)));
        const auto have = body.size();
        body.resize(length);
        boost::system::error_code error;
        if (have < length) {
            boost::asio::read(
                socket, boost::asio::buffer(body.data() + have, length - have), error);
        }
        return body;
    }

    boost::asio::io_context io_;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::string address_;
    Answer answer_;
    mutable std::mutex mutex_;
    std::vector<std::string> requests_;
    std::atomic<bool> is_over_ = false;
    std::thread thread_;
};

struct Ran {
    int code = -1;  // -1: it was `agent`
    std::string out;
    std::string err;
};

inline Ran run_command(const std::vector<std::string>& arguments,
                       agent::FindFaults find_faults = {}) {
    std::ostringstream out;
    std::ostringstream err;
    const agent::Console console{out, err, false, [] { return std::int64_t{1'000'123}; }};
    const auto result = agent::run_command_line(arguments, console, std::move(find_faults));
    const auto* code = std::get_if<int>(&result);
    return {code == nullptr ? -1 : *code, out.str(), err.str()};
}

// Two instances of web, as /v1/health/service/web tells them.
inline const char* const two_instances = R"([
  {"Node": {"Node": "host1", "Address": "10.0.0.1"},
   "Service": {"ID": "web-1", "Service": "web", "Tags": ["a", "b"], "Address": "", "Port": 80},
   "Checks": [{"CheckID": "serfHealth", "Status": "passing"}]},
  {"Node": {"Node": "host2", "Address": "10.0.0.2"},
   "Service": {"ID": "web-2", "Service": "web", "Tags": [], "Address": "10.9.9.9", "Port": 81},
   "Checks": [{"CheckID": "c", "Status": "critical"}]}
])";

}  // namespace tests
