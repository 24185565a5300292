// Two clients that may send anything, a core of one member, and what it keeps of them.
//
// The input is frames as on the wire; the first octet of a length, 0 in what real clients send,
// says who sends it (1), that it is pipelined (2), and that it re-attaches to a session (4).

#include "coord/server/request_processor.hpp"
#include "tests/fuzz/fuzz_input.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace coord {
namespace {

using fuzz::expect;

class Core {
public:
    Core() {
        options_.wall_clock_ms = [this] { return ++now_ms_; };
        options_.frame_bytes_max = 4096;
        options_.watches_per_connection_max = 100;
        options_.output_pause_bytes = 65536;
        processor_.set_member(self);
        processor_.standing_changed({Role::leader, Term{1}, self, true}, {});
        turn();
        for (auto& client : clients_) hang_up(client);
    }
    ~Core() {
        for (auto& client : clients_) processor_.forget(*client);
    }
    Core(const Core&) = delete;
    Core& operator=(const Core&) = delete;

    void take(std::uint8_t flags, std::string_view frame) {
        auto& client = clients_.at(flags & 1U);
        if (!processor_.listens_to(*client)) turn();
        if (client->phase == Phase::ending) hang_up(client);
        if (!processor_.listens_to(*client)) return;
        processor_.heard(*client, time());
        const auto attach = (flags & 4U) != 0 && client->phase == Phase::greeting;
        processor_.take(*client, attach ? attaching() : std::string(frame));
        if ((flags & 2U) == 0) turn();
    }

    void finish() {
        turn();
        processor_.reap();
        turn();
        check_snapshot();
        now_ms_ += 100'000;
        processor_.expire_sessions(time());
        processor_.reap();
        turn();
        expect(processor_.outstanding() == 0);
        expect(processor_.state().ephemeral_count() == 0);
        check_snapshot();
    }

private:
    static constexpr MemberId self{1};
    struct Client : Conversation {};

    [[nodiscard]] RequestProcessor::Time time() const {
        return RequestProcessor::Time(std::chrono::milliseconds(now_ms_));
    }

    void hang_up(std::shared_ptr<Conversation>& client) {
        if (client) processor_.forget(*client);
        client = std::make_shared<Client>();
        client->command.ids = {{"ip", "127.0.0.1"}};
    }

    // A ConnectRequest for the newest session there is, with its password.
    [[nodiscard]] std::string attaching() const {
        const auto sessions = processor_.state().sessions();
        std::string frame;
        Encoder out(frame);
        ConnectRequest request;
        request.timeout_ms = 10'000;
        if (!sessions.empty()) {
            const auto& session = sessions.back();
            request.session = session.id;
            request.password = {session.password.data(), session.password.size()};
            request.encode(out);
        } else {
            request.encode(out);
        }
        return frame;
    }

    // What is proposed is committed at once; everyone reads what they are sent.
    void turn() {
        do {
            for (const auto& look_at : processor_.end_turn()) {
                look_at->dirty = false;
                check_frames(look_at->out);
                processor_.give_back(std::exchange(look_at->out, {}));
            }
            while (!log_.empty()) {
                const auto entry = std::move(log_.front());
                log_.pop_front();
                processor_.apply(Term{1}, *entry, time());
            }
        } while (std::exchange(woken_, false));
    }

    static void check_frames(std::string_view out) {
        while (!out.empty()) {
            const auto size = Decoder(out).int32();
            expect(size >= 16 && static_cast<std::size_t>(size) <= out.size() - 4);
            out.remove_prefix(4 + static_cast<std::size_t>(size));
        }
    }

    // "Equal commands give equal snapshot bytes": so does what was read from them.
    void check_snapshot() {
        const auto bytes_of = [](StateMachine& state) {
            std::string bytes;
            const auto cut = state.cut_snapshot();
            while (cut(bytes, 3)) {
            }
            return bytes;
        };
        std::string bytes;
        const auto cut = processor_.cut_snapshot();
        while (cut(bytes, 1000)) {
        }
        auto restored = StateMachine::restore(fuzz::in_chunks(bytes, 1000));
        expect(restored.has_value());
        expect(bytes_of(restored.value()) == bytes);
    }

    ServerOptions options_;
    ServerCounters counters_;
    std::int64_t now_ms_ = 1'700'000'000'000;
    std::deque<WriteQueue::Entry> log_;
    bool woken_ = false;
    RequestProcessor processor_{options_,
                                counters_,
                                {[this](const WriteQueue::Entry& entry) {
                                     log_.push_back(entry);
                                     return true;
                                 },
                                 [](const Touches&) { return true; },
                                 [this] { woken_ = true; }}};
    std::array<std::shared_ptr<Conversation>, 2> clients_;
};

}  // namespace
}  // namespace coord

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    fuzz::be_silent();
    fuzz::Input input(bytes, size);
    coord::Core core;
    while (!input.empty()) {
        const auto flags = input.byte();
        std::size_t length = 0;
        for (int i = 0; i < 3; ++i) length = length << 8U | input.byte();
        core.take(flags, input.take(length));
    }
    core.finish();
    return 0;
}
