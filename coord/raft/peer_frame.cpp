#include "coord/raft/peer_frame.hpp"

#include "coord/raft/little_endian.hpp"

#include <algorithm>
#include <cassert>
#include <concepts>
#include <cstring>
#include <memory>
#include <utility>

namespace coord {

namespace {

constexpr std::string_view magic = "RSTRPEER";
constexpr std::size_t read_bytes = std::size_t{64} << 10U;
constexpr std::size_t entry_header_bytes = 13;  // term, type, length
constexpr std::size_t append_bytes_max = 4096;  // of a message without its entries
constexpr std::size_t address_bytes_max = 300;  // a host name is at most 253 octets long
constexpr std::size_t members_max = 64;
constexpr std::size_t refusal_bytes_max = 1024;

// The numbers are those on the wire.
enum class Body : std::uint8_t {
    append = 1,
    append_result = 2,
    vote = 3,
    vote_result = 4,
    install = 5,
    timeout_now = 6,
};

// Puts a header, and the length into it when the content is there.
class FrameWriter {
public:
    FrameWriter(FrameType type, std::string& out) : out_(out), begin_(out.size()) {
        put(std::uint32_t{0});
        put(static_cast<std::uint8_t>(type));
    }
    ~FrameWriter() {
        const auto length = out_.size() - begin_ - frame_header_bytes;
        assert(length <= frame_bytes_max);
        std::string header;
        put_number(header, static_cast<std::uint32_t>(length));
        out_.replace(begin_, header.size(), header);
    }
    FrameWriter(const FrameWriter&) = delete;
    FrameWriter& operator=(const FrameWriter&) = delete;

    template <std::unsigned_integral Number>
    void put(Number value) {
        put_number(out_, value);
    }
    template <class Id>
    void put_id(Id id) {
        put(number(id));
    }
    void put_flag(bool flag) { put(static_cast<std::uint8_t>(flag)); }
    void put_raw(std::string_view bytes) { out_ += bytes; }
    void put_text(std::string_view text) {
        put(static_cast<std::uint32_t>(text.size()));
        out_ += text;
    }
    void put_members(const std::vector<Member>& members) {
        put(static_cast<std::uint8_t>(members.size()));
        for (const auto& member : members) {
            put_id(member.id);
            put_text(member.address);
            put(static_cast<std::uint8_t>(member.role));
        }
    }

private:
    std::string& out_;
    const std::size_t begin_;
};

// Reads what is there; after the first thing that is not, everything is zero and good() false.
class FrameReader {
public:
    explicit FrameReader(std::string_view content) : rest_(content) {}

    template <std::unsigned_integral Number>
    Number take() {
        const auto bytes = take_raw(sizeof(Number));
        return bytes.empty() ? Number{0} : get_number<Number>(bytes, 0);
    }
    template <class Id>
    Id take_id() {
        return Id{take<std::uint64_t>()};
    }
    bool take_flag() {
        const auto flag = take<std::uint8_t>();
        good_ = good_ && flag <= 1;
        return flag == 1;
    }
    std::string_view take_raw(std::size_t count) {
        if (!good_ || count > rest_.size()) {
            good_ = false;
            return {};
        }
        const auto taken = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return taken;
    }
    std::string_view take_text(std::size_t bytes_max) {
        const auto length = take<std::uint32_t>();
        good_ = good_ && length <= bytes_max;
        return take_raw(length);
    }
    std::vector<Member> take_members() {
        const std::size_t count = take<std::uint8_t>();
        good_ = good_ && count <= members_max;
        std::vector<Member> members;
        for (std::size_t i = 0; good_ && i < count; ++i) {
            const auto id = take_id<MemberId>();
            std::string address(take_text(address_bytes_max));
            const auto role = take<std::uint8_t>();
            good_ = good_ && id != MemberId{0} && role <= static_cast<int>(MemberRole::spare);
            members.push_back({id, std::move(address), static_cast<MemberRole>(role)});
        }
        return members;
    }
    // Whether all was there, and nothing is left.
    [[nodiscard]] bool at_end() const { return good_ && rest_.empty(); }
    [[nodiscard]] bool good() const { return good_; }
    [[nodiscard]] std::size_t left() const { return rest_.size(); }
    void refuse() { good_ = false; }

private:
    std::string_view rest_;
    bool good_ = true;
};

std::size_t size_of(const LogEntry& entry) { return entry_header_bytes + entry.bytes->size(); }

void put_append(
    const AppendEntries& body, Term term, std::size_t begin, std::size_t end, std::string& out) {
    FrameWriter frame(FrameType::message, out);
    frame.put(static_cast<std::uint8_t>(Body::append));
    frame.put_id(term);
    frame.put(number(body.previous_index) + begin);
    frame.put_id(begin == 0 ? body.previous_term : body.entries[begin - 1].term);
    frame.put_id(body.commit);
    frame.put(static_cast<std::uint32_t>(end - begin));
    for (auto i = begin; i < end; ++i) {
        const auto& entry = body.entries[i];
        frame.put_id(entry.term);
        frame.put(static_cast<std::uint8_t>(entry.type));
        frame.put_text(entry.view());
    }
}

std::size_t encode_append(const AppendEntries& body, Term term, std::string& out) {
    assert(body.count == body.entries.size());
    std::size_t frames = 0;
    std::size_t begin = 0;
    do {
        auto bytes = append_bytes_max;
        auto end = begin;
        while (end < body.entries.size()) {
            bytes += size_of(body.entries[end]);
            if (bytes > frame_bytes_max && end > begin) break;
            ++end;
        }
        put_append(body, term, begin, end, out);
        ++frames;
        begin = end;
    } while (begin < body.entries.size());
    return frames;
}

struct BodyWriter {
    FrameWriter& frame;

