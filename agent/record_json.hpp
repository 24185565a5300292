#pragma once
// The nouns of service.hpp as JSON values, for znodes and for the file of registrations.
//
// Fed by:  encode/decode of records (znodes), RegistrationsFile.
// Thread:  any; pure functions.
// Holds:   what is written is valid UTF-8, whatever bytes a check printed; defaults are left out.
// Fails:   a reader remembers the first field of a wrong type as a sentence, and reads on.

#include "agent/service.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

// The typed fields of one JSON object. A field that is missing or null has its default.
class JsonReader {
public:
    // `value` and `error` outlive the reader. A value that is no object is an error.
    JsonReader(const boost::json::value& value, std::string& error);

    [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }
    [[nodiscard]] std::string text(std::string_view key) const;
    [[nodiscard]] bool flag(std::string_view key, bool otherwise = false) const;
    // Within [0, max], else an error.
    [[nodiscard]] std::int64_t
    number(std::string_view key,
           std::int64_t otherwise = 0,
           std::int64_t max = std::numeric_limits<std::int64_t>::max()) const;
    [[nodiscard]] std::uint16_t port(std::string_view key, std::uint16_t otherwise = 0) const;
    [[nodiscard]] std::chrono::milliseconds duration(std::string_view key) const;
    [[nodiscard]] std::optional<Health> health(std::string_view key) const;
    [[nodiscard]] std::vector<std::string> texts(std::string_view key) const;
    [[nodiscard]] std::map<std::string, std::string> text_map(std::string_view key) const;
    // The field if it is there and not null.
    [[nodiscard]] const boost::json::value* find(std::string_view key) const;
    // The elements of an array; empty if there is none.
    [[nodiscard]] const boost::json::array& list(std::string_view key) const;

    void wrong(std::string_view key, std::string_view wanted) const;
    [[nodiscard]] std::string& error() const { return *error_; }

private:
    const boost::json::object* object_;
    std::string* error_;
};

// Replaces what is not UTF-8 by U+FFFD, and ends with the last character that fits.
std::string valid_utf8(std::string_view text,
                       std::size_t bytes_max = std::numeric_limits<std::size_t>::max());

enum class Secrets { kept, left_out };  // the request header and body of a check

boost::json::object to_json(const ServiceDefinition& service);  // without its checks
boost::json::object to_json(const CheckDefinition& check, Secrets secrets);
boost::json::object to_json(const Check& check, Secrets secrets, std::size_t output_bytes_max);
boost::json::object to_json(const Maintenance& maintenance);

ServiceDefinition read_service(const JsonReader& in);  // without its checks
CheckDefinition read_check_definition(const JsonReader& in);
Check read_check(const JsonReader& in);
std::optional<Maintenance> read_maintenance(const JsonReader& in);

}  // namespace agent
