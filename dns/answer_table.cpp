#include "dns/answer_table.hpp"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <random>
#include <sys/mman.h>
#include <urcu/urcu-qsbr.h>
#include <utility>
#include <vector>

// ThreadSanitizer does not see liburcu's fences, which are assembly: tell it what they order.
#if defined(__SANITIZE_THREAD__)
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
// What it allocates on one thread and frees on another is its own affair.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "race:liburcu-qsbr.so\n"; }
#else
static void __tsan_acquire(void*) {}
static void __tsan_release(void*) {}
#endif

namespace dns {

namespace {

// QSBR waits for every registered thread that is online, so a thread is online only inside its
// outermost ReadSection.
class Registration {
public:
    Registration() {
        urcu_qsbr_register_thread();
        urcu_qsbr_thread_offline();
    }
    ~Registration() { urcu_qsbr_unregister_thread(); }
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;

    void enter() {
        if (depth_++ == 0) urcu_qsbr_thread_online();
    }
    void leave() {
        if (--depth_ == 0) urcu_qsbr_thread_offline();
    }

private:
    int depth_ = 0;
};

Registration& registration() {
    thread_local Registration mine;
    return mine;
}

// The least number of slots, and from which size on they are worth huge pages.
constexpr std::size_t slots_min = 1024;
constexpr std::size_t huge_page_bytes = std::size_t{2} << 20U;

// A slot: the upper 16 bits of the hash, and a pointer, which in user space has at most 48 bits.
constexpr std::uint64_t pointer_mask = (std::uint64_t{1} << 48U) - 1;
constexpr std::uint64_t never_used = 0;
constexpr std::uint64_t gone = 1;  // A name was here: others may lie beyond.

bool is_wildcard(std::string_view key) { return key.starts_with("\1*"); }

// Stands for the grace period that lies between a reader's last look and the freeing.
char grace_period = 0;

}  // namespace

ReadSection::ReadSection() { registration().enter(); }

ReadSection::~ReadSection() {
    __tsan_release(&grace_period);
    registration().leave();
}

// One allocation: behind the object are the places of answers, and then the key's octets.
struct AnswerTable::Node final : Answers {
    std::uint32_t holds = 0;  // of the writer: names below, and hold()
    std::uint64_t hash = 0;
    bool own = false;  // of the writer: put() and not removed
    Space space = Space::forward;
    std::uint8_t places = 0;
    std::uint16_t key_bytes = 0;

    static Node* make(Space space, std::uint64_t hash, std::string_view key, const Kinds& kinds) {
        const std::size_t bytes = sizeof(Node) + kinds.count() * sizeof(Place) + key.size();
        auto* node = new (::operator new(bytes)) Node(kinds);
        node->hash = hash;
        node->space = space;
        node->key_bytes = static_cast<std::uint16_t>(key.size());
        std::uninitialized_fill_n(reinterpret_cast<Place*>(node + 1), node->places, nullptr);
        std::memcpy(node->key_octets(), key.data(), key.size());
        return node;
    }
    static void destroy(Node* node) {
        for (std::size_t i = 0; i < slot_count; ++i) Answer::Deleter()(node->at(i));
        discard(node);
    }
    // Its answers live on elsewhere.
    static void discard(Node* node) {
        node->~Node();
        ::operator delete(node);
    }

    [[nodiscard]] std::string_view key() const {
        return {const_cast<Node*>(this)->key_octets(), key_bytes};
    }
    [[nodiscard]] const Answer* at(std::size_t slot) const {
        const auto* place = place_of(slot);
        return place == nullptr ? nullptr : place->load(std::memory_order_relaxed);
    }
    [[nodiscard]] bool has_places(const Kinds& kinds) const {
        for (std::size_t i = 0; i < slot_count; ++i) {
            if (kinds[i] && place_of(i) == nullptr) return false;
        }
        return true;
    }
    [[nodiscard]] Kinds kinds() const {
        Kinds kinds;
        for (std::size_t i = 0; i < slot_count; ++i) kinds[i] = at(i) != nullptr;
        return kinds;
    }
    // There is a place for it.
    Answer::Pointer exchange(std::size_t slot, Answer::Pointer answer) {
        auto* place = const_cast<Place*>(place_of(slot));
        return Answer::Pointer(place->exchange(answer.release(), std::memory_order_acq_rel));
    }

private:
    explicit Node(const Kinds& kinds)
        : Answers(kinds), places(static_cast<std::uint8_t>(kinds.count())) {
        static_assert(sizeof(Node) == places_at && alignof(Node) >= alignof(Place));
    }
    [[nodiscard]] char* key_octets() {
        return reinterpret_cast<char*>(this + 1) + places * sizeof(Place);
    }
};

struct AnswerTable::Slots {
    explicit Slots(std::size_t count) : mask(count - 1) {
        const std::size_t bytes = count * sizeof(std::atomic<std::uint64_t>);
        const bool huge = bytes >= huge_page_bytes;
        void* memory = std::aligned_alloc(huge ? huge_page_bytes : 64, bytes);
        if (memory == nullptr) throw std::bad_alloc();
        if (huge) ::madvise(memory, bytes, MADV_HUGEPAGE);
        words = static_cast<std::atomic<std::uint64_t>*>(memory);
        std::uninitialized_fill_n(words, count, never_used);
    }
    ~Slots() { std::free(words); }
    Slots(const Slots&) = delete;
    Slots& operator=(const Slots&) = delete;

