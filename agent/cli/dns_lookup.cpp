#include "agent/cli/dns_lookup.hpp"

#include "agent/connect.hpp"
#include "agent/within.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <optional>
#include <random>
#include <utility>

namespace agent {
namespace {

namespace asio = boost::asio;

struct Type {
    std::uint16_t number;
    std::string_view name;
};

constexpr std::array<Type, 9> types{{{1, "A"},
                                     {2, "NS"},
                                     {5, "CNAME"},
                                     {6, "SOA"},
                                     {12, "PTR"},
                                     {16, "TXT"},
                                     {28, "AAAA"},
                                     {33, "SRV"},
                                     {255, "ANY"}}};
constexpr std::uint16_t type_opt = 41;
constexpr std::array<std::string_view, 6> rcodes{
    "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};

std::string type_name(std::uint16_t number) {
    for (const auto& type : types) {
        if (type.number == number) return std::string(type.name);
    }
    return "TYPE" + std::to_string(number);
}

// Reads a message from its front; after the first read beyond the end all further ones fail too.
class Reader {
public:
    explicit Reader(std::span<const std::byte> message) : message_(message) {}

    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] std::size_t at() const { return at_; }

    unsigned octet() {
        if (at_ >= message_.size()) failed_ = true;
        return failed_ ? 0 : std::to_integer<unsigned>(message_[at_++]);
    }
    std::uint16_t u16() {
        const auto high = octet();
        return static_cast<std::uint16_t>(high << 8U | octet());
    }
    std::uint32_t u32() {
        const std::uint32_t high = u16();
        return high << 16U | u16();
    }

    // RFC 1035 §4.1.4. Each pointer must lead in front of where the name read so far began.
    std::string name() {
        std::string text;
        std::size_t limit = at_;
        std::optional<std::size_t> after;  // Where reading goes on, once a pointer was followed.
        while (!failed_) {
            const auto length = octet();
            if (length == 0) break;
            if (length < 64) {
                for (unsigned i = 0; i < length; ++i) append_escaped(text, octet());
                text += '.';
                if (text.size() > 1024) failed_ = true;
                continue;
            }
            const auto target = (length & 0x3FU) << 8U | octet();
            if (length < 192 || target >= limit) failed_ = true;
            if (!after) after = at_;
            at_ = limit = target;
        }
        if (after && !failed_) at_ = *after;
        return text.empty() ? "." : text;
    }

    std::string character_string() {
        std::string text = "\"";
        for (auto length = octet(); length > 0 && !failed_; --length) append_escaped(text, octet());
        return text + "\"";
    }

    void seek(std::size_t at) {
        if (at < at_ || at > message_.size()) failed_ = true;
        if (!failed_) at_ = at;
    }

private:
    static void append_escaped(std::string& text, unsigned octet) {
        const auto c = static_cast<char>(octet);
        if (octet < 33 || octet > 126) {
            const auto digits = std::to_string(1000 + octet);
            text += "\\" + digits.substr(1);
        } else {
            if (c == '.' || c == '\\' || c == '"') text += '\\';
            text += c;
        }
    }

    std::span<const std::byte> message_;
    std::size_t at_ = 0;
    bool failed_ = false;
};

template <std::size_t size>
std::array<unsigned char, size> octets(Reader& in) {
    std::array<unsigned char, size> bytes{};
    for (auto& byte : bytes) byte = static_cast<unsigned char>(in.octet());
    return bytes;
}

std::string numbers(Reader& in, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += std::to_string(in.u32()) + (i + 1 < count ? " " : "");
    return text;
}

// RFC 3597 §5, for what has no presentation form here.
std::string generic(Reader& in, std::size_t length) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text = "\\# " + std::to_string(length) + (length > 0 ? " " : "");
    for (std::size_t i = 0; i < length && !in.failed(); ++i) {
        const auto octet = in.octet();
        text += digits[octet >> 4U];
        text += digits[octet & 15U];
    }
    return text;
}

std::string record_text(Reader& in, std::uint16_t type, std::size_t length) {
    const auto end = in.at() + length;
    switch (type) {
        case 1: return asio::ip::address_v4(octets<4>(in)).to_string();
        case 28: return asio::ip::address_v6(octets<16>(in)).to_string();
        case 2:
        case 5:
        case 12: return in.name();
        case 33: {
            auto text = std::to_string(in.u16()) + " ";
            text += std::to_string(in.u16()) + " ";
            text += std::to_string(in.u16()) + " ";
            return text + in.name();
        }
        case 6: {
            auto text = in.name() + " ";
            text += in.name() + " ";
            return text + numbers(in, 5);
        }
        case 16: {
            std::string text;
            while (in.at() < end && !in.failed()) {
                text += (text.empty() ? "" : " ") + in.character_string();
            }
            return text;
        }
        default: return generic(in, length);
    }
}

std::vector<DnsRecord> records(Reader& in, unsigned count) {
    std::vector<DnsRecord> found;
    for (unsigned i = 0; i < count && !in.failed(); ++i) {
        DnsRecord record;
        record.name = in.name();
        const auto type = in.u16();
        in.u16();  // class
        record.ttl = in.u32();
        record.type = type_name(type);
        const auto length = in.u16();
        const auto end = in.at() + length;
        record.text = record_text(in, type, length);
        if (in.at() > end) break;  // The data ran over its own length: nothing after it is certain.
        in.seek(end);
        if (type != type_opt && !in.failed()) found.push_back(std::move(record));
    }
    return found;
}

struct Exchange {
    explicit Exchange(asio::io_context& io) : udp(io), tcp(io) {}

