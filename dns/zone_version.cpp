#include "dns/zone_version.hpp"

#include <algorithm>

namespace dns {

namespace {

constexpr std::size_t piece_names_max = 256;

using Entry = ZoneVersion::Entry;

bool by_name(const Entry& entry, const ZoneName& name) { return entry.first < name; }

// `before`, with the changes that belong into it.
template <class Change>
std::vector<Entry> merged(const std::vector<Entry>& before, Change from, Change to) {
    std::vector<Entry> after;
    after.reserve(before.size() + static_cast<std::size_t>(std::distance(from, to)));
    auto old = before.begin();
    for (; from != to; ++from) {
        for (; old != before.end() && old->first < from->first; ++old) after.push_back(*old);
        if (old != before.end() && old->first == from->first) ++old;
        if (from->second) after.emplace_back(from->first, from->second);
    }
    after.insert(after.end(), old, before.end());
    return after;
}

}  // namespace

// The piece a name is in, or would be in.
std::size_t ZoneVersion::piece_of(const ZoneName& name) const {
    const auto after = std::upper_bound(
        pieces_.begin(), pieces_.end(), name, [](const auto& wanted, const auto& piece) {
            return wanted < piece->front().first;
        });
    const auto index = static_cast<std::size_t>(after - pieces_.begin());
    return index == 0 ? 0 : index - 1;
}

// In pieces of even size, none too large; what became small joins the piece before it.
void ZoneVersion::append(Piece piece) {
    if (!pieces_.empty() && pieces_.back()->size() + piece.size() <= piece_names_max / 2) {
        Piece joined(*pieces_.back());
        joined.insert(joined.end(), piece.begin(), piece.end());
        piece = std::move(joined);
        pieces_.pop_back();
    }
    const std::size_t count = (piece.size() + piece_names_max - 1) / piece_names_max;
    if (count == 1) return pieces_.push_back(std::make_shared<const Piece>(std::move(piece)));
    for (std::size_t i = 0; i < count; ++i) {
        const auto at = [&](std::size_t part) {
            return std::make_move_iterator(
                piece.begin() + static_cast<std::ptrdiff_t>(piece.size() * part / count));
        };
        pieces_.push_back(std::make_shared<const Piece>(at(i), at(i + 1)));
    }
}

std::shared_ptr<const ZoneVersion> ZoneVersion::next(std::uint32_t serial,
                                                     const ZoneChanges& changes) const {
    auto made = std::make_shared<ZoneVersion>();
    made->serial_ = serial;
    made->bytes_ = bytes_;
    made->names_ = names_;
    made->pieces_.reserve(pieces_.size() + changes.size() / piece_names_max + 1);
    std::size_t done = 0;
    for (auto change = changes.begin(); change != changes.end();) {
        const auto index = piece_of(change->first);
        for (; done < index; ++done) made->pieces_.push_back(pieces_[done]);
        auto end = changes.end();
        if (index + 1 < pieces_.size()) {
            end = changes.lower_bound(pieces_[index + 1]->front().first);
        }
        static const Piece nothing;
        const auto& before = index < pieces_.size() ? *pieces_[index] : nothing;
        auto after = merged(before, change, end);
        for (const auto& [name, records] : before) made->bytes_ -= records->bytes();
        for (const auto& [name, records] : after) made->bytes_ += records->bytes();
        made->names_ += after.size() - before.size();
        made->append(std::move(after));
        done = index + 1;
        change = end;
    }
    for (; done < pieces_.size(); ++done) made->pieces_.push_back(pieces_[done]);
    return made;
}

StoredRecordsPointer ZoneVersion::find(const ZoneName& name) const {
    if (pieces_.empty()) return nullptr;
    const auto& piece = *pieces_[piece_of(name)];
    const auto found = std::lower_bound(piece.begin(), piece.end(), name, by_name);
    return found == piece.end() || found->first != name ? nullptr : found->second;
}

ZoneVersion::Cursor::Cursor(const ZoneVersion& version, std::uint16_t zone)
    : version_(&version), zone_(zone) {
    if (version.pieces_.empty()) return;
    const ZoneName first{zone, {}};
    piece_ = version.piece_of(first);
    const auto& piece = *version.pieces_[piece_];
    const auto found = std::lower_bound(piece.begin(), piece.end(), first, by_name);
    at_ = static_cast<std::size_t>(found - piece.begin());
}

const ZoneVersion::Entry* ZoneVersion::Cursor::next() {
    const auto& pieces = version_->pieces_;
    if (piece_ < pieces.size() && at_ == pieces[piece_]->size()) {
        ++piece_;
        at_ = 0;
    }
    if (piece_ >= pieces.size()) return nullptr;
    const auto& entry = (*pieces[piece_])[at_];
    if (entry.first.zone != zone_) return nullptr;
    ++at_;
    return &entry;
}

}  // namespace dns
