#include "agent/config_dns_keys.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <openssl/evp.h>
#include <utility>

namespace agent {
namespace {

constexpr std::size_t secret_base64_bytes_max = 4096;

bool is_algorithm(std::string_view text) {
    constexpr std::array<std::string_view, 5> known{
        "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"};
    return std::find(known.begin(), known.end(), text) != known.end();
}

// "*", or labels that a name below the domain can have, the first of which may be "*".
bool is_update_pattern(std::string_view text) {
    constexpr std::size_t label_bytes_max = 63;
    if (text == "*") return true;
    if (text.starts_with("*.")) text.remove_prefix(2);
    if (text.find_first_of("* ") != std::string_view::npos) return false;
    for (;;) {
        const auto label = text.substr(0, text.find('.'));
        if (label.empty() || label.size() > label_bytes_max) return false;
        if (label.size() == text.size()) return true;
        text.remove_prefix(label.size() + 1);
    }
}

std::string without_space(std::string text) {
    std::erase_if(text, [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; });
    return text;
}

// The file has the same text as `secret` would have.
std::optional<Secret> read_secret_file(TableReader& in, const std::filesystem::path& file) {
    std::ifstream from(file, std::ios::binary);
    std::string text(secret_base64_bytes_max + 1, '\0');
    from.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(from.gcount()));
    auto secret = parse_secret(without_space(std::move(text)));
    if (!secret) {
        in.report("\"secret_file\": " + file.string() + " cannot be read, or holds no base64",
                  "secret_file");
    }
    return secret;
}

// It is not quoted in the error, which goes to logs.
std::optional<Secret> take_secret(TableReader& in) {
    std::string base64;
    in.take("secret", base64, text());
    auto secret = parse_secret(without_space(std::move(base64)));
    if (!secret && in.has("secret")) {
        in.report("\"secret\" must be base64, such as tsig-keygen prints", "secret");
    }
    return secret;
}

DnsKeyConfig read_key(TableReader& in) {
    DnsKeyConfig key;
    in.take("name", key.name, text_that("the name of a key", [](const auto& name) {
                return !name.empty();
            }));
    in.take(
        "algorithm",
        key.algorithm,
        text_that("hmac-sha256, hmac-sha512, hmac-sha384, hmac-sha224 or hmac-sha1", is_algorithm));
    in.take("mac_bits_min", key.mac_bits_min, integer<std::size_t>(80, 512));
    auto secret = take_secret(in);
    std::string file;
    in.take("secret_file", file, text());
    in.finish();
    if (key.name.empty()) in.report("a dns.key needs a \"name\"");
    if (in.has("secret") == in.has("secret_file")) {
        in.report("a dns.key has either a \"secret\" or a \"secret_file\"");
    } else if (in.has("secret_file")) {
        secret = read_secret_file(in, file);
    }
    if (secret) key.secret = std::move(*secret);
    return key;
}

}  // namespace

std::optional<Secret> parse_secret(std::string_view base64) {
    if (base64.empty() || base64.size() % 4 != 0 || base64.size() > secret_base64_bytes_max) {
        return std::nullopt;
    }
    const auto padding = base64.size() - std::min(base64.find('='), base64.size());
    if (padding > 2) return std::nullopt;
    Secret secret;
    secret.octets.resize(base64.size() / 4 * 3);
    const int decoded = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(secret.octets.data()),
                                        reinterpret_cast<const unsigned char*>(base64.data()),
                                        static_cast<int>(base64.size()));
    if (decoded < 0) return std::nullopt;
    secret.octets.resize(secret.octets.size() - padding);
    return secret;
}

void read_dns_keys(TableReader& in, DnsConfig& dns) {
    DeclaredIds names("dns.key");
    for (const auto* table : in.take_tables("key")) {
        auto reader = in.inner(*table, "key");
        dns.keys.push_back(read_key(reader));
        names.declare(dns.keys.back().name, reader);
    }
}

void read_dns_updates(TableReader& in, DnsConfig& dns) {
    constexpr std::chrono::seconds lease_min{1};
    constexpr std::chrono::seconds lease_max = std::chrono::hours(24 * 365);
    for (const auto* table : in.take_tables("update")) {
        auto reader = in.inner(*table, "update");
        auto& update = dns.updates.emplace_back();
        reader.take("key", update.key, text_that("the name of a dns.key", [&](const auto& name) {
                        return std::any_of(dns.keys.begin(), dns.keys.end(), [&](const auto& key) {
                            return key.name == name;
                        });
                    }));
        reader.take_one_or_list(
            "names",
            update.names,
            text_that("a name below the domain, \"*\", or one that begins with \"*.\"",
                      is_update_pattern));
        reader.take("lease", update.lease, duration<std::chrono::seconds>(lease_min, lease_max));
        reader.take("may_remove_registered", update.may_remove_registered, boolean());
        reader.finish();
        if (!reader.has("key")) reader.report("a dns.update needs a \"key\"");
        if (!reader.has("names")) reader.report("a dns.update needs \"names\"");
    }
}

}  // namespace agent
