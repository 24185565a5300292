#include "coord/proto/jute.hpp"
#include "coord/tree/state_machine.hpp"

#include <algorithm>

namespace coord {
namespace {

constexpr std::size_t id_bytes_min = 8;

bool has_password(OpCode op) {
    return op == OpCode::create_session || op == OpCode::attach_session;
}

}  // namespace

void encode(Encoder& out, const Command& command) {
    out.int32(static_cast<std::int32_t>(command.op));
    out.int64(static_cast<std::int64_t>(command.session));
    out.int64(command.time_ms);
    out.boolean(command.enforces_quota);
    if (has_password(command.op)) {
        out.int32(command.timeout_ms);
        out.ustring({command.password.data(), command.password.size()});
    }
    if (command.op == OpCode::expire_session) {
        out.int64(static_cast<std::int64_t>(command.owner));
        out.int64(static_cast<std::int64_t>(command.term));
    }
    out.int32(static_cast<std::int32_t>(command.ids.size()));
    for (const auto& id : command.ids) {
        out.ustring(id.scheme);
        out.ustring(id.id);
    }
    out.ustring(command.body);
}

Command decode_command(Decoder& in) {
    Command command;
    command.op = OpCode{in.int32()};
    command.session = SessionId{in.int64()};
    command.time_ms = in.int64();
    command.enforces_quota = in.boolean();
    if (has_password(command.op)) {
        command.timeout_ms = in.int32();
        const auto password = in.ustring();
        if (password.size() == command.password.size()) {
            std::copy(password.begin(), password.end(), command.password.begin());
        } else {
            in.fail();
        }
    }
    if (command.op == OpCode::expire_session) {
        command.owner = static_cast<std::uint64_t>(in.int64());
        command.term = static_cast<std::uint64_t>(in.int64());
    }
    const auto ids = in.count(id_bytes_min).value_or(0);
    command.ids.reserve(ids);
    for (std::size_t i = 0; i < ids && !in.failed(); ++i) {
        auto& id = command.ids.emplace_back();
        id.scheme = in.ustring();
        id.id = in.ustring();
    }
    command.body = in.ustring();
    return command;
}

}  // namespace coord
