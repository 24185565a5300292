// A server that may answer anything, and the client that asked it every kind of question.
//
// The input is the ConnectResponse, then replies and events: each two octets of length and that
// many octets. The first of a length, 0 in most, says whether it is an event (2), whether the xid
// is the input's own (1) or that of the request whose turn it is.

#include "coord/base/async.hpp"
#include "coord/client/client.hpp"
#include "coord/proto/jute.hpp"
#include "coord/proto/requests.hpp"
#include "tests/fuzz/fuzz_input.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace coord {
namespace {

using boost::asio::ip::tcp;
using fuzz::expect;

// The whole stream the server sends; after it a length that ends the connection.
std::string script(fuzz::Input input) {
    std::string bytes;
    const auto put = [&](std::string_view frame) {
        const auto begun = begin_frame(bytes);
        bytes += frame;
        end_frame(bytes, begun);
    };
    std::int32_t xid = 0;
    for (bool first = true; !input.empty(); first = false) {
        const auto flags = input.byte();
        const auto length = std::size_t{input.byte()} | (flags & 0x70U) << 4U;
        std::string frame(input.take(length));
        if (!first && frame.size() >= 4 && (flags & 1U) == 0) {
            std::string own;
            Encoder(own).int32((flags & 2U) != 0 ? notification_xid : ++xid);
            frame.replace(0, 4, own);
        }
        put(frame);
    }
    return bytes + "\xff\xff\xff\xff";
}

class Asker {
public:
    Asker(boost::asio::io_context& io, std::uint16_t port)
        : io_(io), client_(io, options_of(port)) {
        client_.on_event([this](const WatcherEvent& event) { events_ += event.path.size(); });
        ask(client_.create("/e", "x", CreateMode::persistent_sequential));
        ask(client_.exists("/e", true));
        ask(client_.get_data("/e", true));
        ask(client_.get_children("/e", true));
        ask(client_.set_data("/e", "w"));
        ask(client_.multi({CreateOp{"/m", "x"}, SetDataOp{"/m", "y"}, CheckOp{"/m"}}));
        ask(client_.get_data_of({"/e", "/m"}));
        ask(client_.get_children_of({"/e", "/m"}));
        ask(client_.add_watch("/e", WatchMode::persistent_recursive));
        ask(client_.remove("/m"));
        ask(client_.ensure_path("/p/q"));
        ask(client_.sync("/"));
        client_.start();
    }
    // Every question gets an answer, if only that there is none.
    void finish() {
        client_.abandon();
        while (answered_ < asked_) {
            io_.restart();
            expect(io_.run_one_for(std::chrono::seconds(4)) > 0);
        }
        io_.restart();
        io_.poll();
    }

private:
    static ClientOptions options_of(std::uint16_t port) {
        ClientOptions options;
        options.connect = "127.0.0.1:" + std::to_string(port) + "/kz";
        options.frame_bytes_max = 4096;
        return options;
    }
    template <class Answer>
    void ask(Task<Answer> question) {
        ++asked_;
        auto task = [this, question = std::move(question)]() mutable -> Task<void> {
            static_cast<void>(co_await std::move(question));
            ++answered_;
        };
        spawn(io_, "fuzz question", std::move(task));
    }

    boost::asio::io_context& io_;
    Client client_;
    std::size_t events_ = 0;
    int asked_ = 0;
    int answered_ = 0;
};

void converse(fuzz::Input input) {
    static boost::asio::io_context io(1);
    static tcp::acceptor acceptor(io, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
    Asker asker(io, acceptor.local_endpoint().port());
    io.restart();
    io.poll();
    auto server = acceptor.accept();
    // No TIME_WAIT: a fuzzer has no time, and the machine only so many ports.
    server.set_option(tcp::socket::linger(true, 0));
    boost::asio::write(server, boost::asio::buffer(script(input)));
    bool hung_up = false;
    std::array<char, 4096> ignored{};
    auto listen = [&]() -> Task<void> {
        while (!hung_up) {
            const auto [error, size] =
                co_await server.async_read_some(boost::asio::buffer(ignored), use_tuple);
            hung_up = static_cast<bool>(error);
        }
    };
    spawn(io, "fuzz server", listen);
    while (!hung_up) {
        io.restart();
        expect(io.run_one_for(std::chrono::seconds(4)) > 0);
    }
    asker.finish();
}

}  // namespace
}  // namespace coord

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    fuzz::be_silent();
    coord::converse(fuzz::Input(bytes, size));
    return 0;
}
