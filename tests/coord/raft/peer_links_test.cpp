#include "coord/raft/peer_links.hpp"

#include "coord/raft/snapshot_store.hpp"
#include "tests/support/authority.hpp"
#include "tests/support/log_entries.hpp"
#include "tests/support/run_until.hpp"
#include "tests/support/temporary_directory.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace coord {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using asio::ip::tcp;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

// A member that is nothing but its links.
class Peer {
public:
    Peer(asio::io_context& io, std::uint64_t id, PeerLinksOptions options = {})
        : id_{MemberId{id}} {
        if (options.listen.empty()) options.listen = "127.0.0.1:0";
        links_ = std::make_unique<PeerLinks>(io, std::move(options));
    }

    void join(const Founding& founding, std::vector<std::string> servers = {}) {
        links_->join(id_, founding, std::move(servers));
        start();
    }
    void form(std::vector<std::string> servers) {
        links_->form(id_, std::move(servers), [this](const Founding& found) {
            founding_ = found;
            start();
        });
    }
    void start() {
        links_->start(
            {.message = [this](const Message& m) { messages.push_back(m); },
             .letter = [this](MemberId from,
                              std::string_view letter) { letters.emplace_back(from, letter); },
             .connected = [this](MemberId peer) { told.emplace_back(peer, true); },
             .disconnected = [this](MemberId peer) { told.emplace_back(peer, false); }});
    }
    void vanish() { links_.reset(); }

    [[nodiscard]] double metric(const std::string& name, const std::string& label = {}) const {
        for (const auto& metric : links_->metrics()) {
            if (metric.name != "roster_raft_peer_" + name) continue;
            if (label.empty() || metric.labels.at(0).second == label) return metric.value;
        }
        ADD_FAILURE() << "no metric " << name;
        return 0;
    }

    PeerLinks* operator->() { return links_.get(); }
    [[nodiscard]] MemberId id() const { return id_; }
    [[nodiscard]] Member member() const { return {id_, links_->address(), MemberRole::voter}; }
    [[nodiscard]] const std::optional<Founding>& founding() const { return founding_; }

    std::vector<Message> messages;
    std::vector<std::pair<MemberId, std::string>> letters;
    std::vector<std::pair<MemberId, bool>> told;

private:
    MemberId id_;
    std::unique_ptr<PeerLinks> links_;
    std::optional<Founding> founding_;
};

class PeerLinksTest : public testing::Test {
protected:
    template <class Condition>
    void await(Condition condition) {
        ASSERT_TRUE(run_until(io, condition));
    }

    // Two members of one cluster, linked.
    void link(Peer& a, Peer& b) {
        const Founding founding{ClusterId{77}, {a.member(), b.member()}};
        a.join(founding);
        b.join(founding);
        await([&] { return a->is_connected(b.id()) && b->is_connected(a.id()); });
    }

    // What the peer port says to these bytes until it closes.
    std::string say(const std::string& address, const std::string& bytes) {
        tcp::socket socket(io);
        const auto colon = address.rfind(':');
        const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1)));
        socket.connect({asio::ip::make_address("127.0.0.1"), port});
        asio::write(socket, asio::buffer(bytes));
        std::string heard;
        std::array<char, 4096> buffer{};
        bool closed = false;
        std::function<void()> read = [&] {
            socket.async_read_some(asio::buffer(buffer),
                                   [&](const Error& error, std::size_t count) {
                                       heard.append(buffer.data(), count);
                                       closed = static_cast<bool>(error);
                                       if (!closed) read();
                                   });
        };
        read();
        EXPECT_TRUE(run_until(io, [&] { return closed; }));
        return heard;
    }

    asio::io_context io;
};

Message vote_for(MemberId candidate, MemberId to, std::uint64_t term = 3) {
    return {to, Term{term}, RequestVote{candidate, Index{5}, Term{2}, false, true}};
}

