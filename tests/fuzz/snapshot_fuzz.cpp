// A snapshot that another replica sent or a disk gave back, and the state that comes of it.
//
// The first octet says whether the rest is a state machine's bytes (0), a snapshot file (1) or one
// whose checksums are made right (2); the second how it is cut into chunks.

#include "coord/proto/path.hpp"
#include "coord/raft/crc32c.hpp"
#include "coord/raft/little_endian.hpp"
#include "coord/raft/snapshot_store.hpp"
#include "coord/tree/state_machine.hpp"
#include "tests/fuzz/fuzz_directory.hpp"
#include "tests/fuzz/fuzz_input.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace coord {
namespace {

using fuzz::expect;

std::string snapshot_of(StateMachine& state) {
    std::string bytes;
    const auto cut = state.cut_snapshot();
    while (cut(bytes, 3)) {
    }
    return bytes;
}

Command command_of(OpCode op, SessionId session, std::string_view body) {
    Command command;
    command.op = op;
    command.session = session;
    command.time_ms = 1'700'000'000'000;
    command.ids = {{"super", ""}};
    command.body = body;
    return command;
}

// What was accepted is a state like any other: one can write to it, and end its sessions.
void use(StateMachine& state) {
    std::string body;
    Encoder out(body);
    CreateRequest{"/fuzz-", "", open_acl_unsafe, 2, 0}.encode(out, OpCode::create);
    state.apply(command_of(OpCode::create_session, SessionId{0x77}, {}));
    state.apply(command_of(OpCode::create, SessionId{0x77}, body));
    for (const auto& path : state.due_for_removal(INT64_MAX, 100)) {
        expect(is_valid_path(path));
        std::string due;
        Encoder(due).ustring(path);
        state.apply(command_of(OpCode::delete_container, {}, due));
    }
    for (const auto& session : state.sessions()) {
        state.apply(command_of(OpCode::close_session, session.id, {}));
    }
    expect(state.sessions().empty() && state.ephemeral_count() == 0);
}

void restore(std::string_view bytes, std::size_t chunk) {
    auto state = StateMachine::restore(fuzz::in_chunks(bytes, chunk));
    if (!state) return;
    const auto before = snapshot_of(state.value());
    auto again = StateMachine::restore(fuzz::in_chunks(before, 1000));
    expect(again.has_value());
    expect(snapshot_of(again.value()) == before);
    use(state.value());
    const auto after = snapshot_of(state.value());
    expect(StateMachine::restore(fuzz::in_chunks(after, 1000)).has_value());
}

template <class Number>
void put_at(std::string& bytes, std::size_t offset, Number value) {
    std::string number;
    put_number(number, value);
    bytes.replace(offset, number.size(), number);
}

// Header: 40 bytes, a configuration, checksum. Chunks: length, checksum of all content, content.
void repair(std::string& file) {
    if (file.size() < 44) return;
    const auto length = get_number<std::uint64_t>(file, 32);
    if (length > file.size() - 44) return;
    auto at = 40 + static_cast<std::size_t>(length);
    put_at(file, at, crc32c(std::string_view(file).substr(0, at)));
    at += 4;
    std::uint32_t crc = 0;
    while (at + 8 <= file.size()) {
        const auto size = get_number<std::uint32_t>(file, at);
        if (size > file.size() - at - 8) return;
        crc = crc32c(std::string_view(file).substr(at + 8, size), crc);
        put_at(file, at + 4, crc);
        at += 8 + size;
    }
}

void read_file(std::string_view bytes) {
    static const fuzz::Directory directory("snapshot");
    const auto path = directory.write("00000000000000000001.snapshot", bytes);
    try {
        auto reader = open_newest_snapshot(path.parent_path());
        expect(reader.has_value());
        const auto state = StateMachine::restore([&](std::string& chunk) {
            const bool more = reader->next(chunk);
            expect(chunk.size() <= bytes.size());
            return more;
        });
        static_cast<void>(state);
    } catch (const std::runtime_error&) {  // It is damaged, and says so.
    }
}

}  // namespace
}  // namespace coord

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    fuzz::be_silent();
    fuzz::Input input(bytes, size);
    const auto kind = input.byte() % 3;
    const auto chunk = input.byte();
    std::string content(input.rest());
    if (kind == 2) coord::repair(content);
    if (kind == 0) {
        coord::restore(content, chunk);
    } else {
        coord::read_file(content);
    }
    return 0;
}
