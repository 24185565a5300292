#pragma once
// A StateMachine with a session, and requests and replies in words, for the tests of the tree.
//
// Fed by:  the tests.
// Thread:  the test's.

#include "coord/proto/jute.hpp"
#include "coord/proto/requests.hpp"
#include "coord/tree/state_machine.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coord {

inline constexpr SessionId alice{0x1001};
inline constexpr SessionId bob{0x1002};
inline constexpr SessionId nobody{0x9999};

class Machine {
public:
    Machine() { open(alice); }

    StateMachine tree;
    SessionId session = alice;
    std::vector<Id> ids{{"ip", "127.0.0.1"}};
    std::int64_t now_ms = 1000;

    Outcome apply(OpCode op, std::string body) {
        Command command;
        command.op = op;
        command.session = session;
        command.time_ms = now_ms;
        command.ids = ids;
        command.body = body;
        return tree.apply(command);
    }

    Outcome open(SessionId id, std::int32_t timeout_ms = 10000, char password = 'p') {
        Command command;
        command.op = OpCode::create_session;
        command.session = id;
        command.timeout_ms = timeout_ms;
        command.password.fill(password);
        return tree.apply(command);
    }

    Outcome expire(const SessionView& seen, std::uint64_t term = 0) {
        Command command;
        command.op = OpCode::expire_session;
        command.session = seen.id;
        command.owner = seen.owner;
        command.term = term;
        return tree.apply(command);
    }

    Outcome attach(SessionId id, std::int32_t timeout_ms = 10000, char password = 'p') {
        Command command;
        command.op = OpCode::attach_session;
        command.session = id;
        command.timeout_ms = timeout_ms;
        command.password.fill(password);
        return tree.apply(command);
    }

    Outcome close(SessionId id) {
        Command command;
        command.op = OpCode::close_session;
        command.session = id;
        return tree.apply(command);
    }

    static std::string create_body(const CreateRequest& request, OpCode op = OpCode::create) {
        std::string body;
        Encoder out(body);
        request.encode(out, op);
        return body;
    }

    Outcome create(std::string_view path,
                   CreateMode mode = CreateMode::persistent,
                   std::optional<std::string_view> data = "",
                   std::optional<std::vector<Acl>> acl = open_acl_unsafe) {
        return apply(OpCode::create,
                     create_body({path, data, std::move(acl), static_cast<std::int32_t>(mode), 0}));
    }

    Outcome create_ttl(std::string_view path,
                       std::int64_t ttl_ms,
                       CreateMode mode = CreateMode::persistent_ttl) {
        const auto flags = static_cast<std::int32_t>(mode);
        return apply(OpCode::create_ttl,
                     create_body({path, "", open_acl_unsafe, flags, ttl_ms}, OpCode::create_ttl));
    }

    Outcome create_container(std::string_view path) {
        return apply(OpCode::create_container, create_body({path, "", open_acl_unsafe, 4, 0}));
    }

    Outcome remove(std::string_view path, std::int32_t version = -1) {
        return apply(OpCode::remove, body_of(RemoveRequest{path, version}));
    }

    Outcome
    set(std::string_view path, std::optional<std::string_view> data, std::int32_t version = -1) {
        return apply(OpCode::set_data, body_of(SetDataRequest{path, data, version}));
    }

    Outcome
    set_acl(std::string_view path, std::optional<std::vector<Acl>> acl, std::int32_t version = -1) {
        return apply(OpCode::set_acl, body_of(SetAclRequest{path, std::move(acl), version}));
    }

    Outcome remove_container(std::string_view path) {
        return apply(OpCode::delete_container, path_body(path));
    }

    [[nodiscard]] ReadOutcome read(OpCode op, std::string_view path, bool watch = false) const {
        return tree.read(op, body_of(ReadRequest{path, watch}), session, ids);
    }