    // Null for a slot that holds no name.
    static Node* node_of(std::uint64_t word) {
        return word <= gone ? nullptr : reinterpret_cast<Node*>(word & pointer_mask);
    }
    static std::uint64_t word_of(const Node& node) {
        const auto pointer = reinterpret_cast<std::uint64_t>(&node);
        assert((pointer & ~pointer_mask) == 0);
        return (node.hash & ~pointer_mask) | pointer;
    }
    // Whether that took a slot that was never used.
    [[nodiscard]] bool put(const Node& node) const {
        std::size_t i = node.hash & mask;
        while (words[i].load(std::memory_order_relaxed) > gone) i = (i + 1) & mask;
        const bool fresh = words[i].load(std::memory_order_relaxed) == never_used;
        words[i].store(word_of(node), std::memory_order_release);
        return fresh;
    }
    [[nodiscard]] std::atomic<std::uint64_t>& slot_of(const Node& node) const {
        const auto word = word_of(node);
        std::size_t i = node.hash & mask;
        while (words[i].load(std::memory_order_relaxed) != word) i = (i + 1) & mask;
        return words[i];
    }

    std::size_t mask;
    std::atomic<std::uint64_t>* words;
};

struct AnswerTable::Garbage {
    rcu_head head{};
    std::vector<Answer::Pointer> answers;
    std::vector<Node*> nodes;
    std::vector<Node*> shells;  // whose answers another node has now
    std::vector<std::unique_ptr<Slots>> slots;

