#include "dns/answer_table.hpp"

#include "tests/support/dns_messages.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace dns {
namespace {

constexpr std::uint16_t a = 1;

// `count` addresses that all end in `value`.
AnswerSet addresses(std::uint8_t value, std::size_t count = 1) {
    AnswerBuilder builder;
    for (std::size_t i = 0; i < count; ++i) {
        builder.add(a, 5, std::array<std::uint8_t, 4>{10, 0, static_cast<std::uint8_t>(i), value});
    }
    AnswerSet set;
    set[Slot::a] = builder.build();
    return set;
}

Labels key(const std::string& text) {
    auto labels = parse_name(text).value();
    labels.pop_back();
    return labels;
}

// "-": no such name; "": it owns no address; else the last octet of its first address.
std::string found(const AnswerTable& table, const std::string& name, Space space = Space::forward) {
    const ReadSection section;
    const auto* answers = table.find(space, octets(key(name)));
    if (answers == nullptr) return "-";
    const auto* answer = answers->find(Slot::a);
    if (answer == nullptr) return "";
    std::array<std::uint8_t, 65536> room;
    Random random(1);
    answer->copy(room, {}, random);
    return std::to_string(room[15]);
}

TEST(AnswerTable, a_name_is_found_with_what_was_put_last) {
    AnswerTable table;

    table.put(Space::forward, key("web.service"), addresses(1));
    EXPECT_EQ(found(table, "web.service"), "1");
    table.put(Space::forward, key("web.service"), addresses(2));
    EXPECT_EQ(found(table, "web.service"), "2");
    table.put(Space::forward, key("web.service"), {});
    EXPECT_EQ(found(table, "web.service"), "");
}

TEST(AnswerTable, what_was_never_put_or_is_removed_is_missing) {
    AnswerTable table;
    table.put(Space::forward, key("web.service"), addresses(1));

    table.remove(Space::forward, key("web.service"));

    EXPECT_EQ(found(table, "web.service"), "-");
    EXPECT_EQ(found(table, "other.service"), "-");
    EXPECT_EQ(table.names(), 0U);
}

TEST(AnswerTable, a_name_gets_answers_of_another_kind_beside_those_it_has) {
    AnswerTable table;
    const auto name = key("web.service");
    table.put(Space::forward, key("below.web.service"), addresses(9));
    table.put(Space::forward, name, addresses(1));
    {
        const ReadSection section;
        const auto* before = table.find(Space::forward, octets(name));
        const auto* answer = before->find(Slot::a);

        auto both = addresses(1);
        both[Slot::txt] = std::move(addresses(2)[Slot::a]);
        table.put(Space::forward, name, std::move(both));
        table.commit(1, Freshness::current);

        const auto* after = table.find(Space::forward, octets(name));
        EXPECT_EQ(after->find(Slot::a), answer) << "what did not change stays";
        EXPECT_NE(after->find(Slot::txt), nullptr);
        EXPECT_EQ(before->find(Slot::a), answer) << "who found the name before goes on";
        EXPECT_EQ(before->find(Slot::txt), nullptr);
    }
    table.remove(Space::forward, name);
    EXPECT_EQ(found(table, "web.service"), "") << "it is held as before";
    table.remove(Space::forward, key("below.web.service"));
    EXPECT_EQ(table.names(), 0U);
}

TEST(AnswerTable, the_spaces_are_apart) {
    AnswerTable table;
    table.put(Space::reverse, key("1.in-addr"), addresses(1));

    EXPECT_EQ(found(table, "1.in-addr", Space::reverse), "1");
    EXPECT_EQ(found(table, "1.in-addr"), "-");
}

TEST(AnswerTable, every_ancestor_of_a_name_exists_while_the_name_does) {
    AnswerTable table;
    table.put(Space::forward, key("a.b.c.node"), addresses(1));
    table.put(Space::forward, key("x.c.node"), addresses(2));
    for (const auto* ancestor : {"b.c.node", "c.node", "node"})
        EXPECT_EQ(found(table, ancestor), "");

    table.remove(Space::forward, key("a.b.c.node"));
    EXPECT_EQ(found(table, "b.c.node"), "-");
    EXPECT_EQ(found(table, "c.node"), "");

    table.remove(Space::forward, key("x.c.node"));
    EXPECT_EQ(found(table, "node"), "-");
    EXPECT_EQ(table.names(), 0U);
}

TEST(AnswerTable, a_removed_name_with_names_below_it_stays_without_answers) {
    AnswerTable table;
    table.put(Space::forward, key("web.service"), addresses(1));
    table.put(Space::forward, key("primary.web.service"), addresses(2));

    table.remove(Space::forward, key("web.service"));

    EXPECT_EQ(found(table, "web.service"), "");
    EXPECT_EQ(found(table, "primary.web.service"), "2");
}

TEST(AnswerTable, a_name_is_held_as_often_as_it_is_not_released) {
    AnswerTable table;
    table.hold(Space::forward, key("_tcp.service"));
    table.hold(Space::forward, key("_tcp.service"));

    table.release(Space::forward, key("_tcp.service"));
    EXPECT_EQ(found(table, "_tcp.service"), "");
    table.release(Space::forward, key("_tcp.service"));
    EXPECT_EQ(found(table, "_tcp.service"), "-");
}

TEST(AnswerTable, is_synced_for_ever_once_a_commit_says_so) {
    AnswerTable table;
    table.commit(7, Freshness::unsynced);
    EXPECT_EQ(table.freshness(), Freshness::unsynced);

    table.commit(8, Freshness::current);
    EXPECT_EQ(table.freshness(), Freshness::current);
    table.commit(9, Freshness::unsynced);

    EXPECT_EQ(table.freshness(), Freshness::stale);
    EXPECT_EQ(table.serial(), 9U);
}

TEST(AnswerTable, finds_every_name_while_others_come_and_go) {
    AnswerTable table;
    const auto name = [](int i) { return key("s" + std::to_string(i)); };
    std::set<int> there;
    std::mt19937 choose(support::seed());
    for (int round = 0; round < 200'000; ++round) {
        const int i = static_cast<int>(choose() % 3000);
        if (there.insert(i).second) {
            table.put(Space::forward, name(i), {});
        } else if (choose() % 2 == 0) {
            table.remove(Space::forward, name(i));
            there.erase(i);
        }
        if (round % 1000 == 0) table.commit(1, Freshness::current);
    }
    const ReadSection section;
    for (int i = 0; i < 3000; ++i) {
        EXPECT_EQ(table.find(Space::forward, octets(name(i))) != nullptr, there.contains(i)) << i;
    }
    EXPECT_EQ(table.names(), there.size());
}

TEST(AnswerTable, grows_to_many_names_and_shrinks_again) {
    AnswerTable table;
    const auto name = [](int i) { return key("s" + std::to_string(i) + ".service"); };
    for (int i = 0; i < 50'000; ++i) table.put(Space::forward, name(i), {});
    EXPECT_EQ(table.names(), 50'001U);
    EXPECT_EQ(found(table, "s49999.service"), "");

    for (int i = 0; i < 50'000; ++i) table.remove(Space::forward, name(i));
    table.commit(1, Freshness::current);

    EXPECT_EQ(table.names(), 0U);
}

// Each answer is 50 addresses with the same last octet: a torn or freed one would show another.
void read_until(const AnswerTable& table,
                const std::atomic<bool>& done,
                unsigned seed,
                int& wrong) {
    std::mt19937 choose(seed);
    Random random(seed);
    std::vector<std::uint8_t> room(16 * 50);
    while (!done.load()) {
        const ReadSection section;
        for (int i = 0; i < 64; ++i) {
            const auto* answers = table.find(
                Space::forward, octets(key("s" + std::to_string(choose() % 32) + ".service")));
            const auto* answer = answers == nullptr ? nullptr : answers->find(Slot::a);
            if (answer == nullptr) continue;
            const auto copied = answer->copy(room, {}, random);
            for (std::size_t at = 0; at < copied.bytes; at += 16) {
                if (room[at + 15] != room[15]) ++wrong;
            }
        }
    }
}

TEST(AnswerTable, readers_see_whole_answers_while_names_come_change_and_go) {
    const auto seed = support::seed();
    AnswerTable table;
    std::atomic<bool> done{false};
    std::array<int, 3> wrong{};
    std::vector<std::thread> readers;
    for (std::size_t i = 0; i < wrong.size(); ++i) {
        readers.emplace_back(
            [&, i] { read_until(table, done, seed + static_cast<unsigned>(i), wrong[i]); });
    }

    std::mt19937 choose(seed);
    std::array<bool, 32> is_in{};
    for (int round = 0; round < 5000; ++round) {
        const auto i = choose() % is_in.size();
        const auto name = key("s" + std::to_string(i) + ".service");
        const bool remove = is_in[i] && choose() % 4 == 0;
        if (remove) {
            table.remove(Space::forward, name);
        } else {
            auto set = addresses(static_cast<std::uint8_t>(choose()), 50);
            if (choose() % 4 == 0) set[Slot::txt] = std::move(addresses(1)[Slot::a]);
            table.put(Space::forward, name, std::move(set));
        }
        is_in[i] = !remove;
        table.commit(static_cast<std::uint32_t>(round), Freshness::current);
    }
    done = true;
    for (auto& reader : readers) reader.join();

    EXPECT_EQ(wrong, (std::array<int, 3>{}));
}

TEST(AnswerTable, readers_find_what_stays_while_the_table_grows_and_is_swept) {
    AnswerTable table;
    const auto name = [](const char* kind, int i) { return key(kind + std::to_string(i)); };
    for (int i = 0; i < 100; ++i) table.put(Space::forward, name("stays", i), {});
    table.commit(1, Freshness::current);
    std::atomic<bool> done{false};
    std::atomic<int> missed{0};
    std::thread reader([&] {
        for (int i = 0; !done.load(); i = (i + 1) % 100) {
            const ReadSection section;
            if (table.find(Space::forward, octets(name("stays", i))) == nullptr) ++missed;
            if (table.find(Space::forward, octets(name("never", i))) != nullptr) ++missed;
        }
    });

    for (int round = 0; round < 5; ++round) {
        for (int i = 0; i < 4000; ++i) table.put(Space::forward, name("comes", i), {});
        table.commit(2, Freshness::current);
        for (int i = 0; i < 4000; ++i) table.remove(Space::forward, name("comes", i));
        table.commit(3, Freshness::current);
    }
    done = true;
    reader.join();

    EXPECT_EQ(missed.load(), 0);
    EXPECT_EQ(table.names(), 100U);
}

TEST(AnswerTable, knows_whether_a_name_begins_with_an_asterisk) {
    AnswerTable table;
    table.hold(Space::forward, "\1x\1*\4apps");
    EXPECT_TRUE(table.has_wildcards());
    table.release(Space::forward, "\1x\1*\4apps");
    EXPECT_FALSE(table.has_wildcards());
    table.hold(Space::forward, "\2*x\4apps");
    EXPECT_FALSE(table.has_wildcards());
}

}  // namespace
}  // namespace dns
