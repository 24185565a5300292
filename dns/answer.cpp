#include "dns/answer.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <new>
#include <numeric>
#include <tuple>

namespace dns {

namespace {

// Each is prime and above the greatest count, so each is a stride that visits every record once.
constexpr std::array<std::uint32_t, 32> strides = {
    65537, 65539, 65543, 65551, 65557, 65563, 65579, 65581, 65587, 65599, 65609,
    65617, 65629, 65633, 65647, 65651, 65657, 65677, 65687, 65699, 65701, 65707,
    65713, 65717, 65719, 65729, 65731, 65761, 65777, 65789, 65809, 65827};

constexpr std::size_t question_name_at = 12;

void write_pointer(std::uint8_t* to, std::size_t target) {
    assert(target < 0x4000);
    to[0] = static_cast<std::uint8_t>(0xC0U | target >> 8U);
    to[1] = static_cast<std::uint8_t>(target);
}

// TYPE CLASS TTL RDLENGTH RDATA.
void append_record(std::vector<std::uint8_t>& to,
                   std::uint16_t type,
                   std::uint32_t ttl,
                   Octets rdata) {
    append_u16(to, type);
    append_u16(to, 1);
    append_u32(to, ttl);
    append_u16(to, static_cast<std::uint16_t>(rdata.size()));
    append(to, rdata);
}

// Every index once, from a random one on, with a random stride: unlike a mere rotation this does not
// hand all of a failed instance's first places to its successor.
class Walk {
public:
    Walk(std::uint32_t count, Random& random)
        : count_(count),
          stride_(count < 3 ? 1 : strides[random.next() % strides.size()] % count),
          next_(count < 2 ? 0 : random.below(count)) {}

    std::uint32_t next() {
        const std::uint32_t now = next_;
        next_ += stride_;
        if (next_ >= count_) next_ -= count_;
        return now;
    }

private:
    std::uint32_t count_;
    std::uint32_t stride_;
    std::uint32_t next_;
};

}  // namespace

void append_u16(std::vector<std::uint8_t>& to, std::uint16_t value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8U));
    to.push_back(static_cast<std::uint8_t>(value));
}

void append_u32(std::vector<std::uint8_t>& to, std::uint32_t value) {
    append_u16(to, static_cast<std::uint16_t>(value >> 16U));
    append_u16(to, static_cast<std::uint16_t>(value));
}

void append(std::vector<std::uint8_t>& to, Octets octets) {
    to.insert(to.end(), octets.begin(), octets.end());
}

std::vector<std::uint8_t> text_rdata(std::string_view text) {
    std::vector<std::uint8_t> rdata;
    do {
        const auto part = text.substr(0, 255);
        rdata.push_back(static_cast<std::uint8_t>(part.size()));
        append(rdata, octets(part));
        text.remove_prefix(part.size());
    } while (!text.empty());
    return rdata;
}

void Answer::Deleter::operator()(const Answer* answer) const {
    ::operator delete(const_cast<Answer*>(answer));
}

bool Answer::operator==(const Answer& other) const {
    const auto shape = [](const Answer& a) {
        return std::tie(a.count_,
                        a.extra_count_,
                        a.stride_,
                        a.pick_one_,
                        a.weighted_,
                        a.answer_bytes_,
                        a.extra_bytes_);
    };
    if (shape(*this) != shape(other)) return false;
    const auto* const begin = reinterpret_cast<const std::uint8_t*>(this + 1);
    const auto* const end = body() + answer_bytes_ + extra_bytes_;
    return std::memcmp(begin, &other + 1, static_cast<std::size_t>(end - begin)) == 0;
}

Octets Answer::record(std::size_t i) const {
    if (stride_ != 0) return {body() + i * stride_, stride_};
    const std::size_t begin = i == 0 ? 0 : ends()[i - 1];
    return {body() + begin, ends()[i] - begin};
}

Copied Answer::copy(std::span<std::uint8_t> room, Anchors anchors, Random& random) const {
    Copied copied;
    if (weighted_) {
        copy_weighted(room, random, copied);
    } else {
        copy_answers(room, random, copied);
    }
    const std::size_t bytes = copied.bytes;
    if (anchors.owner != question_name_at) {
        for (std::size_t at = 0; at < bytes;) {
            write_pointer(&room[at], anchors.owner);
            at += 12U + static_cast<std::size_t>(room[at + 10] << 8U | room[at + 11]);
        }
    }
    if (copied.complete) copy_extras(room.subspan(bytes), anchors, copied);
    return copied;
}

// False, and not complete, when there is no room for it.
inline bool Answer::copy_record(std::size_t i, std::span<std::uint8_t> room, Copied& copied) const {
    const Octets octets = record(i);
    copied.complete = octets.size() <= room.size() - copied.bytes;
    if (!copied.complete) return false;
    std::memcpy(room.data() + copied.bytes, octets.data(), octets.size());
    copied.bytes += octets.size();
    ++copied.answers;
    return true;
}

void Answer::copy_answers(std::span<std::uint8_t> room, Random& random, Copied& copied) const {
    const std::uint32_t wanted = pick_one_ ? 1 : count_;
    Walk walk(count_, random);
    for (std::uint32_t i = 0; i < wanted; ++i) {
        if (!copy_record(walk.next(), room, copied)) return;
    }
}

