#pragma once
// What an upstream said to a question, in the form in which it goes behind that question in any
// reply: pointers lead into the question or into the answer itself.
//
// Fed by:  UpstreamReply, record by record; InquiryTable, with what is answered without asking.
// Read by: ForwardCache, which keeps it; ReplyDraft, which copies it.
// Thread:  forward; immutable once finished.
// Holds:   whole records in the order of their sections; every TTL is at a known place.
// Fails:   add() is false for a record that would not fit a message.

#include "dns/message.hpp"
#include "dns/query.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace dns {

struct ForwardAnswer {
    struct Place {  // of a record, in the body
        std::uint16_t ttl_at = 0;
        std::uint16_t end = 0;
    };

    Rcode rcode = Rcode::no_error;
    bool authentic = false;                 // AD, by an upstream that is believed
    std::optional<ExtendedError> why;       // the upstream's, or ours
    std::chrono::seconds ttl{0};            // how long it may be kept; 0: not at all
    std::array<std::uint16_t, 3> counts{};  // of answer, authority and additional section
    std::vector<Place> places;
    std::vector<std::uint8_t> body;
    std::size_t at = 0;  // where in a message the body has to stand
    // The name of ours to which its CNAMEs lead, folded: the rest is ours to tell. Empty: none.
    Labels home;
    std::size_t home_at = 0;  // in a message, without compression; 0: it found no room

    [[nodiscard]] std::size_t bytes() const {
        return sizeof(ForwardAnswer) + places.size() * sizeof(Place) + body.size() + home.size();
    }
};

// The same answer behind another question, from which so many octets of aliases lead to its own.
ForwardAnswer move_behind(const ForwardAnswer& answer,
                          Octets own_question,
                          Octets question,
                          std::size_t alias_bytes);

// What one client is told.
struct Relayed {
    std::shared_ptr<const ForwardAnswer> answer;
    std::chrono::seconds age{0};
    bool stale = false;
};

// Writes the body. Names are compressed against the question and the first few names written, so
// that a hostile message cannot make it long (RFC 1035 §4.1.4, RFC 3597 §4).
class ForwardAnswerWriter {
public:
    // So many octets stand between the question and the body.
    explicit ForwardAnswerWriter(Octets question_name,
                                 std::size_t bytes_between = 0,
                                 Labels home = {});

    // Sections in order.
    bool add(MessageSection section, const Record& record);
    ForwardAnswer finish();

private:
    struct Known {
        QueryName name;
        std::size_t at = 0;      // in the message
        std::size_t labels = 0;  // that stand there; the others are behind a pointer
    };
    [[nodiscard]] std::size_t at() const { return answer_.at + answer_.body.size(); }
    bool put_name(Octets name, bool compress);
    bool put_rdata(const Record& record);
    bool put_target(Octets name);
    void put_u16(std::size_t value);
    [[nodiscard]] std::size_t shared_labels(const QueryName& name, const Known& known) const;

    ForwardAnswer answer_;
    std::vector<Known> known_;
};

}  // namespace dns