TEST_F(PeerLinksTest, members_find_each_other_and_messages_arrive_in_order) {
    Peer a(io, 1);
    Peer b(io, 2);
    link(a, b);

    for (std::uint64_t term = 3; term < 203; ++term) a->send(vote_for(a.id(), b.id(), term));
    await([&] { return b.messages.size() == 200; });

    for (std::size_t i = 0; i < 200; ++i) {
        EXPECT_EQ(b.messages[i].peer, a.id());
        EXPECT_EQ(b.messages[i].term, Term{3 + i});
    }
    EXPECT_THAT(a.told, ElementsAre(std::pair(b.id(), true)));
    EXPECT_LT(a.metric("writes_total"), 20);
}

TEST_F(PeerLinksTest, letters_arrive_in_order_with_messages) {
    Peer a(io, 1);
    Peer b(io, 2);
    link(a, b);
    const std::string large(PeerTransport::letter_bytes_max, 'x');

    EXPECT_TRUE(b->send_letter(a.id(), "one"));
    EXPECT_TRUE(b->send_letter(a.id(), large));
    EXPECT_FALSE(b->send_letter(MemberId{9}, "to nobody"));
    await([&] { return a.letters.size() == 2; });

    EXPECT_EQ(a.letters[0], std::pair(b.id(), std::string("one")));
    EXPECT_EQ(a.letters[1].second, large);
    EXPECT_EQ(b.metric("refused_letters_total"), 1);
}

TEST_F(PeerLinksTest, a_peer_that_goes_is_told_at_once_and_found_again_when_it_comes_back) {
    auto a = std::make_unique<Peer>(io, 1);
    Peer b(io, 2);
    link(*a, b);
    const auto address = (*a)->address();
    const Founding founding{ClusterId{77}, {a->member(), b.member()}};

    a->vanish();
    await([&] { return b.told.size() == 2; });
    EXPECT_EQ(b.told[1], std::pair(MemberId{1}, false));
    EXPECT_FALSE(b->is_connected(MemberId{1}));

    Peer again(io, 1, {.listen = address});
    again.join(founding);
    await([&] { return b->is_connected(MemberId{1}) && again->is_connected(b.id()); });
}

TEST_F(PeerLinksTest, a_peer_whose_address_has_changed_is_found_by_what_it_says) {
    auto a = std::make_unique<Peer>(io, 1);
    Peer b(io, 2);
    link(*a, b);
    const Founding founding{ClusterId{77}, {a->member(), b.member()}};
    a->vanish();
    await([&] { return !b->is_connected(MemberId{1}); });

    Peer moved(io, 1);
    ASSERT_NE(moved->address(), founding.founders[0].address);
    moved.join(founding);

    await([&] { return b->is_connected(MemberId{1}); });
    moved.vanish();
    await([&] { return !b->is_connected(MemberId{1}); });
}

TEST_F(PeerLinksTest, whichever_of_the_two_moves_they_find_each_other) {
    Peer a(io, 1);
    auto b = std::make_unique<Peer>(io, 2);
    link(a, *b);
    const Founding founding{ClusterId{77}, {a.member(), b->member()}};
    b->vanish();
    await([&] { return !a->is_connected(MemberId{2}); });

    Peer moved(io, 2);
    moved.join(founding);

    await([&] { return a->is_connected(MemberId{2}) && moved->is_connected(MemberId{1}); });
}

TEST_F(PeerLinksTest, links_end_with_membership) {
    Peer a(io, 1);
    Peer b(io, 2);
    link(a, b);

    b->set_members({b.member()});

    await([&] { return !a->is_connected(b.id()) && !b->is_connected(a.id()); });
    await([&] { return b.metric("refused_total", "removed") > 0 || a.metric("dials_total") > 3; });
    EXPECT_FALSE(b->is_connected(a.id()));
    await([&] { return !b->waiting().empty(); });
    EXPECT_EQ(b->waiting()[0].id, a.id()) << "it can be added again";
    b->set_members({a.member(), b.member()});
    await([&] { return a->is_connected(b.id()) && b->is_connected(a.id()); });
    EXPECT_TRUE(b->waiting().empty());
}

