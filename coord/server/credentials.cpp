#include "coord/server/credentials.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <openssl/evp.h>

namespace coord {
namespace {

constexpr std::size_t sha1_bytes = 20;
constexpr std::size_t sha1_base64_chars = 28;

}  // namespace

std::string digest_id(std::string_view user_and_password) {
    std::array<unsigned char, sha1_bytes> hash{};
    const auto ok = EVP_Digest(user_and_password.data(),
                               user_and_password.size(),
                               hash.data(),
                               nullptr,
                               EVP_sha1(),
                               nullptr);
    assert(ok == 1);

    std::array<unsigned char, sha1_base64_chars + 1> text{};
    EVP_EncodeBlock(text.data(), hash.data(), static_cast<int>(hash.size()));
    std::string id(user_and_password.substr(0, user_and_password.find(':')));
    id += ':';
    id.append(text.begin(), text.begin() + sha1_base64_chars);
    return id;
}

std::optional<std::vector<Id>> authenticate(std::string_view scheme,
                                            std::string_view proof,
                                            std::string_view super_digest,
                                            const std::vector<Id>& known) {
    const auto is_x509 = [](const Id& id) { return id.scheme == "x509"; };
    const bool is_certified = std::any_of(known.begin(), known.end(), is_x509);
    if (scheme == "ip" || (scheme == "x509" && is_certified)) return std::vector<Id>{};
    if (scheme != "digest") return std::nullopt;
    std::vector<Id> ids;
    auto id = digest_id(proof);
    if (!super_digest.empty() && id == super_digest) ids.push_back({"super", ""});
    ids.push_back({"digest", std::move(id)});
    return ids;
}

std::vector<Id> ids_of_certificate(const std::string& subject, std::string_view super_subject) {
    if (subject.empty()) return {};
    std::vector<Id> ids;
    if (subject == super_subject) ids.push_back({"super", ""});
    ids.push_back({"x509", subject});
    return ids;
}

void encode_who_am_i(Encoder& out, const std::vector<Id>& ids) {
    out.int32(static_cast<std::int32_t>(ids.size()));
    for (const auto& [scheme, id] : ids) {
        out.ustring(scheme);
        const std::string_view name = id;
        out.ustring(scheme == "digest" ? name.substr(0, name.find(':')) : name);
    }
}

}  // namespace coord
