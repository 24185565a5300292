#include "coord/raft/founding.hpp"

#include "coord/raft/crc32c.hpp"
#include "coord/raft/file.hpp"
#include "coord/raft/little_endian.hpp"

#include <algorithm>
#include <stdexcept>

namespace coord {

namespace {

// Magic, cluster, length of the configuration of the founders, it, checksum.
constexpr std::string_view magic = "RSTRCLU1";
constexpr std::size_t fixed_bytes = 24;
constexpr std::size_t file_bytes_max = std::size_t{1} << 20U;

// Steele, Lea, Flood: Fast splittable pseudorandom number generators. A bijection that mixes well.
std::uint64_t mixed(std::uint64_t value) {
    value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9U;
    value = (value ^ (value >> 27U)) * 0x94D049BB133111EBU;
    return value ^ (value >> 31U);
}

std::optional<Founding> decode(std::string_view bytes) {
    if (bytes.size() < fixed_bytes + sizeof(std::uint32_t) || !bytes.starts_with(magic)) return {};
    const auto content = bytes.substr(0, bytes.size() - sizeof(std::uint32_t));
    if (get_number<std::uint32_t>(bytes, content.size()) != crc32c(content)) return {};
    if (get_number<std::uint64_t>(bytes, 16) != content.size() - fixed_bytes) return {};
    Founding founding{ClusterId{get_number<std::uint64_t>(bytes, 8)}, {}};
    if (content.size() == fixed_bytes) return founding;
    auto founders = decode_configuration(content.substr(fixed_bytes));
    if (!founders) return {};
    founding.founders = std::move(*founders);
    return founding;
}

}  // namespace

bool Founding::is_founder(MemberId id) const {
    return std::any_of(
        founders.begin(), founders.end(), [id](const Member& member) { return member.id == id; });
}

// The ids are random, so what is mixed of them is as good as drawn.
ClusterId cluster_of(const std::vector<Member>& founders) {
    std::uint64_t value = 0x9E3779B97F4A7C15U;
    for (const auto& founder : founders) value = mixed(value ^ number(founder.id));
    return ClusterId{value == 0 ? 1 : value};
}

void write_founding(const std::filesystem::path& path, const Founding& founding) {
    std::string configuration;
    if (!founding.founders.empty()) configuration = encode_configuration(founding.founders);
    std::string out(magic);
    put_number(out, number(founding.cluster));
    put_number(out, std::uint64_t{configuration.size()});
    out += configuration;
    put_number(out, crc32c(out));
    auto unfinished = path;
    unfinished += ".new";
    std::filesystem::remove(unfinished);
    File file(unfinished, File::Mode::create);
    file.write_at(0, out);
    file.sync();
    rename_durably(unfinished, path);
}

std::optional<Founding> read_founding(const std::filesystem::path& path) {
    if (!std::filesystem::exists(path)) return {};
    const auto founding = decode(File(path, File::Mode::read).read(0, file_bytes_max));
    if (founding) return founding;
    throw std::runtime_error(path.string() +
                             ": it does not say which cluster this is. Nothing was changed. "
                             "Restore the data directory from a backup, or move it away and let "
                             "this member join anew with an empty one");
}

}  // namespace coord
