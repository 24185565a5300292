#pragma once
// One answer, precompiled: the records as they go onto the wire, for any question that asks for it.
//
// Fed by:  AnswerBuilder, on the writer's thread.
// Read by: Responder, on any number of threads.
// Thread:  any; immutable once built.
// Holds:   position-independent: owners are pointers to the queried name; owners in the additional
//          section are labels and a pointer to the zone's apex inside the question; no pointer leads
//          into rdata, because the records are shuffled. One allocation.

#include "dns/name.hpp"
#include "dns/random.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace dns {

// What the pointers of an answer must lead to in this message.
struct Anchors {
    std::size_t owner = 12;  // the queried name, or the CNAME's target that led here
    std::size_t apex = 12;   // of its zone
};

struct Copied {
    std::size_t bytes = 0;
    std::uint16_t answers = 0;
    std::uint16_t extras = 0;
    bool complete = true;  // every answer is in; extras may be missing
};

class Answer {
public:
    struct Deleter {
        void operator()(const Answer* answer) const;
    };
    using Pointer = std::unique_ptr<const Answer, Deleter>;

    // Writes the records into `room`, in a random order; if they do not all fit, a random subset.
    // With weights, each place goes to one of the records that are left, by their weights.
    // Of the additional ones only as many as fit behind a complete set.
    Copied copy(std::span<std::uint8_t> room, Anchors anchors, Random& random) const;

    // Asks for the memory it begins in, ahead of copy().
    void fetch() const {
        const auto* begin = reinterpret_cast<const char*>(this);
        for (int line = 0; line < 3; ++line) __builtin_prefetch(begin + 64 * line);
    }

    [[nodiscard]] std::size_t count() const { return count_; }
    // One of them, as it was added: a pointer to the question's name, then TYPE and so on.
    [[nodiscard]] Octets record(std::size_t i) const;
    bool operator==(const Answer& other) const;

private:
    friend class AnswerBuilder;
    struct Extra {
        std::uint32_t end = 0;         // of the record, in the additional part
        std::uint32_t pointer_at = 0;  // of the pointer to the apex
        bool operator==(const Extra&) const = default;
    };
    Answer() = default;

    // Behind the object, in this order: extras, the ends of answers (if stride_ is 0), the sums of
    // their weights (if weighted_), the octets.
    [[nodiscard]] const Extra* extras() const { return reinterpret_cast<const Extra*>(this + 1); }
    [[nodiscard]] const std::uint32_t* ends() const {
        return reinterpret_cast<const std::uint32_t*>(extras() + extra_count_);
    }
    // Of the weights of a record and of all before it.
    [[nodiscard]] const std::uint32_t* sums() const { return ends() + (stride_ == 0 ? count_ : 0); }
    [[nodiscard]] const std::uint8_t* body() const {
        return reinterpret_cast<const std::uint8_t*>(sums() + (weighted_ ? count_ : 0));
    }
    [[nodiscard]] bool has_weight(std::size_t i) const {
        return sums()[i] != (i == 0 ? 0 : sums()[i - 1]);
    }
    bool copy_record(std::size_t i, std::span<std::uint8_t> room, Copied& copied) const;
    void copy_answers(std::span<std::uint8_t> room, Random& random, Copied& copied) const;
    void copy_weighted(std::span<std::uint8_t> room, Random& random, Copied& copied) const;
    void copy_extras(std::span<std::uint8_t> room, Anchors anchors, Copied& copied) const;

    std::uint16_t count_ = 0;
    std::uint16_t extra_count_ = 0;
    std::uint16_t stride_ = 0;  // octets of each answer record; 0: they differ
    bool pick_one_ = false;     // a CNAME: there can be only one
    bool weighted_ = false;
    std::uint32_t answer_bytes_ = 0;
    std::uint32_t extra_bytes_ = 0;
};

class AnswerBuilder {
public:
    // Not above 65,535 records and octets; the compiler's own limits are far below.
    void add(std::uint16_t type, std::uint32_t ttl, Octets rdata, std::uint16_t weight = 1);
    // The answer record at `i` has more weight than it was added with.
    void add_weight(std::size_t i, std::uint16_t weight) { weights_[i] += weight; }
    // An additional record; `owner` is relative to the zone's apex.
    void add_extra(std::string_view owner, std::uint16_t type, std::uint32_t ttl, Octets rdata);
    // Of several answer records each query gets one, by chance.
    void pick_one() { pick_one_ = true; }

    [[nodiscard]] bool empty() const { return ends_.empty(); }
    [[nodiscard]] std::size_t count() const { return ends_.size(); }
    [[nodiscard]] std::size_t bytes() const { return answers_.size(); }
    // Null when nothing was added.
    [[nodiscard]] Answer::Pointer build() const;

private:
    [[nodiscard]] std::vector<std::uint32_t> sums() const;

    std::vector<std::uint8_t> answers_;
    std::vector<std::uint32_t> ends_;
    std::vector<std::uint32_t> weights_;
    std::vector<std::uint8_t> extras_;
    std::vector<Answer::Extra> extra_ends_;
    bool pick_one_ = false;
};

// Big-endian numbers at the end of a record being built.
void append_u16(std::vector<std::uint8_t>& to, std::uint16_t value);
void append_u32(std::vector<std::uint8_t>& to, std::uint32_t value);
void append(std::vector<std::uint8_t>& to, Octets octets);
// Of TXT: character strings of at most 255 octets each.
std::vector<std::uint8_t> text_rdata(std::string_view text);

}  // namespace dns
