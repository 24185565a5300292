#include "coord/raft/peer_greeting.hpp"

#include "coord/raft/peer_address.hpp"

#include <boost/asio/error.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace coord {

namespace {

namespace errc = boost::system::errc;

Unmet unmet(PeerRefusal reason, std::string why) { return {reason, std::move(why)}; }

Unmet broken(const Error& error) {
    if (error == errc::timed_out)
        return unmet(PeerRefusal::late, "it did not say who it is in time");
    if (error == errc::bad_message || error == errc::message_size) {
        return unmet(PeerRefusal::malformed, "what it says is not this protocol");
    }
    return {{}, error == boost::asio::error::eof ? "it closed the connection" : error.message()};
}

// What a peer says is shown to people: as one line.
std::string printable(std::string_view text) {
    std::string out(text.substr(0, 300));
    std::replace_if(
        out.begin(), out.end(), [](unsigned char c) { return c < ' ' || c == 127; }, '?');
    return out;
}

Task<Met> read_hello(std::shared_ptr<PeerStream> stream) {
    const auto frame = co_await stream->read_frame();
    if (!frame) co_return broken(frame.error());
    const auto& [type, content] = frame.value();
    if (type == FrameType::refusal) co_return Unmet{{}, "it refuses: " + printable(content)};
    const auto version = type == FrameType::hello ? decode_version(content) : std::nullopt;
    if (version && version != peer_protocol_version) {
        co_return unmet(PeerRefusal::version,
                        fmt::format("it speaks version {} of the protocol, this one speaks {}",
                                    *version,
                                    peer_protocol_version));
    }
    auto hello = version ? decode_hello(content) : std::nullopt;
    if (!hello) co_return unmet(PeerRefusal::malformed, "what it says is not this protocol");
    const auto place = parse_peer_address(hello->address);
    if (!place) co_return unmet(PeerRefusal::malformed, "it does not say where it is");
    if (!stream->is_certified_for(place->host)) {
        co_return unmet(PeerRefusal::certificate,
                        fmt::format("it says that it is {}, and its certificate is not for that",
                                    printable(hello->address)));
    }
    co_return std::move(*hello);
}

}  // namespace

Task<Met> hear_hello(std::shared_ptr<PeerStream> stream, std::shared_ptr<PeerStream::Tls> tls) {
    if (tls) {
        const auto error = co_await stream->handshake(tls);
        if (error == errc::timed_out) co_return broken(error);
        if (error) co_return unmet(PeerRefusal::certificate, "TLS: " + error.message());
    }
    co_return co_await read_hello(stream);
}

Task<Met> say_hello(std::shared_ptr<PeerStream> stream,
                    std::shared_ptr<PeerStream::Tls> tls,
                    std::string address,
                    Hello own) {
    const auto place = parse_peer_address(address);
    if (!place) co_return Unmet{{}, "this is no address"};
    auto error = co_await stream->connect(place->host, place->port);
    if (error == errc::timed_out) co_return Unmet{{}, "no answer"};
    if (error) co_return Unmet{{}, error.message()};
    if (tls) error = co_await stream->handshake_with(tls, place->host);
    if (error) co_return unmet(PeerRefusal::certificate, "TLS: " + error.message());
    std::string out;
    encode_hello(own, out);
    error = co_await stream->write(out);
    if (error) co_return broken(error);
    co_return co_await read_hello(stream);
}

}  // namespace coord