    void head(Body body, Term term) const {
        frame.put(static_cast<std::uint8_t>(body));
        frame.put_id(term);
    }
    void write(const AppendEntriesResult& body, Term term) const {
        head(Body::append_result, term);
        frame.put_id(body.rejected);
        frame.put_id(body.last_index);
        frame.put(body.features);
        frame.put(body.capacity);
    }
    void write(const RequestVote& body, Term term) const {
        head(Body::vote, term);
        frame.put_id(body.candidate);
        frame.put_id(body.last_index);
        frame.put_id(body.last_term);
        frame.put_flag(body.disrupt_leader);
        frame.put_flag(body.pre_vote);
    }
    void write(const RequestVoteResult& body, Term term) const {
        head(Body::vote_result, term);
        frame.put_flag(body.granted);
        frame.put_flag(body.pre_vote);
        frame.put(body.features);
        frame.put(body.capacity);
    }
    void write(const InstallSnapshot& body, Term term) const {
        head(Body::install, term);
        frame.put_id(body.snapshot.index);
        frame.put_id(body.snapshot.term);
        frame.put_id(body.snapshot.configuration_index);
        frame.put_text(body.snapshot.configuration);
    }
    void write(const TimeoutNow& body, Term term) const {
        head(Body::timeout_now, term);
        frame.put_id(body.last_index);
        frame.put_id(body.last_term);
    }
};

AppendEntries take_append(FrameReader& in) {
    AppendEntries body;
    body.previous_index = in.take_id<Index>();
    body.previous_term = in.take_id<Term>();
    body.commit = in.take_id<Index>();
    body.count = in.take<std::uint32_t>();
    if (body.count > in.left() / entry_header_bytes) in.refuse();
    for (std::size_t i = 0; in.good() && i < body.count; ++i) {
        LogEntry entry;
        entry.term = in.take_id<Term>();
        entry.type = static_cast<EntryType>(in.take<std::uint8_t>());
        entry.bytes = std::make_shared<const std::string>(in.take_text(frame_bytes_max));
        body.entries.push_back(std::move(entry));
    }
    return body;
}

AppendEntriesResult take_append_result(FrameReader& in) {
    AppendEntriesResult body;
    body.rejected = in.take_id<Index>();
    body.last_index = in.take_id<Index>();
    body.features = in.take<std::uint16_t>();
    body.capacity = in.take<std::uint16_t>();
    return body;
}

RequestVote take_vote(FrameReader& in) {
    RequestVote body;
    body.candidate = in.take_id<MemberId>();
    body.last_index = in.take_id<Index>();
    body.last_term = in.take_id<Term>();
    body.disrupt_leader = in.take_flag();
    body.pre_vote = in.take_flag();
    return body;
}

RequestVoteResult take_vote_result(FrameReader& in) {
    RequestVoteResult body;
    body.granted = in.take_flag();
    body.pre_vote = in.take_flag();
    body.features = in.take<std::uint16_t>();
    body.capacity = in.take<std::uint16_t>();
    return body;
}

InstallSnapshot take_install(FrameReader& in) {
    InstallSnapshot body;
    body.snapshot.index = in.take_id<Index>();
    body.snapshot.term = in.take_id<Term>();
    body.snapshot.configuration_index = in.take_id<Index>();
    body.snapshot.configuration = in.take_text(hello_bytes_max);
    return body;
}

}  // namespace

void encode_hello(const Hello& hello, std::string& out) {
    FrameWriter frame(FrameType::hello, out);
    frame.put_raw(magic);
    frame.put(peer_protocol_version);
    frame.put(static_cast<std::uint8_t>(hello.purpose));
    frame.put_id(hello.id);
    frame.put(hello.incarnation);
    frame.put_id(hello.cluster);
    frame.put_text(hello.address);
    frame.put_members(hello.members);
    frame.put_members(hello.founders);
    frame.put(static_cast<std::uint8_t>(hello.servers.size()));
    for (const auto& server : hello.servers) frame.put_text(server);
}

std::optional<std::uint16_t> decode_version(std::string_view content) {
    FrameReader in(content);
    if (in.take_raw(magic.size()) != magic) return {};
    const auto version = in.take<std::uint16_t>();
    return in.good() ? std::optional(version) : std::nullopt;
}

std::optional<Hello> decode_hello(std::string_view content) {
    if (decode_version(content) != peer_protocol_version) return {};
    FrameReader in(content.substr(magic.size() + sizeof(peer_protocol_version)));
    Hello hello;
    const auto purpose = in.take<std::uint8_t>();
    hello.purpose = static_cast<PeerPurpose>(purpose);
    hello.id = in.take_id<MemberId>();
    hello.incarnation = in.take<std::uint64_t>();
    hello.cluster = in.take_id<ClusterId>();
    hello.address = in.take_text(address_bytes_max);
    hello.members = in.take_members();
    hello.founders = in.take_members();
    const std::size_t count = in.take<std::uint8_t>();
    if (count > servers_max) return {};
    for (std::size_t i = 0; i < count; ++i) {
        hello.servers.emplace_back(in.take_text(address_bytes_max));
    }
    const bool is_known = purpose >= static_cast<std::uint8_t>(PeerPurpose::ask) &&
                          purpose <= static_cast<std::uint8_t>(PeerPurpose::fetch);
    if (!in.at_end() || !is_known || hello.id == MemberId{0}) return {};
    return hello;
}

void encode_refusal(std::string_view why, std::string& out) {
    FrameWriter(FrameType::refusal, out).put_raw(why.substr(0, refusal_bytes_max));
}

void encode_letter(std::string_view letter, std::string& out) {
    FrameWriter(FrameType::letter, out).put_raw(letter);
}

void encode_chunk(std::string_view chunk, std::string& out) {
    assert(chunk.size() <= chunk_bytes_max);
    FrameWriter(FrameType::chunk, out).put_raw(chunk);
}

void encode_size(std::uint64_t size, std::string& out) {
    FrameWriter(FrameType::size, out).put(size);
}

std::optional<std::uint64_t> decode_size(std::string_view content) {
    FrameReader in(content);
    const auto size = in.take<std::uint64_t>();
    return in.at_end() ? std::optional(size) : std::nullopt;
}

void encode_fetch(const FetchRequest& request, std::string& out) {
    FrameWriter frame(FrameType::fetch, out);
    frame.put_id(request.index);
    frame.put(request.offset);
}

std::optional<FetchRequest> decode_fetch(std::string_view content) {
    FrameReader in(content);
    FetchRequest request;
    request.index = in.take_id<Index>();
    request.offset = in.take<std::uint64_t>();
    return in.at_end() ? std::optional(request) : std::nullopt;
}

std::size_t encode_message(const Message& message, std::string& out) {
    if (const auto* append = std::get_if<AppendEntries>(&message.body)) {
        return encode_append(*append, message.term, out);
    }
    FrameWriter frame(FrameType::message, out);
    const BodyWriter writer{frame};
    std::visit(
        [&](const auto& body) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(body)>, AppendEntries>) {
                writer.write(body, message.term);
            }
        },
        message.body);
    return 1;
}

