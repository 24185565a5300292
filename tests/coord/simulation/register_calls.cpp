#include "tests/coord/simulation/register_calls.hpp"

#include "tests/support/raft_record.hpp"

#include <optional>

namespace coord {

namespace {

using Kind = RegisterCall::Kind;

struct Named {
    std::string path;
    RegisterCall call;
};

// No client writes the same data twice.
std::uint64_t value_of(std::optional<std::string_view> data) {
    return RaftRecord::hash(data.value_or(""));
}

Named decode(OpCode op, Decoder& in) {
    switch (op) {
        case OpCode::create:
        case OpCode::create2: {
            const auto request = CreateRequest::decode(in, op);
            return {std::string(request.path), {Kind::create, value_of(request.data)}};
        }
        case OpCode::set_data: {
            const auto request = SetDataRequest::decode(in);
            return {std::string(request.path),
                    {Kind::set, value_of(request.data), request.version}};
        }
        case OpCode::remove:
        case OpCode::check: {
            const auto request = RemoveRequest::decode(in);
            const auto kind = op == OpCode::check ? Kind::check : Kind::remove;
            return {std::string(request.path), {kind, 0, request.version}};
        }
        default: return {std::string(in.ustring()), {Kind::read}};
    }
}

// What the reply to one operation tells; those of a multi stand behind each other.
void take_result(RegisterCall& call, OpCode op, Decoder& in) {
    if (call.kind == Kind::create) {
        in.ustring();
        if (op == OpCode::create2) in.stat();
    } else if (call.kind == Kind::set) {
        call.version = in.stat().version;
    } else if (call.kind == Kind::read) {
        call.value = value_of(in.buffer());
        call.version = in.stat().version;
    }
}

}  // namespace

void RegisterCalls::note(SentRequest& request, std::string_view path, const RegisterCall& call) {
    request.calls.push_back(calls_.size());
    calls_.push_back({std::string(path), call, path.starts_with(register_prefix)});
}

void RegisterCalls::begin(SentRequest& request, SimulatedTime invoked) {
    Decoder in(request.body);
    const auto add = [&](Named named) {
        named.call.invoked = invoked;
        note(request, named.path, named.call);
    };
    if (request.op != OpCode::multi) return add(decode(request.op, in));
    for (auto header = MultiHeader::decode(in); !header.done; header = MultiHeader::decode(in)) {
        add(decode(header.op, in));
    }
}

void RegisterCalls::end(const SentRequest& request,
                        Errc error,
                        std::string_view body,
                        SimulatedTime now) {
    Decoder in(body);
    const bool is_multi = request.op == OpCode::multi;
    const bool came_to_nothing = error == Errc::session_moved || error == Errc::session_expired ||
                                 error == Errc::system_error ||
                                 (is_multi && MultiHeader::decode(in).op == OpCode::error);
    bool is_first = true;
    for (const auto number : request.calls) {
        auto& [path, call, counts] = calls_.at(number);
        if (is_multi && !std::exchange(is_first, false)) MultiHeader::decode(in);
        call.returned = now;
        call.outcome = error;
        counts = counts && !came_to_nothing;
        if (!came_to_nothing && error == Errc::ok) take_result(call, request.op, in);
    }
}

void RegisterCalls::lose(const SentRequest& request) {
    if (is_write(request.op)) return;
    for (const auto number : request.calls) calls_.at(number).counts = false;
}

std::map<std::string, std::vector<RegisterCall>> RegisterCalls::of_each() const {
    std::map<std::string, std::vector<RegisterCall>> lists;
    for (const auto& [path, call, counts] : calls_) {
        if (counts) lists[path].push_back(call);
    }
    return lists;
}

}  // namespace coord