TEST_F(PeerLinksTest, a_peer_that_reads_nothing_loses_its_link_before_memory_runs_out) {
    Peer a(io, 1, {.queue_bytes_max = std::size_t{1} << 20U});
    Peer b(io, 2);
    link(a, b);
    const auto entry = std::make_shared<const std::string>(std::size_t{600} << 10U, 'x');
    const Message large{
        b.id(),
        Term{3},
        AppendEntries{Index{1}, Term{1}, {}, 1, {{Term{2}, EntryType::command, entry}}}};

    for (int i = 0; i < 4; ++i) a->send(large);

    EXPECT_FALSE(a->is_connected(b.id()));
    EXPECT_EQ(a.metric("queue_overflows_total"), 1);
    EXPECT_EQ(a.told.size(), 1U);  // not from within the call
    await([&] { return a.told.size() >= 3 && a->is_connected(b.id()); });
    EXPECT_EQ(a.told[1], std::pair(b.id(), false));
}

TEST_F(PeerLinksTest, a_member_of_another_cluster_is_refused) {
    Peer a(io, 1);
    Peer b(io, 2);
    const std::vector<Member> members{a.member(), b.member()};

    a.join({ClusterId{77}, members});
    b.join({ClusterId{78}, members});

    await([&] { return b.metric("refused_total", "other_cluster") > 0; });
    EXPECT_FALSE(a->is_connected(b.id()));
}

TEST_F(PeerLinksTest, garbage_is_refused_and_counted_and_harmless) {
    Peer a(io, 1);
    Peer b(io, 2);
    link(a, b);
    std::string version;
    encode_hello({.id = MemberId{9}, .address = "127.0.0.1:1"}, version);
    version[frame_header_bytes + 8] = 2;
    std::string letter;
    encode_letter("before any Hello", letter);

    EXPECT_THAT(say(a->address(), "GET / HTTP/1.1\r\n\r\n"), HasSubstr("not this protocol"));
    EXPECT_THAT(say(a->address(), letter), HasSubstr("not this protocol"));
    EXPECT_THAT(say(a->address(), version), HasSubstr("version 2"));

    EXPECT_EQ(a.metric("refused_total", "malformed"), 2);
    EXPECT_EQ(a.metric("refused_total", "version"), 1);
    EXPECT_TRUE(a->is_connected(b.id()));
    EXPECT_EQ(a.told.size(), 1U);
}

TEST_F(PeerLinksTest, who_does_not_say_who_it_is_in_time_is_dropped) {
    Peer a(io, 1, {.handshake_timeout = std::chrono::milliseconds(50)});
    a.join({ClusterId{77}, {a.member()}});

    say(a->address(), "");

    EXPECT_EQ(a.metric("refused_total", "late"), 1);
}

TEST_F(PeerLinksTest, so_many_strangers_are_waited_for_and_no_more) {
    Peer a(io, 1, {.strangers_max = 1});
    a.join({ClusterId{77}, {a.member()}});
    tcp::socket silent(io);
    const auto port = std::stoi(a->address().substr(a->address().rfind(':') + 1));
    silent.connect({asio::ip::make_address("127.0.0.1"), static_cast<std::uint16_t>(port)});

    say(a->address(), "");

    EXPECT_EQ(a.metric("refused_total", "too_many"), 1);
}

