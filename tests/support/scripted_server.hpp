#pragma once
// A server that does exactly what the test says, byte by byte: it accepts connections on loopback
// and collects the frames that come; whatever it answers is the test's.

#include "coord/base/async.hpp"
#include "coord/base/result.hpp"
#include "coord/proto/requests.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

namespace coord {

class ScriptedServer {
public:
    explicit ScriptedServer(boost::asio::io_context& io);
    ~ScriptedServer();
    ScriptedServer(const ScriptedServer&) = delete;
    ScriptedServer& operator=(const ScriptedServer&) = delete;

    [[nodiscard]] std::string address() const;

    // Each runs the event loop until it has happened, and throws std::runtime_error if it does not.
    void await_connection();         // a new one; the last is forgotten
    std::string await_frame();       // the content of the next frame
    ConnectRequest await_connect();  // a connection and its handshake; views into the last frame
    RequestHeader await_request();   // its body is in body()
    void await_disconnect();

    [[nodiscard]] std::string_view body() const { return body_; }

    // To the newest connection.
    void send(std::string_view bytes);
    void send_frame(std::string_view content);
    void accept_session(SessionId id, std::int32_t timeout_ms = 10000);
    void reply(std::int32_t xid, Zxid zxid, std::int32_t error = 0, std::string_view body = {});
    void notify(EventType type, std::string_view path);
    void drop();

    // A frame's content with its length in front.
    static std::string framed(std::string_view content);
    static std::string
    reply_content(std::int32_t xid, Zxid zxid, std::int32_t error = 0, std::string_view body = {});

private:
    struct State;
    std::shared_ptr<State> state_;
    std::string frame_;
    std::string body_;
};

}  // namespace coord
