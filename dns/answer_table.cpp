#include "dns/answer_table.hpp"

#include <cassert>
#include <cstddef>
#include <cstring>
#include <new>
#include <random>
#include <urcu/rculfhash.h>
#include <urcu/urcu-qsbr.h>
#include <utility>
#include <vector>

// ThreadSanitizer does not see liburcu's fences, which are assembly: tell it what they order.
#if defined(__SANITIZE_THREAD__)
extern "C" void __tsan_acquire(void* address);
extern "C" void __tsan_release(void* address);
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

// Stands for the grace period that lies between a reader's last look and the freeing.
char grace_period = 0;

}  // namespace

ReadSection::ReadSection() { registration().enter(); }

ReadSection::~ReadSection() {
    __tsan_release(&grace_period);
    registration().leave();
}

// One allocation: the key's octets stand behind the object.
struct AnswerTable::Node final : cds_lfht_node, Answers {
    std::uint64_t hash = 0;
    std::uint32_t holds = 0;  // of the writer: names below, and hold()
    bool own = false;         // of the writer: put() and not removed
    Space space = Space::forward;
    std::uint16_t key_bytes = 0;

    static Node* make(Space space, std::uint64_t hash, std::string_view key) {
        auto* node = new (::operator new(sizeof(Node) + key.size())) Node;
        cds_lfht_node_init(node);
        node->hash = hash;
        node->space = space;
        node->key_bytes = static_cast<std::uint16_t>(key.size());
        std::memcpy(static_cast<void*>(node + 1), key.data(), key.size());
        return node;
    }
    static void destroy(Node* node) {
        for (auto& slot : node->slots_) Answer::Deleter()(slot.load(std::memory_order_relaxed));
        node->~Node();
        ::operator delete(node);
    }
    [[nodiscard]] std::string_view key() const {
        return {reinterpret_cast<const char*>(this + 1), key_bytes};
    }
    Answer::Pointer exchange(std::size_t slot, Answer::Pointer answer) {
        return Answer::Pointer(slots_[slot].exchange(answer.release(), std::memory_order_acq_rel));
    }
    [[nodiscard]] const Answer* at(std::size_t slot) const {
        return slots_[slot].load(std::memory_order_relaxed);
    }
};

struct AnswerTable::Garbage {
    rcu_head head{};
    std::vector<Answer::Pointer> answers;
    std::vector<Node*> nodes;

    ~Garbage() {
        for (auto* node : nodes) Node::destroy(node);
    }
    // On liburcu's thread, after a grace period.
    static void free_after(rcu_head* head) {
        __tsan_acquire(&grace_period);
        delete reinterpret_cast<Garbage*>(head);  // The head is the first member.
    }
};

struct AnswerTable::Buckets {
    cds_lfht* table = cds_lfht_new_flavor(
        1024, 1024, 0, CDS_LFHT_AUTO_RESIZE | CDS_LFHT_ACCOUNTING, &urcu_qsbr_flavor, nullptr);
    ~Buckets() {
        const int failed = cds_lfht_destroy(table, nullptr);
        assert(failed == 0);
    }
};

AnswerTable::AnswerTable()
    : buckets_(std::make_unique<Buckets>()),
      seed_(std::uint64_t{std::random_device()()} << 32U | std::random_device()()) {
    assert(buckets_->table != nullptr);
}

AnswerTable::~AnswerTable() {
    {
        const ReadSection section;
        cds_lfht_iter at;
        for (cds_lfht_first(buckets_->table, &at); cds_lfht_iter_get_node(&at) != nullptr;
             cds_lfht_next(buckets_->table, &at)) {
            auto* node = static_cast<Node*>(cds_lfht_iter_get_node(&at));
            cds_lfht_del(buckets_->table, node);
            garbage().nodes.push_back(node);
        }
    }
    commit(serial(), false);
    urcu_qsbr_barrier();
}

std::uint64_t AnswerTable::hash(Space space, Octets key) const {
    return hash_octets(key, seed_ + static_cast<std::uint64_t>(space));
}

AnswerTable::Node* AnswerTable::find_node(Space space, Octets key) const {
    struct Wanted {
        Space space;
        std::string_view key;
    };
    const Wanted wanted{space, text(key)};
    const auto match = [](cds_lfht_node* link, const void* passed) -> int {
        __tsan_acquire(link);
        const auto& node = static_cast<const Node&>(*link);
        const auto& other = *static_cast<const Wanted*>(passed);
        return node.space == other.space && node.key() == other.key ? 1 : 0;
    };
    cds_lfht_iter found;
    cds_lfht_lookup(buckets_->table, hash(space, key), match, &wanted, &found);
    return static_cast<Node*>(cds_lfht_iter_get_node(&found));
}

const Answers* AnswerTable::find(Space space, Octets key) const { return find_node(space, key); }

AnswerTable::Garbage& AnswerTable::garbage() {
    if (!garbage_) garbage_ = std::make_unique<Garbage>();
    return *garbage_;
}

// The node of a name, made together with its ancestors if it is new.
AnswerTable::Node& AnswerTable::open(Space space, std::string_view key) {
    assert(!key.empty());
    if (auto* node = find_node(space, octets(key))) return *node;
    const std::string_view parent = key.substr(1U + static_cast<std::uint8_t>(key[0]));
    if (!parent.empty()) ++open(space, parent).holds;
    auto* node = Node::make(space, hash(space, octets(key)), key);
    __tsan_release(static_cast<cds_lfht_node*>(node));
    cds_lfht_add(buckets_->table, node->hash, node);
    names_.fetch_add(1, std::memory_order_relaxed);
    return *node;
}

void AnswerTable::close_unneeded(Node& node) {
    if (node.own || node.holds > 0) return;
    const int failed = cds_lfht_del(buckets_->table, &node);
    assert(failed == 0);
    names_.fetch_sub(1, std::memory_order_relaxed);
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
    const ReadSection section;
    Node& node = open(space, key);
    node.own = true;
    set(node, std::move(answers));
}

void AnswerTable::remove(Space space, std::string_view key) {
    const ReadSection section;
    Node* node = find_node(space, octets(key));
    assert(node != nullptr && node->own);
    node->own = false;
    if (node->holds > 0) set(*node, {});
    close_unneeded(*node);
}

void AnswerTable::hold(Space space, std::string_view key) {
    const ReadSection section;
    ++open(space, key).holds;
}

void AnswerTable::release(Space space, std::string_view key) {
    const ReadSection section;
    Node* node = find_node(space, octets(key));
    assert(node != nullptr && node->holds > 0);
    --node->holds;
    close_unneeded(*node);
}

void AnswerTable::commit(std::uint32_t serial, bool ready) {
    serial_.store(serial, std::memory_order_release);
    if (ready) ready_.store(true, std::memory_order_release);
    if (!garbage_) return;
    const ReadSection section;
    urcu_qsbr_call_rcu(&garbage_.release()->head, &Garbage::free_after);
}

}  // namespace dns