    HostPort server;
    std::string question;
    std::uint16_t id = 0;
    asio::ip::udp::socket udp;
    asio::ip::tcp::socket tcp;
    std::array<std::byte, 65535> buffer{};
};

Parsed<DnsAnswer> failure(std::string error) { return {std::nullopt, std::move(error)}; }

coord::Task<Parsed<DnsAnswer>> over_udp(std::shared_ptr<Exchange> it) {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(it->server.host, error);
    if (error) co_return failure(it->server.host + " is not an address");
    it->udp.connect({address, it->server.port}, error);
    if (!error) it->udp.send(asio::buffer(it->question), 0, error);
    if (error) co_return failure(sentence(error));
    for (;;) {
        const auto [unread, size] =
            co_await it->udp.async_receive(asio::buffer(it->buffer), coord::use_tuple);
        if (unread) co_return failure(sentence(unread));
        auto answer = decode_answer(std::span(it->buffer).first(size), it->id);
        if (answer.value || size >= 12) co_return answer;
    }
}

coord::Task<Parsed<DnsAnswer>> over_tcp(std::shared_ptr<Exchange> it) {
    auto why = co_await connect(it->tcp, it->server);
    if (!why.empty()) co_return failure(std::move(why));
    const auto size = it->question.size();
    const std::string framed =
        std::string{static_cast<char>(size >> 8U), static_cast<char>(size & 255U)} + it->question;
    const auto [unsent, sent] =
        co_await asio::async_write(it->tcp, asio::buffer(framed), coord::use_tuple);
    if (unsent) co_return failure(sentence(unsent));
    const auto [no_length, two] =
        co_await asio::async_read(it->tcp, asio::buffer(it->buffer, 2), coord::use_tuple);
    if (no_length) co_return failure(sentence(no_length));
    const auto length = Reader(it->buffer).u16();
    const auto [unread, read] =
        co_await asio::async_read(it->tcp, asio::buffer(it->buffer, length), coord::use_tuple);
    if (unread) co_return failure(sentence(unread));
    co_return decode_answer(std::span(it->buffer).first(length), it->id);
}

coord::Task<Parsed<DnsAnswer>> ask(std::shared_ptr<Exchange> it) {
    auto answer = co_await over_udp(it);
    if (!answer.value || !answer.value->truncated) co_return answer;
    co_return co_await over_tcp(it);
}

}  // namespace

std::uint16_t parse_type(std::string_view text) {
    std::string upper(text);
    for (auto& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    for (const auto& type : types) {
        if (type.name == upper) return type.number;
    }
    std::uint16_t number = 0;
    if (!upper.starts_with("TYPE")) return 0;
    const auto* end = upper.data() + upper.size();
    const auto read = std::from_chars(upper.data() + 4, end, number);
    return read.ec == std::errc{} && read.ptr == end ? number : std::uint16_t{0};
}

std::string format_rcode(int rcode) {
    const auto known = static_cast<std::size_t>(rcode) < rcodes.size();
    return known ? std::string(rcodes.at(static_cast<std::size_t>(rcode)))
                 : "RCODE" + std::to_string(rcode);
}

std::string encode_question(std::uint16_t id, const std::string& name, std::uint16_t type) {
    constexpr char recursion_desired = 1;
    std::string message{
        static_cast<char>(id >> 8U), static_cast<char>(id & 255U), recursion_desired};
    message += std::string("\0\0\1\0\0\0\0\0\0", 9);
    std::string_view rest = name;
    if (rest.ends_with('.')) rest.remove_suffix(1);
    while (!rest.empty()) {
        const auto label = rest.substr(0, rest.find('.'));
        if (label.empty() || label.size() > 63) return {};
        message += static_cast<char>(label.size());
        message += label;
        rest.remove_prefix(std::min(rest.size(), label.size() + 1));
    }
    if (message.size() > 12 + 254 || name.empty()) return {};
    message += '\0';
    message += {static_cast<char>(type >> 8U), static_cast<char>(type & 255U), '\0', '\1'};
    return message;
}

Parsed<DnsAnswer> decode_answer(std::span<const std::byte> message, std::uint16_t id) {
    Reader in(message);
    const auto got = in.u16();
    const auto flags = in.u16();
    const auto questions = in.u16();
    const auto answers = in.u16();
    const auto authorities = in.u16();
    const auto additionals = in.u16();
    constexpr unsigned is_response = 0x8000;
    constexpr unsigned is_truncated = 0x0200;
    if (in.failed() || (flags & is_response) == 0) return failure("the reply is no DNS response");
    if (got != id) return failure("the reply is to another question");
    for (unsigned i = 0; i < questions && !in.failed(); ++i) {
        in.name();
        in.u32();
    }
    DnsAnswer answer;
    answer.rcode = static_cast<int>(flags & 15U);
    answer.truncated = (flags & is_truncated) != 0;
    answer.answer = records(in, answers);
    records(in, authorities);
    answer.additional = records(in, additionals);
    if (in.failed()) return failure("the reply is malformed");
    return {std::move(answer), {}};
}

Parsed<DnsAnswer> lookup(const HostPort& server,
                         const std::string& name,
                         std::uint16_t type,
                         std::chrono::milliseconds timeout) {
    asio::io_context io;
    const auto exchange = std::make_shared<Exchange>(io);
    exchange->server = server;
    exchange->id = static_cast<std::uint16_t>(std::random_device{}());
    exchange->question = encode_question(exchange->id, name, type);
    if (exchange->question.empty()) return failure("not a domain name: " + name);
    Parsed<DnsAnswer> result;
    coord::spawn(io, "lookup", [&]() -> coord::Task<void> {
        auto answer = co_await within(io, timeout, "dns exchange", ask(exchange));
        result =
            answer ? std::move(*answer) : failure("timed out after " + format_duration(timeout));
        io.stop();
    });
    io.run();
    return result;
}

}  // namespace agent