std::optional<Message> decode_message(MemberId from, std::string_view content) {
    FrameReader in(content);
    const auto kind = in.take<std::uint8_t>();
    Message message{from, in.take_id<Term>(), {}};
    switch (static_cast<Body>(kind)) {
        case Body::append: message.body = take_append(in); break;
        case Body::append_result: message.body = take_append_result(in); break;
        case Body::vote: message.body = take_vote(in); break;
        case Body::vote_result: message.body = take_vote_result(in); break;
        case Body::install: message.body = take_install(in); break;
        case Body::timeout_now:
            message.body = TimeoutNow{in.take_id<Index>(), in.take_id<Term>()};
            break;
        default: return {};
    }
    if (!in.at_end()) return {};
    return message;
}

std::span<char> FrameBuffer::prepare() {
    if (begin_ > 0) {
        std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }
    bytes_.resize(std::max(wanted_, end_ + read_bytes));
    return std::span(bytes_).subspan(end_);
}

Result<std::optional<Frame>> FrameBuffer::next() {
    const auto bytes = std::string_view(bytes_).substr(begin_, end_ - begin_);
    wanted_ = 0;
    if (bytes.size() < frame_header_bytes) return std::optional<Frame>();
    const std::size_t length = get_number<std::uint32_t>(bytes, 0);
    const auto type = get_number<std::uint8_t>(bytes, sizeof(std::uint32_t));
    if (type < static_cast<std::uint8_t>(FrameType::hello) ||
        type > static_cast<std::uint8_t>(FrameType::chunk)) {
        return make_error_code(boost::system::errc::bad_message);
    }
    if (length > content_bytes_max_) return make_error_code(boost::system::errc::message_size);
    wanted_ = frame_header_bytes + length;
    if (bytes.size() < wanted_) return std::optional<Frame>();
    begin_ += wanted_;
    wanted_ = 0;
    return std::optional(
        Frame{static_cast<FrameType>(type), bytes.substr(frame_header_bytes, length)});
}

}  // namespace coord