TEST_F(PeerLinksTest, a_link_that_breaks_the_protocol_is_closed) {
    Peer b(io, 2);
    const Member liar{MemberId{1}, "127.0.0.1:1", MemberRole::voter};
    b.join({ClusterId{77}, {liar, b.member()}});
    Hello hello{.purpose = PeerPurpose::link, .id = liar.id, .cluster = ClusterId{77}};
    hello.address = liar.address;
    std::string bytes;
    encode_hello(hello, bytes);
    encode_message(vote_for(MemberId{5}, b.id()), bytes);  // in another's name

    say(b->address(), bytes);

    EXPECT_THAT(b.told, ElementsAre(std::pair(liar.id, true), std::pair(liar.id, false)));
    EXPECT_TRUE(b.messages.empty());
    EXPECT_EQ(b.metric("refused_total", "malformed"), 1);
}

TEST_F(PeerLinksTest, three_servers_form_one_cluster_in_whatever_order_they_start) {
    for (const auto order : {std::array{0U, 1U, 2U}, std::array{2U, 0U, 1U}}) {
        std::deque<Peer> peers;
        for (std::uint64_t id : {31U, 12U, 23U}) peers.emplace_back(io, id);
        std::vector<std::string> servers;
        for (auto& peer : peers) servers.push_back(peer->address());
        for (const auto i : order) {
            peers[i].form(servers);
            if (i != order.back()) {
                await([&] { return !peers[i]->state().empty(); });
                EXPECT_THAT(peers[i]->state(), HasSubstr("no answer from"));
                EXPECT_EQ(peers[i].metric("forming"), 1);
            }
        }

        await([&] {
            return std::all_of(peers.begin(), peers.end(), [&](auto& peer) {
                return peer.told.size() == 2 && peer.founding();
            });
        });

        EXPECT_EQ(peers[0].founding(), peers[1].founding());
        EXPECT_EQ(peers[0].founding(), peers[2].founding());
        EXPECT_EQ(peers[0].founding()->founders.size(), 3U);
        EXPECT_EQ(peers[0]->state(), "");
        EXPECT_EQ(peers[0].metric("forming"), 0);
    }
}

TEST_F(PeerLinksTest, a_server_that_comes_late_waits_to_be_added) {
    Peer a(io, 1);
    a.form({a->address()});
    await([&] { return a.founding().has_value(); });
    Peer late(io, 2);
    late.form({a->address(), late->address()});

    await([&] { return !a->waiting().empty(); });
    EXPECT_EQ(a->waiting()[0].id, late.id());
    EXPECT_EQ(a->waiting()[0].address, late->address());
    EXPECT_EQ(a.metric("waiting"), 1);
    await([&] { return late->state().find("waits to be added") != std::string::npos; });
    EXPECT_FALSE(late.founding().has_value());

    a->set_members({a.member(), late.member()});

    await([&] { return late.founding().has_value() && late->is_connected(a.id()); });
    EXPECT_EQ(late.founding(), a.founding());
    EXPECT_TRUE(a->waiting().empty());
}