    ~Garbage() {
        for (auto* node : nodes) Node::destroy(node);
        for (auto* node : shells) Node::discard(node);
    }
    // On liburcu's thread, after a grace period.
    static void free_after(rcu_head* head) {
        __tsan_acquire(&grace_period);
        delete reinterpret_cast<Garbage*>(head);  // The head is the first member.
    }
};

AnswerTable::AnswerTable()
    : slots_(new Slots(slots_min)),
      seed_(std::uint64_t{std::random_device()()} << 32U | std::random_device()()) {}

AnswerTable::~AnswerTable() {
    const std::unique_ptr<Slots> slots(slots_.load());
    for (std::size_t i = 0; i <= slots->mask; ++i) {
        if (auto* node = Slots::node_of(slots->words[i].load())) garbage().nodes.push_back(node);
    }
    commit(freshness());
    urcu_qsbr_barrier();
}

std::uint64_t AnswerTable::hash(Space space, Octets key) const {
    return hash_octets(key, seed_ + static_cast<std::uint64_t>(space));
}

void AnswerTable::fetch_slot(std::uint64_t hash) const {
    const auto& slots = *slots_.load(std::memory_order_acquire);
    __builtin_prefetch(&slots.words[hash & slots.mask]);
}

// The first name that may be the one: another of the same 16 bits is rare.
void AnswerTable::fetch_name(std::uint64_t hash) const {
    const auto& slots = *slots_.load(std::memory_order_acquire);
    for (std::size_t i = hash & slots.mask;; i = (i + 1) & slots.mask) {
        const auto word = slots.words[i].load(std::memory_order_acquire);
        if (word == never_used) return;
        if (((word ^ hash) & ~pointer_mask) != 0 || word == gone) continue;
        const auto* node = reinterpret_cast<const char*>(word & pointer_mask);
        __builtin_prefetch(node);
        __builtin_prefetch(node + 64);
        return;
    }
}

AnswerTable::Node* AnswerTable::find_node(Space space, Octets key, std::uint64_t hash) const {
    const auto& slots = *slots_.load(std::memory_order_acquire);
    for (std::size_t i = hash & slots.mask;; i = (i + 1) & slots.mask) {
        const auto word = slots.words[i].load(std::memory_order_acquire);
        if (word == never_used) return nullptr;
        if (((word ^ hash) & ~pointer_mask) != 0) continue;
        auto* node = Slots::node_of(word);
        if (node == nullptr || node->hash != hash || node->space != space) continue;
        if (node->key() == text(key)) return node;
    }
}

AnswerTable::Node* AnswerTable::find_node(Space space, std::string_view key) const {
    return find_node(space, octets(key), hash(space, octets(key)));
}

const Answers* AnswerTable::find(Space space, Octets key, std::uint64_t hash) const {
    return find_node(space, key, hash);
}

AnswerTable::Garbage& AnswerTable::garbage() {
    if (!garbage_) garbage_ = std::make_unique<Garbage>();
    return *garbage_;
}

// At most five of eight slots are used. New ones are filled while readers use the old ones.
void AnswerTable::make_room() {
    const auto* before = slots_.load(std::memory_order_relaxed);
    if ((used_ + 1) * 8 <= (before->mask + 1) * 5) return;
    const std::size_t live = names_.load(std::memory_order_relaxed);
    auto after = std::make_unique<Slots>(std::bit_ceil(std::max(slots_min, live * 3)));
    used_ = 0;
    for (std::size_t i = 0; i <= before->mask; ++i) {
        const auto word = before->words[i].load(std::memory_order_relaxed);
        if (const auto* node = Slots::node_of(word)) used_ += after->put(*node) ? 1U : 0U;
    }
    garbage().slots.emplace_back(slots_.exchange(after.release(), std::memory_order_acq_rel));
}

void AnswerTable::insert(Node& node) {
    make_room();
    used_ += slots_.load(std::memory_order_relaxed)->put(node) ? 1U : 0U;
    names_.fetch_add(1, std::memory_order_relaxed);
    if (is_wildcard(node.key())) wildcards_.fetch_add(1, std::memory_order_relaxed);
}

void AnswerTable::erase(const Node& node) {
    const auto& slots = *slots_.load(std::memory_order_relaxed);
    slots.slot_of(node).store(gone, std::memory_order_release);
    names_.fetch_sub(1, std::memory_order_relaxed);
    if (is_wildcard(node.key())) wildcards_.fetch_sub(1, std::memory_order_relaxed);
}

// The node of a name with room for these answers, made together with its ancestors if it is new.
AnswerTable::Node&
AnswerTable::open(Space space, std::string_view key, const std::bitset<slot_count>& kinds) {
    assert(!key.empty());
    if (auto* node = find_node(space, key))
        return node->has_places(kinds) ? *node : enlarge(*node, kinds);
    const std::string_view parent = key.substr(1U + static_cast<std::uint8_t>(key[0]));
    if (!parent.empty()) ++open(space, parent).holds;
    auto* node = Node::make(space, hash(space, octets(key)), key, kinds);
    insert(*node);
    return *node;
}

// Another node in its place, with the same answers. Readers may go on with the one before.
AnswerTable::Node& AnswerTable::enlarge(Node& node, const std::bitset<slot_count>& kinds) {
    auto* after = Node::make(node.space, node.hash, node.key(), kinds | node.kinds());
    after->holds = node.holds;
    after->own = node.own;
    for (std::size_t i = 0; i < slot_count; ++i) {
        if (const auto* answer = node.at(i)) after->exchange(i, Answer::Pointer(answer)).reset();
    }
    const auto& slots = *slots_.load(std::memory_order_relaxed);
    slots.slot_of(node).store(Slots::word_of(*after), std::memory_order_release);
    garbage().shells.push_back(&node);
    return *after;
}

void AnswerTable::close_unneeded(Node& node) {
    if (node.own || node.holds > 0) return;
    erase(node);
    garbage().nodes.push_back(&node);
    const std::string_view parent =
        node.key().substr(1U + static_cast<std::uint8_t>(node.key()[0]));
    if (!parent.empty()) release(node.space, parent);
}

// An answer that did not change stays: no reader's cache line is touched for nothing.
void AnswerTable::set(Node& node, AnswerSet answers) {
    for (std::size_t i = 0; i < slot_count; ++i) {
        const Answer* before = node.at(i);
        const Answer* after = answers.slots[i].get();
        if (before == nullptr && after == nullptr) continue;
        if (before != nullptr && after != nullptr && *before == *after) continue;
        auto old = node.exchange(i, std::move(answers.slots[i]));
        if (old) garbage().answers.push_back(std::move(old));
    }
}

void AnswerTable::put(Space space, std::string_view key, AnswerSet answers) {
    std::bitset<slot_count> kinds;
    for (std::size_t i = 0; i < slot_count; ++i) kinds[i] = answers.slots[i] != nullptr;
    Node& node = open(space, key, kinds);
    node.own = true;
    set(node, std::move(answers));
}

void AnswerTable::remove(Space space, std::string_view key) {
    Node* node = find_node(space, key);
    assert(node != nullptr && node->own);
    node->own = false;
    if (node->holds > 0) set(*node, {});
    close_unneeded(*node);
}

void AnswerTable::hold(Space space, std::string_view key) { ++open(space, key).holds; }

void AnswerTable::release(Space space, std::string_view key) {
    Node* node = find_node(space, key);
    assert(node != nullptr && node->holds > 0);
    --node->holds;
    close_unneeded(*node);
}

void AnswerTable::commit(Freshness freshness) {
    if (freshness == Freshness::unsynced && freshness_ != freshness) freshness = Freshness::stale;
    freshness_.store(freshness, std::memory_order_release);
    if (!garbage_) return;
    const ReadSection section;  // call_rcu wants a registered thread.
    urcu_qsbr_call_rcu(&garbage_.release()->head, &Garbage::free_after);
}

}  // namespace dns
