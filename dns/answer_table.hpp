#pragma once
// Every name we answer and its precompiled answers: one writer, any number of readers, no lock.
//
// Fed by:  AnswerCompiler.
// Read by: Responder, on the UDP workers and for TCP.
// Thread:  one writer at a time; readers anywhere, inside a ReadSection. What a reader found stays
//          valid until its ReadSection ends (liburcu, QSBR flavour: a section costs two stores and
//          a fence per batch of queries, not per query).
// Holds:   every ancestor of a name is a name, so a miss is NXDOMAIN. A name goes with its last
//          reason to be there: its own answers, names below it, or a hold(). Open addressing: a
//          slot is one word, a pointer and 16 bits of the hash; a miss costs one cache line.
// Source:  Desnoyers et al., "User-Level Implementations of Read-Copy Update" (2012).

#include "dns/answer.hpp"
#include "dns/grammar.hpp"
#include "dns/name.hpp"

#include <array>
#include <atomic>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace dns {

enum class Slot : std::uint8_t { a, aaaa, cname, ptr, txt, srv, svcb, https };
inline constexpr std::size_t slot_count = 8;

struct AnswerSet {
    std::array<Answer::Pointer, slot_count> slots;  // null: no such records

    Answer::Pointer& operator[](Slot slot) { return slots[static_cast<std::size_t>(slot)]; }
};

// What the catalog knows: nothing for certain yet, what the core knew when it was last heard of, or
// what it knows now.
enum class Freshness : std::uint8_t { unsynced, stale, current };

// What a reader finds under a name. Most names have one or two kinds of answers: there is a place
// for each kind that the name has had, and none for the others.
class Answers {
public:
    [[nodiscard]] const Answer* find(Slot slot) const {
        const auto* place = place_of(static_cast<std::size_t>(slot));
        return place == nullptr ? nullptr : place->load(std::memory_order_acquire);
    }

    // RFC 1034 §3.6.2: a CNAME and nothing else, so that it is followed for every type.
    [[nodiscard]] bool is_alias() const {
        for (std::size_t i = 0; i < slot_count; ++i) {
            const bool is_cname = static_cast<Slot>(i) == Slot::cname;
            if ((find(static_cast<Slot>(i)) != nullptr) != is_cname) return false;
        }
        return true;
    }

protected:
    using Place = std::atomic<const Answer*>;
    using Kinds = std::bitset<slot_count>;
    static constexpr std::size_t places_at = 24;  // from the object's beginning

    explicit Answers(const Kinds& kinds) {
        unsigned next = 0;
        for (std::size_t i = 0; i < slot_count; ++i) {
            order_ |= (kinds[i] ? next++ : no_place) << 4 * i;
        }
    }
    [[nodiscard]] const Place* place_of(std::size_t slot) const {
        const auto number = order_ >> 4 * slot & no_place;
        if (number == no_place) return nullptr;
        const auto* places = reinterpret_cast<const char*>(this) + places_at;
        return reinterpret_cast<const Place*>(places) + number;
    }

private:
    static constexpr unsigned no_place = 15;

    std::uint32_t order_ = 0;  // the number of each slot's place, in four bits
};

class ReadSection {
public:
    ReadSection();
    ~ReadSection();
    ReadSection(const ReadSection&) = delete;
    ReadSection& operator=(const ReadSection&) = delete;
};

class AnswerTable {
public:
    AnswerTable();
    ~AnswerTable();  // no reader may be left
    AnswerTable(const AnswerTable&) = delete;
    AnswerTable& operator=(const AnswerTable&) = delete;

    // Gives a name its own answers, in place of those it had; it exists even if all are null.
    void put(Space space, std::string_view key, AnswerSet answers);
    void remove(Space space, std::string_view key);
    // The name exists, though it owns nothing, until as many releases. Ancestors are held.
    void hold(Space space, std::string_view key);
    void release(Space space, std::string_view key);
    // Ends a round of changes: what was replaced is freed once no reader can see it any more. Once
    // synced, the table is so for ever.
    void commit(Freshness freshness);
    void commit(std::uint32_t serial, Freshness freshness) {
        set_serial(serial);
        commit(freshness);
    }
    // That of the zones from now on. Of any thread.
    void set_serial(std::uint32_t serial) { serial_.store(serial, std::memory_order_release); }

    // Inside a ReadSection. Null: no such name. A reader with several names at hand hides the way
    // to memory: it takes all hashes and fetches all slots, then all names, before it finds any.
    [[nodiscard]] std::uint64_t hash(Space space, Octets key) const;
    void fetch_slot(std::uint64_t hash) const;
    void fetch_name(std::uint64_t hash) const;
    [[nodiscard]] const Answers* find(Space space, Octets key, std::uint64_t hash) const;
    [[nodiscard]] const Answers* find(Space space, Octets key) const {
        return find(space, key, hash(space, key));
    }
    [[nodiscard]] Freshness freshness() const { return freshness_.load(std::memory_order_acquire); }
    [[nodiscard]] std::uint32_t serial() const { return serial_.load(std::memory_order_acquire); }

    // Whether some name begins with an asterisk.
    [[nodiscard]] bool has_wildcards() const {
        return wildcards_.load(std::memory_order_relaxed) > 0;
    }

    // Of any thread.
    [[nodiscard]] std::size_t names() const { return names_.load(std::memory_order_relaxed); }

private:
    struct Node;
    struct Garbage;
    struct Slots;

    [[nodiscard]] Node* find_node(Space space, Octets key, std::uint64_t hash) const;
    [[nodiscard]] Node* find_node(Space space, std::string_view key) const;
    void insert(Node& node);
    void erase(const Node& node);
    void make_room();
    Node& open(Space space, std::string_view key, const std::bitset<slot_count>& kinds = {});
    Node& enlarge(Node& node, const std::bitset<slot_count>& kinds);
    void close_unneeded(Node& node);
    void set(Node& node, AnswerSet answers);
    Garbage& garbage();

    std::atomic<Slots*> slots_;         // owned
    std::size_t used_ = 0;              // of the slots, also by names that are gone
    std::unique_ptr<Garbage> garbage_;  // since the last commit; null: none
    std::uint64_t seed_;
    std::atomic<std::uint32_t> serial_{0};
    std::atomic<Freshness> freshness_{Freshness::unsynced};
    std::atomic<std::size_t> names_{0};
    std::atomic<std::size_t> wildcards_{0};
};

}  // namespace dns
