#include "dns/transfer_stream.hpp"

#include "dns/answer.hpp"
#include "dns/apex.hpp"

#include <utility>

namespace dns {

namespace {

// The names of a whole zone between its two SOA records.
class Whole {
public:
    Whole(TransferZone zone, std::shared_ptr<const ZoneVersion> version)
        : zone_(zone), version_(std::move(version)), cursor_(*version_, *zone.zone.number) {}

    std::optional<TransferItem> operator()() {
        switch (at_) {
            case At::begin: at_ = At::apex; return zone_.soa(version_->serial());
            case At::apex: at_ = At::names; return zone_.name_servers();
            case At::names:
                if (const auto* entry = cursor_.next()) {
                    return zone_.item(entry->first, entry->second);
                }
                at_ = At::end;
                return zone_.soa(version_->serial());
            case At::end: break;
        }
        return std::nullopt;
    }

private:
    enum class At { begin, apex, names, end };
    TransferZone zone_;
    std::shared_ptr<const ZoneVersion> version_;
    ZoneVersion::Cursor cursor_;
    At at_ = At::begin;
};

// RFC 1995 §4: between two SOA records of the newest serial, for each step the old SOA and what was
// removed, the new SOA and what was added. Steps that changed nothing in this zone are left out; what
// is left is without a gap, and ends at the newest serial.
class Steps {
public:
    Steps(TransferZone zone, std::uint32_t from, ZoneSteps steps)
        : zone_(zone), from_(from), newest_(steps.back()->to) {
        for (auto& step : steps) {
            if (changes_zone(*step)) steps_.push_back(std::move(step));
        }
    }

    std::optional<TransferItem> operator()() {
        for (;;) {
            switch (at_) {
                case At::begin: at_ = At::old_soa; return zone_.soa(newest_);
                case At::old_soa:
                    if (step_ == steps_.size() && is_told_) {
                        at_ = At::end;
                        return zone_.soa(newest_);
                    }
                    is_told_ = true;
                    at_ = At::removed;
                    return zone_.soa(from_);
                case At::removed:
                    if (auto item = next(&ZoneChange::removed)) return item;
                    at_ = At::added;
                    from_ = step_ + 1 < steps_.size() ? steps_[step_]->to : newest_;
                    return zone_.soa(from_);
                case At::added:
                    if (auto item = next(&ZoneChange::added)) return item;
                    if (step_ < steps_.size()) ++step_;
                    at_ = At::old_soa;
                    break;
                case At::end: return std::nullopt;
            }
        }
    }

private:
    enum class At { begin, old_soa, removed, added, end };

    [[nodiscard]] bool changes_zone(const ZoneStep& step) const {
        for (const auto& change : step.changes) {
            if (change.name.zone == *zone_.zone.number) return true;
        }
        return false;
    }
    std::optional<TransferItem> next(StoredRecordsPointer ZoneChange::*side) {
        static const std::vector<ZoneChange> nothing;
        const auto& changes = step_ < steps_.size() ? steps_[step_]->changes : nothing;
        while (change_ < changes.size()) {
            const auto& change = changes[change_++];
            if (change.name.zone == *zone_.zone.number && change.*side) {
                return zone_.item(change.name, change.*side);
            }
        }
        change_ = 0;
        return std::nullopt;
    }

    TransferZone zone_;
    std::uint32_t from_;
    std::uint32_t newest_;
    ZoneSteps steps_;
    std::size_t step_ = 0;
    std::size_t change_ = 0;
    bool is_told_ = false;  // there is one pair at least
    At at_ = At::begin;
};

}  // namespace

TransferItem TransferZone::soa(std::uint32_t serial) const {
    std::vector<std::uint8_t> rdata;
    for (const auto label : {apex::name_server, apex::hostmaster}) {
        append(rdata, octets(label));
        append(rdata, octets(grammar.domain()));
    }
    for (const auto number : {serial,
                              apex::refresh,
                              apex::retry,
                              apex::expire,
                              static_cast<std::uint32_t>(negative_ttl.count())}) {
        append_u32(rdata, number);
    }
    StoredRecordsBuilder builder;
    builder.add(rr::soa, apex::ttl, rdata);
    return {{zone.apex}, builder.build()};
}

TransferItem TransferZone::name_servers() const {
    StoredRecordsBuilder builder;
    builder.add(rr::ns, apex::ttl, octets(Labels(apex::name_server) + grammar.domain()));
    return {{zone.apex}, builder.build()};
}

TransferItem TransferZone::item(const ZoneName& name, StoredRecordsPointer records) const {
    return {grammar.spellings(zone.space, name.key), std::move(records)};
}

TransferStream TransferStream::whole(TransferZone zone,
                                     std::shared_ptr<const ZoneVersion> version) {
    return TransferStream(Whole(zone, std::move(version)));
}

TransferStream TransferStream::steps(TransferZone zone, std::uint32_t from, ZoneSteps steps) {
    return TransferStream(Steps(zone, from, std::move(steps)));
}

TransferStream TransferStream::serial(TransferZone zone, std::uint32_t serial) {
    return TransferStream([zone, serial, told = false]() mutable -> std::optional<TransferItem> {
        if (std::exchange(told, true)) return std::nullopt;
        return zone.soa(serial);
    });
}

bool TransferStream::fill(TransferMessage& message) {
    for (;;) {
        if (owner_ == item_.owners.size()) {
            auto item = source_();
            if (!item) return false;
            item_ = std::move(*item);
            owner_ = 0;
            offset_ = 0;
            continue;
        }
        const auto record = item_.records->at(offset_);
        if (!message.add(item_.owners[owner_], record)) return true;
        offset_ += record.octets.size();
        if (offset_ < item_.records->bytes()) continue;
        offset_ = 0;
        ++owner_;
    }
}

}  // namespace dns
