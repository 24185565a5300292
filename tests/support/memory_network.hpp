#pragma once
// The wire between members that live in one process: what a test cuts, delays and heals.
//
// Fed by:  nodes, through the transports that it hands out; the test.
// Thread:  that of `io`.
// Holds:   as PeerTransport: over one link nothing arrives out of order, and where something was
//          dropped the link breaks. A cut link looks alive to both until it is healed.

#include "coord/raft/message_check.hpp"
#include "coord/raft/peer_transport.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

namespace coord {

class MemoryNetwork {
public:
    class Endpoint final : public PeerTransport {
    public:
        Endpoint(MemoryNetwork& network, MemberId self, std::filesystem::path data_dir)
            : network_(network), self_(self), data_dir_(std::move(data_dir)) {}
        ~Endpoint() override { stop(); }

        void start(Listener listener) override {
            listener_ = std::move(listener);
            network_.up_[self_] = this;
            network_.relink();
        }
        void stop() override {
            if (network_.up_.erase(self_) == 0) return;
            listener_ = {};
            network_.relink();
        }
        void set_members(const std::vector<Member>& members) override {
            peers_.clear();
            for (const auto& member : members) peers_.insert(member.id);
            network_.relink();
        }
        void send(const Message& message) override {
            assert(is_well_formed(message));
            network_.send(self_, message.peer, [from = self_, message](Endpoint& to) {
                auto received = message;
                received.peer = from;
                to.listener_.message(received);
            });
        }
        bool send_letter(MemberId to, std::string letter) override {
            assert(letter.size() <= letter_bytes_max);
            return network_.send(
                self_, to, [from = self_, letter = std::move(letter)](Endpoint& receiver) {
                    receiver.listener_.letter(from, letter);
                });
        }
        bool is_connected(MemberId peer) const override {
            return network_.links_.contains({self_, peer});
        }
        void fetch_snapshot(MemberId from,
                            const SnapshotMetadata& snapshot,
                            std::filesystem::path into,
                            std::function<void(Result<void>)> done) override {
            network_.fetch(self_, from, snapshot.index, std::move(into), std::move(done));
        }
        std::vector<Metric> metrics() const override { return {}; }

    private:
        friend class MemoryNetwork;
        MemoryNetwork& network_;
        const MemberId self_;
        const std::filesystem::path data_dir_;
        Listener listener_;
        std::set<MemberId> peers_;
    };

    explicit MemoryNetwork(boost::asio::io_context& io) : io_(io) {}

    // What is sent in this direction from now on is lost, unnoticed until it is healed.
    void cut(MemberId from, MemberId to) { cut_.insert({from, to}); }
    void isolate(MemberId member) {
        for (const auto& [id, endpoint] : up_) {
            if (id == member) continue;
            cut(member, id);
            cut(id, member);
        }
    }
    void heal() {
        cut_.clear();
        for (const auto& [from, to] : std::exchange(gapped_, {})) {
            unlink({from, to});
            unlink({to, from});
        }
        relink();
    }
    // The links close, as both sides notice, and stay closed until `join`.
    void part(MemberId one, MemberId other) {
        parted_.insert({one, other});
        parted_.insert({other, one});
        relink();
    }
    void join() {
        parted_.clear();
        relink();
    }
    // The member is gone, with all that it had not sent yet.
    void down(MemberId member) {
        if (up_.erase(member) != 0) relink();
    }
    void delay(std::chrono::milliseconds delay) { delay_ = delay; }
    void lose_snapshots(bool lost) { snapshots_lost_ = lost; }
    [[nodiscard]] std::size_t fetches() const { return fetches_; }

private:
    using Link = std::pair<MemberId, MemberId>;
    using Delivery = std::function<void(Endpoint&)>;

    bool send(MemberId from, MemberId to, Delivery delivery) {
        const auto link = links_.find({from, to});
        if (link == links_.end()) return false;
        if (cut_.contains({from, to})) {
            gapped_.insert({from, to});
            return true;
        }
        if (gapped_.contains({from, to})) return true;
        link->second->push_back(std::move(delivery));
        const auto deliver = [this, to, weak = std::weak_ptr(link->second)] {
            const auto queue = weak.lock();
            const auto receiver = up_.find(to);
            if (!queue || receiver == up_.end()) return;
            const auto next = std::move(queue->front());
            queue->pop_front();
            next(*receiver->second);
        };
        later(deliver);
        return true;
    }

    template <class Call>
    void later(Call call) {
        if (delay_.count() == 0) {
            boost::asio::post(io_, std::move(call));
            return;
        }
        auto timer = std::make_shared<boost::asio::steady_timer>(io_, delay_);
        timer->async_wait([timer, call = std::move(call)](const auto&) { call(); });
    }

    void fetch(MemberId by,
               MemberId from,
               Index index,
               std::filesystem::path into,
               std::function<void(Result<void>)> done) {
        ++fetches_;
        later([this, by, from, index, into = std::move(into), done = std::move(done)] {
            const auto source = up_.find(from);
            if (!up_.contains(by)) return;
            if (source == up_.end() || snapshots_lost_) {
                done(make_error_code(boost::system::errc::no_such_file_or_directory));
                return;
            }
            std::error_code error;
            std::filesystem::copy_file(source->second->data_dir_ / "raft" / "snapshots" /
                                           fmt::format("{:020}.snapshot", number(index)),
                                       into,
                                       std::filesystem::copy_options::overwrite_existing,
                                       error);
            if (error) {
                done(make_error_code(boost::system::errc::no_such_file_or_directory));
            } else {
                done({});
            }
        });
    }

    // There is a link between two that are up and name each other.
    void relink() {
        std::set<Link> wanted;
        for (const auto& [a, one] : up_) {
            for (const auto& [b, other] : up_) {
                const bool names = one->peers_.contains(b) || other->peers_.contains(a);
                if (a != b && names && !parted_.contains({a, b})) wanted.insert({a, b});
            }
        }
        for (auto at = links_.begin(); at != links_.end();) {
            if (wanted.contains(at->first)) {
                ++at;
                continue;
            }
            tell(at->first, false);
            gapped_.erase(at->first);
            at = links_.erase(at);
        }
        for (const auto& link : wanted) {
            if (!links_.try_emplace(link, std::make_shared<std::deque<Delivery>>()).second)
                continue;
            tell(link, true);
        }
    }

    void unlink(Link link) {
        if (links_.erase(link) != 0) tell(link, false);
    }

    void tell(Link link, bool connected) {
        boost::asio::post(io_, [this, link, connected] {
            const auto at = up_.find(link.first);
            if (at == up_.end()) return;
            const auto& listener = at->second->listener_;
            (connected ? listener.connected : listener.disconnected)(link.second);
        });
    }

    boost::asio::io_context& io_;
    std::map<MemberId, Endpoint*> up_;
    std::map<Link, std::shared_ptr<std::deque<Delivery>>> links_;  // what is under way
    std::set<Link> cut_;
    std::set<Link> gapped_;
    std::set<Link> parted_;
    std::chrono::milliseconds delay_{0};
    bool snapshots_lost_ = false;
    std::size_t fetches_ = 0;
};

}  // namespace coord