    [[nodiscard]] ReadOutcome read_path(OpCode op, std::string_view path) const {
        return tree.read(op, path_body(path), session, ids);
    }

    [[nodiscard]] Stat stat(std::string_view path) const {
        const auto found = read(OpCode::exists, path);
        EXPECT_EQ(found.error, Errc::ok) << path;
        return Decoder(found.body).stat();
    }

    [[nodiscard]] bool has(std::string_view path) const {
        return read(OpCode::exists, path).error == Errc::ok;
    }

    [[nodiscard]] std::optional<std::string> data(std::string_view path) const {
        const auto found = read(OpCode::get_data, path);
        EXPECT_EQ(found.error, Errc::ok) << path;
        const auto data = Decoder(found.body).buffer();
        if (!data) return std::nullopt;
        return std::string(*data);
    }

    [[nodiscard]] std::vector<std::string> children(std::string_view path) const {
        const auto found = read(OpCode::get_children, path);
        EXPECT_EQ(found.error, Errc::ok) << path;
        Decoder in(found.body);
        const auto names = in.strings();
        return {names.begin(), names.end()};
    }

    [[nodiscard]] std::string snapshot(std::size_t slice = 1000) {
        std::string bytes;
        const auto cut = tree.cut_snapshot();
        while (cut(bytes, slice)) {
        }
        return bytes;
    }

    template <class Request>
    static std::string body_of(const Request& request) {
        std::string body;
        Encoder out(body);
        request.encode(out);
        return body;
    }

    static std::string path_body(std::string_view path) {
        std::string body;
        Encoder(body).ustring(path);
        return body;
    }
};

// A multi's body, operation by operation.
class MultiBody {
public:
    MultiBody& create(std::string_view path,
                      CreateMode mode = CreateMode::persistent,
                      OpCode op = OpCode::create) {
        header(op);
        Encoder out(bytes_);
        CreateRequest{path, "", open_acl_unsafe, static_cast<std::int32_t>(mode), 1000}.encode(out,
                                                                                               op);
        return *this;
    }
    MultiBody& remove(std::string_view path, std::int32_t version = -1) {
        return add(OpCode::remove, RemoveRequest{path, version});
    }
    MultiBody& check(std::string_view path, std::int32_t version = -1) {
        return add(OpCode::check, RemoveRequest{path, version});
    }
    MultiBody& set(std::string_view path, std::string_view data, std::int32_t version = -1) {
        return add(OpCode::set_data, SetDataRequest{path, data, version});
    }
    MultiBody& read(OpCode op, std::string_view path) { return add(op, ReadRequest{path, true}); }

    template <class Request>
    MultiBody& add(OpCode op, const Request& request) {
        header(op);
        Encoder out(bytes_);
        request.encode(out);
        return *this;
    }

    [[nodiscard]] std::string done() const {
        auto bytes = bytes_;
        Encoder out(bytes);
        MultiHeader{}.encode(out);
        return bytes;
    }

private:
    void header(OpCode op) {
        Encoder out(bytes_);
        MultiHeader{op, false, -1}.encode(out);
    }

    std::string bytes_;
};

inline std::string created_path(const Outcome& outcome) {
    EXPECT_EQ(outcome.error, Errc::ok);
    return std::string(Decoder(outcome.body).ustring());
}

inline std::string to_hex(std::string_view bytes) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string hex;
    for (const char byte : bytes) {
        const auto value = static_cast<unsigned char>(byte);
        hex.push_back(digits[value >> 4U]);
        hex.push_back(digits[value & 0xFU]);
    }
    return hex;
}

// The next bytes cut anywhere: a snapshot handed over in chunks of `size`.
inline auto in_chunks(std::string bytes, std::size_t size) {
    return [bytes = std::move(bytes), size, at = std::size_t{0}](std::string& chunk) mutable {
        chunk = bytes.substr(at, size);
        at += chunk.size();
        return !chunk.empty();
    };
}

}  // namespace coord
