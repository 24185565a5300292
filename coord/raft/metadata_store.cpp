#include "coord/raft/metadata_store.hpp"

#include "coord/raft/crc32c.hpp"
#include "coord/raft/little_endian.hpp"

#include <fmt/format.h>

#include <optional>
#include <random>
#include <stdexcept>
#include <utility>

namespace coord {

namespace {

constexpr std::string_view magic = "RSTRMETA";
constexpr std::size_t slot_bytes = 4096;  // a slot shares no page and no sector with the other
constexpr std::size_t content_bytes = 44;

struct Slot {
    std::uint64_t version = 0;
    MemberId id{};
    Vote vote;
};

std::string encode(const Slot& slot) {
    std::string out(magic);
    put_number(out, slot.version);
    put_number(out, number(slot.id));
    put_number(out, number(slot.vote.term));
    put_number(out, number(slot.vote.voted_for));
    put_number(out, crc32c(out));
    return out;
}

std::optional<Slot> decode(std::string_view bytes) {
    bytes = bytes.substr(0, content_bytes);
    if (bytes.size() < content_bytes || !bytes.starts_with(magic)) return {};
    const auto crc = get_number<std::uint32_t>(bytes, content_bytes - 4);
    if (crc != crc32c(bytes.substr(0, content_bytes - 4))) return {};
    return Slot{get_number<std::uint64_t>(bytes, 8),
                MemberId{get_number<std::uint64_t>(bytes, 16)},
                {Term{get_number<std::uint64_t>(bytes, 24)},
                 MemberId{get_number<std::uint64_t>(bytes, 32)}}};
}

std::uint64_t random_id() {
    std::random_device random;
    std::uint64_t id = 0;
    while (id == 0) id = (std::uint64_t{random()} << 32U) | random();
    return id;
}

}  // namespace

MetadataStore::MetadataStore(std::filesystem::path path) : path_(std::move(path)) {
    if (std::filesystem::exists(path_)) {
        load();
    } else {
        create();
    }
}

void MetadataStore::load() {
    file_ = File(path_, File::Mode::update);
    const auto bytes = file_.read(0, 2 * slot_bytes);
    Slot newest;
    for (std::size_t i = 0; i < 2; ++i) {
        const auto slot =
            decode(std::string_view(bytes).substr(std::min(bytes.size(), i * slot_bytes)));
        // A slot is smaller than a sector, so a power cut does not leave half of one: a slot that
        // does not read back is damaged, and with it perhaps the vote that was given last.
        if (!slot || slot->version % 2 != i || (newest.version != 0 && slot->id != newest.id)) {
            throw std::runtime_error(fmt::format(
                "{}: term and vote are damaged. Nothing was changed. Restore the data directory "
                "from a backup, or move it away and let this member join anew with an empty one",
                path_.string()));
        }
        if (slot->version > newest.version) newest = *slot;
    }
    version_ = newest.version;
    id_ = newest.id;
    vote_ = newest.vote;
}

// Both slots are there from the beginning, so an unreadable one is always damage.
void MetadataStore::create() {
    auto unfinished = path_;
    unfinished += ".new";
    std::filesystem::remove(unfinished);
    id_ = MemberId{random_id()};
    version_ = 3;
    file_ = File(unfinished, File::Mode::create);
    file_.zero(0, 2 * slot_bytes);
    file_.write_at(0, encode({2, id_, vote_}));
    file_.write_at(slot_bytes, encode({3, id_, vote_}));
    file_.sync();
    rename_durably(unfinished, path_);
    file_.renamed(path_);
}

void MetadataStore::save(const Vote& vote) {
    ++version_;
    file_.write_at(version_ % 2 * slot_bytes, encode({version_, id_, vote}));
    file_.sync();
    vote_ = vote;
}

}  // namespace coord
