#include "coord/proto/jute.hpp"

#include "coord/proto/error.hpp"

#include <cassert>
#include <limits>

namespace coord {
namespace {

template <class Unsigned>
void append_big_endian(std::string& out, Unsigned value) {
    char bytes[sizeof value];
    for (std::size_t i = sizeof value; i-- > 0;) {
        bytes[i] = static_cast<char>(value & 0xFFU);
        value = static_cast<Unsigned>(value >> 8U);
    }
    out.append(bytes, sizeof bytes);
}

template <class Unsigned>
Unsigned read_big_endian(std::string_view bytes) {
    Unsigned value = 0;
    for (const char byte : bytes) {
        value = static_cast<Unsigned>((value << 8U) | static_cast<unsigned char>(byte));
    }
    return value;
}

std::int32_t wire_size(std::size_t size) {
    assert(size <= static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()));
    return static_cast<std::int32_t>(size);
}

// The fewest bytes an element can take: what a count is held against before anything is allocated.
constexpr std::size_t ustring_bytes_min = 4;
constexpr std::size_t acl_bytes_min = 12;

}  // namespace

void Encoder::boolean(bool value) { out_.push_back(value ? '\1' : '\0'); }

void Encoder::int32(std::int32_t value) {
    append_big_endian(out_, static_cast<std::uint32_t>(value));
}

void Encoder::int64(std::int64_t value) {
    append_big_endian(out_, static_cast<std::uint64_t>(value));
}

void Encoder::ustring(std::string_view value) {
    int32(wire_size(value.size()));
    out_.append(value);
}

void Encoder::buffer(std::optional<std::string_view> value) {
    if (value) {
        ustring(*value);
    } else {
        int32(-1);
    }
}

void Encoder::strings(const std::vector<std::string>& values) {
    int32(wire_size(values.size()));
    for (const auto& value : values) ustring(value);
}

void Encoder::stat(const Stat& value) {
    int64(static_cast<std::int64_t>(value.czxid));
    int64(static_cast<std::int64_t>(value.mzxid));
    int64(value.ctime);
    int64(value.mtime);
    int32(value.version);
    int32(value.cversion);
    int32(value.aversion);
    int64(static_cast<std::int64_t>(value.ephemeral_owner));
    int32(value.data_length);
    int32(value.num_children);
    int64(static_cast<std::int64_t>(value.pzxid));
}

void Encoder::acl(const std::vector<Acl>& value) {
    int32(wire_size(value.size()));
    for (const auto& entry : value) {
        int32(entry.perms);
        ustring(entry.id.scheme);
        ustring(entry.id.id);
    }
}

bool Decoder::boolean() {
    const auto bytes = take(1);
    return !bytes.empty() && bytes.front() != '\0';
}

std::int32_t Decoder::int32() {
    return static_cast<std::int32_t>(read_big_endian<std::uint32_t>(take(sizeof(std::int32_t))));
}

std::int64_t Decoder::int64() {
    return static_cast<std::int64_t>(read_big_endian<std::uint64_t>(take(sizeof(std::int64_t))));
}

std::string_view Decoder::ustring() {
    const auto value = buffer();
    if (!value) fail();
    return value.value_or(std::string_view());
}

std::optional<std::string_view> Decoder::nullable_ustring() { return buffer(); }

std::optional<std::string_view> Decoder::buffer() {
    const auto size = int32();
    if (size == -1) return std::nullopt;
    if (size < 0) fail();
    return take(failed_ ? 0 : static_cast<std::size_t>(size));
}

std::optional<std::size_t> Decoder::count(std::size_t element_bytes_min) {
    const auto size = int32();
    if (size == -1) return std::nullopt;
    if (size < 0 || static_cast<std::size_t>(size) > rest_.size() / element_bytes_min) fail();
    return failed_ ? 0 : static_cast<std::size_t>(size);
}

std::vector<std::string_view> Decoder::strings() {
    const auto size = count(ustring_bytes_min).value_or(0);
    std::vector<std::string_view> values;
    values.reserve(size);
    for (std::size_t i = 0; i < size && !failed_; ++i) values.push_back(ustring());
    return values;
}

Stat Decoder::stat() {
    Stat value;
    value.czxid = Zxid{int64()};
    value.mzxid = Zxid{int64()};
    value.ctime = int64();
    value.mtime = int64();
    value.version = int32();
    value.cversion = int32();
    value.aversion = int32();
    value.ephemeral_owner = SessionId{int64()};
    value.data_length = int32();
    value.num_children = int32();
    value.pzxid = Zxid{int64()};
    return value;
}

std::optional<std::vector<Acl>> Decoder::acl() {
    const auto size = count(acl_bytes_min);
    if (!size) return std::nullopt;
    std::vector<Acl> value;
    value.reserve(*size);
    for (std::size_t i = 0; i < *size && !failed_; ++i) {
        Acl entry;
        entry.perms = int32();
        // A null scheme is a wrong ACL, not a wrong record: it is left to be refused as such.
        entry.id.scheme = nullable_ustring().value_or(std::string_view());
        entry.id.id = nullable_ustring().value_or(std::string_view());
        value.push_back(std::move(entry));
    }
    return value;
}

Result<void> Decoder::finish() const {
    if (failed_) return Errc::marshalling_error;
    return {};
}

void Decoder::fail() {
    failed_ = true;
    rest_ = {};
}

std::string_view Decoder::take(std::size_t size) {
    if (size > rest_.size()) fail();
    if (failed_) return {};
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
}

std::size_t begin_frame(std::string& out) {
    const auto begun = out.size();
    out.append(sizeof(std::int32_t), '\0');
    return begun;
}

void end_frame(std::string& out, std::size_t begun) {
    assert(begun + sizeof(std::int32_t) <= out.size());
    std::string length;
    Encoder(length).int32(wire_size(out.size() - begun - sizeof(std::int32_t)));
    out.replace(begun, length.size(), length);
}

}  // namespace coord
