// What a member reads of its disk and of its peers: segments, promises, configurations, messages.
//
// The first octet says which: segments as they are (0) or with their checksums made right (1), the
// metadata (2), a configuration (3), a message (4).

#include "coord/raft/configuration.hpp"
#include "coord/raft/crc32c.hpp"
#include "coord/raft/little_endian.hpp"
#include "coord/raft/log_store.hpp"
#include "coord/raft/message_check.hpp"
#include "coord/raft/metadata_store.hpp"
#include "coord/raft/segment.hpp"
#include "tests/fuzz/fuzz_directory.hpp"
#include "tests/fuzz/fuzz_input.hpp"

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace coord {
namespace {

using fuzz::expect;

constexpr std::size_t segment_bytes = 1024;

LogEntry entry_of(Term term, std::string_view bytes, EntryType type = EntryType::command) {
    return {term, type, std::make_shared<const std::string>(bytes)};
}

// As segment.cpp puts them, with the size at 28: of the header at 36, of each record 4 bytes behind its begin.
std::string repaired(std::string_view from) {
    std::string bytes(from);
    const auto put_at = [&](std::size_t offset, std::uint32_t value) {
        std::string number;
        put_number(number, value);
        bytes.replace(offset, number.size(), number);
    };
    if (bytes.size() < SegmentHeader::size) return bytes;
    put_at(28, static_cast<std::uint32_t>(bytes.size()));
    put_at(28, static_cast<std::uint32_t>(bytes.size()));
    put_at(36, crc32c(std::string_view(bytes).substr(0, 36)));
    const auto salt = get_number<std::uint32_t>(bytes, 32);
    for (std::size_t at = SegmentHeader::size; at + 32 <= bytes.size();) {
        const auto length = get_number<std::uint32_t>(bytes, at);
        if (length > bytes.size() - at - 32 || get_number<std::uint32_t>(bytes, at + 28) == 0) {
            break;
        }
        const auto record = std::string_view(bytes).substr(at, 32 + length);
        put_at(at + 4, crc32c(record.substr(8), crc32c(record.substr(0, 4), salt)));
        at += (32 + std::size_t{length} + 7) & ~std::size_t{7};
    }
    return bytes;
}

bool same(const std::vector<LogEntry>& a, const std::vector<LogEntry>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
        return x.term == y.term && x.type == y.type && *x.bytes == *y.bytes;
    });
}

// What opens, opens again as the same, and can be written on.
void open_log(const fuzz::Directory& directory) {
    LogContents contents;
    {
        LogStore log(directory.path(), segment_bytes);
        contents = log.open(Index{0});
        expect(number(contents.first) > 0);
        expect(number(log.last()) == number(contents.first) + contents.entries.size() - 1);
        const auto& entries = contents.entries;
        const auto term = entries.empty() ? contents.previous_term : entries.back().term;
        const std::vector more{entry_of(term, "one more")};
        log.append(next(log.last()), term, more);
        log.sync();
        contents.entries.push_back(more.front());
    }
    LogStore log(directory.path(), segment_bytes);
    const auto again = log.open(Index{0});
    expect(again.first == contents.first && same(again.entries, contents.entries));
}

void read_segments(fuzz::Input input, bool repair) {
    static const fuzz::Directory directory("log");
    directory.clear();
    const auto first_size = std::size_t{input.byte()} * 8;
    const std::string_view first = first_size == 0 ? input.take(SIZE_MAX) : input.take(first_size);
    const auto write = [&](const std::string& name, std::string_view bytes) {
        static_cast<void>(directory.write(name, repair ? repaired(bytes) : std::string(bytes)));
    };
    write("00000000000000000001", first);
    if (!input.empty()) write("00000000000000000002", input.rest());
    try {
        open_log(directory);
    } catch (const std::runtime_error&) {  // It is damaged, and says so.
    }
}

void read_metadata(std::string_view bytes) {
    static const fuzz::Directory directory("meta");
    std::string slots(8192, '\0');
    const auto put_slot = [&](std::size_t at, std::string_view from) {
        std::string slot(from);
        slot.resize(44);
        std::string crc;
        put_number(crc, crc32c(std::string_view(slot).substr(0, 40)));
        slots.replace(at, 44, slot.replace(40, 4, crc));
    };
    put_slot(0, bytes.substr(0, 40));
    put_slot(4096, bytes.substr(std::min<std::size_t>(bytes.size(), 40)));
    const auto path = directory.write("meta", bytes.size() > 80 ? bytes : slots);
    try {
        MetadataStore store(path);
        store.save({Term{number(store.vote().term) + 1}, store.id()});
        const MetadataStore again(path);
        expect(again.id() == store.id() && again.vote().term == store.vote().term);
    } catch (const std::runtime_error&) {  // It is damaged, and says so.
    }
}

void read_configuration(std::string_view bytes) {
    const auto members = decode_configuration(bytes);
    if (!members || members->empty()) return;
    const auto again = decode_configuration(encode_configuration(*members));
    expect(again == members);
}

std::uint64_t number_from(fuzz::Input& input) {
    std::uint64_t value = 0;
    for (const char c : input.take(8)) value = value << 8U | static_cast<unsigned char>(c);
    return value;
}

void check_message(fuzz::Input input) {
    Message message{MemberId{number_from(input)}, Term{number_from(input)}, {}};
    switch (input.byte() % 4) {
        case 0: {
            AppendEntries body;
            body.previous_index = Index{number_from(input)};
            body.previous_term = Term{number_from(input)};
            while (!input.empty()) {
                const auto type = static_cast<EntryType>(input.byte() % 5);
                const Term term{input.byte()};
                body.entries.push_back(entry_of(term, input.take(input.byte()), type));
            }
            body.count = body.entries.size();
            message.body = body;
            break;
        }
        case 1:
            message.body = RequestVote{MemberId{number_from(input)},
                                       Index{number_from(input)},
                                       Term{number_from(input)},
                                       input.byte() != 0,
                                       false};
            break;
        case 2: {
            InstallSnapshot body;
            body.snapshot.index = Index{number_from(input)};
            body.snapshot.term = Term{number_from(input)};
            body.snapshot.configuration_index = Index{number_from(input)};
            body.snapshot.configuration = input.rest();
            message.body = body;
            break;
        }
        default: message.body = TimeoutNow{Index{number_from(input)}, Term{number_from(input)}};
    }
    if (is_well_formed(message)) expect(message.peer != MemberId{0} && message.term != Term{0});
}

}  // namespace
}  // namespace coord

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    fuzz::be_silent();
    fuzz::Input input(bytes, size);
    const auto kind = input.byte() % 5;
    switch (kind) {
        case 0:
        case 1: coord::read_segments(input, kind == 1); break;
        case 2: coord::read_metadata(input.rest()); break;
        case 3: coord::read_configuration(input.rest()); break;
        default: coord::check_message(input);
    }
    return 0;
}