// A draw of what was drawn already is drawn again: so the places are as if each had been drawn from
// the records that are left. Draws are limited; whoever was not drawn follows in any order, at last
// those without weight.
void Answer::copy_weighted(std::span<std::uint8_t> room, Random& random, Copied& copied) const {
    std::array<std::uint64_t, (UINT16_MAX + 64) / 64> taken;
    std::fill_n(taken.begin(), (count_ + 63U) / 64U, 0);
    const std::uint32_t wanted = pick_one_ ? 1 : count_;
    const auto take = [&](std::uint32_t i) {
        const std::uint64_t bit = std::uint64_t{1} << i % 64U;
        if ((taken[i / 64U] & bit) != 0) return true;
        taken[i / 64U] |= bit;
        return copy_record(i, room, copied);
    };
    const auto* const end = sums() + count_;
    for (std::uint32_t draws = 2U * count_ + 8U; draws > 0 && copied.answers < wanted; --draws) {
        const auto* const drawn = std::upper_bound(sums(), end, random.below(end[-1]));
        if (!take(static_cast<std::uint32_t>(drawn - sums()))) return;
    }
    for (const bool weight : {true, false}) {
        Walk walk(count_, random);
        for (std::uint32_t i = 0; i < count_ && copied.answers < wanted; ++i) {
            const auto next = walk.next();
            if (has_weight(next) == weight && !take(next)) return;
        }
    }
}

void Answer::copy_extras(std::span<std::uint8_t> room, Anchors anchors, Copied& copied) const {
    std::uint16_t fitting = extra_count_;
    while (fitting > 0 && extras()[fitting - 1].end > room.size()) --fitting;
    if (fitting == 0) return;
    std::memcpy(room.data(), body() + answer_bytes_, extras()[fitting - 1].end);
    for (std::size_t i = 0; i < fitting; ++i) {
        write_pointer(&room[extras()[i].pointer_at], anchors.apex);
    }
    copied.extras = fitting;
    copied.bytes += extras()[fitting - 1].end;
}

void AnswerBuilder::add(std::uint16_t type, std::uint32_t ttl, Octets rdata, std::uint16_t weight) {
    assert(ends_.size() < UINT16_MAX && rdata.size() <= UINT16_MAX);
    answers_.push_back(0xC0);
    answers_.push_back(question_name_at);
    append_record(answers_, type, ttl, rdata);
    ends_.push_back(static_cast<std::uint32_t>(answers_.size()));
    weights_.push_back(weight);
}

void AnswerBuilder::add_extra(std::string_view owner,
                              std::uint16_t type,
                              std::uint32_t ttl,
                              Octets rdata) {
    assert(extra_ends_.size() < UINT16_MAX);
    append(extras_, octets(owner));
    const auto pointer_at = static_cast<std::uint32_t>(extras_.size());
    append_u16(extras_, 0);
    append_record(extras_, type, ttl, rdata);
    extra_ends_.push_back({static_cast<std::uint32_t>(extras_.size()), pointer_at});
}

// None where all weigh the same: then every order is as good.
std::vector<std::uint32_t> AnswerBuilder::sums() const {
    const auto differs = [&](std::uint32_t weight) { return weight != weights_.front(); };
    if (std::none_of(weights_.begin(), weights_.end(), differs)) return {};
    std::vector<std::uint32_t> sums(weights_.size());
    std::partial_sum(weights_.begin(), weights_.end(), sums.begin());
    return sums;
}

Answer::Pointer AnswerBuilder::build() const {
    if (ends_.empty()) return nullptr;
    bool even = true;
    for (std::size_t i = 0; i < ends_.size(); ++i) even &= ends_[i] == (i + 1) * ends_[0];
    even &= ends_[0] <= UINT16_MAX;
    const auto weights = sums();
    const std::size_t bytes = sizeof(Answer) + extra_ends_.size() * sizeof(Answer::Extra) +
                              (even ? 0 : ends_.size() * sizeof(std::uint32_t)) +
                              weights.size() * sizeof(std::uint32_t) + answers_.size() +
                              extras_.size();
    auto* answer = new (::operator new(bytes)) Answer;
    answer->count_ = static_cast<std::uint16_t>(ends_.size());
    answer->extra_count_ = static_cast<std::uint16_t>(extra_ends_.size());
    answer->stride_ = static_cast<std::uint16_t>(even ? ends_[0] : 0);
    answer->pick_one_ = pick_one_;
    answer->weighted_ = !weights.empty();
    answer->answer_bytes_ = static_cast<std::uint32_t>(answers_.size());
    answer->extra_bytes_ = static_cast<std::uint32_t>(extras_.size());
    auto* at = reinterpret_cast<std::uint8_t*>(answer + 1);
    const auto put = [&at](const auto& items, std::size_t size) {
        if (size == 0) return;
        std::memcpy(at, items.data(), size);
        at += size;
    };
    put(extra_ends_, extra_ends_.size() * sizeof(Answer::Extra));
    put(ends_, even ? 0 : ends_.size() * sizeof(std::uint32_t));
    put(weights, weights.size() * sizeof(std::uint32_t));
    put(answers_, answers_.size());
    put(extras_, extras_.size());
    return Answer::Pointer(answer);
}

}  // namespace dns