void write_snapshot(const fs::path& directory,
                    const SnapshotMetadata& metadata,
                    std::size_t bytes) {
    fs::create_directories(directory);
    SnapshotFileWriter writer(directory, metadata);
    for (std::size_t i = 0; i < bytes; i += 100'000)
        writer.write(std::string(100'000, char('a' + i % 26)));
    writer.finish();
}

TEST_F(PeerLinksTest, a_snapshot_is_fetched_and_checked) {
    const TemporaryDirectory directory;
    Peer a(io, 1, {.snapshots = directory / "a"});
    Peer b(io, 2, {.snapshots = directory / "b"});
    link(a, b);
    const SnapshotMetadata metadata{
        Index{7}, Term{2}, Index{1}, encode_configuration({a.member(), b.member()})};
    write_snapshot(directory / "a", metadata, 3'000'000);

    std::optional<Result<void>> done;
    b->fetch_snapshot(a.id(), metadata, directory / "fetched", [&](auto result) { done = result; });
    await([&] { return done.has_value(); });

    EXPECT_TRUE(done->has_value()) << done->error().message();
    EXPECT_EQ(File(directory / "fetched", File::Mode::read).read(0, 10'000'000),
              File(snapshot_path(directory / "a", Index{7}), File::Mode::read).read(0, 10'000'000));
    EXPECT_GT(a.metric("snapshot_bytes_sent_total"), 3'000'000);
}

TEST_F(PeerLinksTest, a_snapshot_that_is_not_there_is_said_to_be_missing) {
    const TemporaryDirectory directory;
    Peer a(io, 1, {.snapshots = directory / "a"});
    Peer b(io, 2);
    link(a, b);

    std::optional<Result<void>> done;
    const SnapshotMetadata metadata{Index{7}, Term{2}, Index{1}, ""};
    b->fetch_snapshot(a.id(), metadata, directory / "fetched", [&](auto result) { done = result; });
    await([&] { return done.has_value(); });

    EXPECT_EQ(done->error(), boost::system::errc::no_such_file_or_directory);
}

class PeerLinksTls : public PeerLinksTest {
protected:
    // A member with a certificate of `authority` for these names.
    PeerLinksOptions options_with(const tests::Authority& authority,
                                  const tests::Authority& trusted,
                                  const std::string& names) {
        const auto folder = directory_ / std::to_string(++count_);
        fs::create_directories(folder);
        const auto issued = authority.issue({.alternative_names = names});
        const auto write = [&](const char* name, const std::string& text) {
            std::ofstream(folder / name) << text;
            return folder / name;
        };
        PeerLinksOptions options;
        options.listen = "127.0.0.1:0";
        options.tls = TlsOptions{.certificate = write("certificate", issued.pem),
                                 .key = write("key", issued.key_pem),
                                 .authorities = write("authorities", trusted.pem)};
        return options;
    }

    TemporaryDirectory directory_;
    int count_ = 0;
};

TEST_F(PeerLinksTls, members_with_certificates_for_their_addresses_are_linked) {
    const tests::Authority authority;
    Peer a(io, 1, options_with(authority, authority, "IP:127.0.0.1"));
    Peer b(io, 2, options_with(authority, authority, "IP:127.0.0.1"));
    link(a, b);

    const std::string large(PeerTransport::letter_bytes_max, 'x');
    EXPECT_TRUE(a->send_letter(b.id(), large));
    await([&] { return b.letters.size() == 1; });
    EXPECT_EQ(b.letters[0].second, large);
}

TEST_F(PeerLinksTls, who_shows_no_certificate_or_one_for_another_host_is_refused) {
    const tests::Authority authority;
    const tests::Authority other("Another Authority");
    Peer a(io, 1, options_with(authority, authority, "IP:127.0.0.1"));
    Peer plain(io, 2);
    Peer misnamed(io, 3, options_with(authority, authority, "IP:127.0.0.9"));
    Peer strange(io, 4, options_with(other, authority, "IP:127.0.0.1"));
    const Founding founding{ClusterId{77},
                            {a.member(), plain.member(), misnamed.member(), strange.member()}};
    for (auto* peer : {&a, &plain, &misnamed, &strange}) peer->join(founding);

    await([&] { return a.metric("refused_total", "certificate") > 20; });

    for (auto* peer : {&a, &plain, &misnamed, &strange}) EXPECT_TRUE(peer->told.empty());
}

TEST_F(PeerLinksTls, who_dials_must_be_named_by_its_certificate_as_well) {
    const tests::Authority authority;
    Peer misnamed(io, 1, options_with(authority, authority, "IP:127.0.0.9"));
    Peer b(io, 2, options_with(authority, authority, "IP:127.0.0.1"));
    misnamed.join({ClusterId{77}, {misnamed.member(), b.member()}});
    b.join({ClusterId{77}, {b.member()}});  // it does not dial

    await([&] { return b.metric("refused_total", "certificate") > 0; });

    EXPECT_TRUE(b.told.empty());
}

}  // namespace
}  // namespace coord
