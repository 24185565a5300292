#include "dns/transfer_message.hpp"

#include "dns/answer.hpp"
#include "dns/reply_draft.hpp"

#include <cassert>
#include <utility>

namespace dns {

namespace {

constexpr std::size_t pointer_target_max = 0x3FFF;

std::size_t name_bytes(std::string_view labels) {
    std::size_t at = 0;
    while (labels[at] != 0) at += 1U + static_cast<std::uint8_t>(labels[at]);
    return at + 1;
}

}  // namespace

TransferMessage::TransferMessage(std::uint16_t id, std::size_t bytes_max) : bytes_max_(bytes_max) {
    octets_.reserve(bytes_max);
    octets_.resize(header_bytes);
    write_u16(octets_.data(), id);
}

void TransferMessage::add_question(std::string_view name, std::uint16_t type) {
    put_name(name);
    append_u16(octets_, type);
    append_u16(octets_, class_in);
    has_question_ = true;
    fresh_.clear();
}

bool TransferMessage::add(std::string_view owner, const StoredRecord& record) {
    const std::size_t begin = octets_.size();
    const auto last = last_owner_at_;
    if (last_owner_at_ != 0 && owner == last_owner_) {
        append_u16(octets_, static_cast<std::uint16_t>(0xC000U | last_owner_at_));
    } else {
        last_owner_at_ = begin <= pointer_target_max ? begin : 0;
        put_name(owner);
    }
    put_rdata(record);
    if (octets_.size() > bytes_max_ || answers_ == UINT16_MAX) {
        for (const auto& name : fresh_) names_.erase(name);
        fresh_.clear();
        octets_.resize(begin);
        last_owner_at_ = last;
        return false;
    }
    fresh_.clear();
    if (owner != last_owner_) last_owner_ = owner;
    ++answers_;
    return true;
}

// A name that was written before, or the end of one, is a pointer to it (RFC 1035 §4.1.4).
void TransferMessage::put_name(std::string_view name) {
    while (name[0] != 0) {
        const auto known = names_.find(std::string(name));
        if (known != names_.end()) {
            return append_u16(octets_, static_cast<std::uint16_t>(0xC000U | known->second));
        }
        if (octets_.size() <= pointer_target_max) {
            names_.emplace(name, static_cast<std::uint16_t>(octets_.size()));
            fresh_.emplace_back(name);
        }
        const std::size_t label = 1U + static_cast<std::uint8_t>(name[0]);
        append(octets_, octets(name.substr(0, label)));
        name.remove_prefix(label);
    }
    octets_.push_back(0);
}

void TransferMessage::put_rdata(const StoredRecord& record) {
    const auto type = record.type();
    std::size_t names = 0;
    if (type == rr::ns || type == rr::cname || type == rr::ptr) names = 1;
    if (type == rr::soa) names = 2;
    if (names == 0) return append(octets_, record.octets);
    append(octets_, record.octets.first(10));
    const std::size_t begin = octets_.size();
    auto rest = text(record.rdata());
    for (; names > 0; --names) {
        const auto name = rest.substr(0, name_bytes(rest));
        put_name(name);
        rest.remove_prefix(name.size());
    }
    append(octets_, octets(rest));
    write_u16(&octets_[begin - 2], octets_.size() - begin);
}

void TransferMessage::add_opt(std::uint16_t payload, bool dnssec_ok, Rcode rcode) {
    octets_.push_back(0);
    append_u16(octets_, rr::opt);
    append_u16(octets_, payload);
    const auto extended = static_cast<std::uint32_t>(rcode) >> 4U;
    append_u32(octets_, extended << 24U | (dnssec_ok ? 0x8000U : 0U));
    append_u16(octets_, 0);
    ++extras_;
}

std::vector<std::uint8_t> TransferMessage::finish(Rcode rcode, unsigned flags) {
    return finish(header_flag::response | flags | (static_cast<unsigned>(rcode) & 0x0FU));
}

std::vector<std::uint8_t> TransferMessage::finish(unsigned flags) {
    write_u16(&octets_[2], flags);
    write_u16(&octets_[4], has_question_ ? 1 : 0);
    write_u16(&octets_[6], answers_);
    write_u16(&octets_[10], extras_);
    return std::move(octets_);
}

}  // namespace dns
