#pragma once
// An authority that issues certificates to test TLS with, made on the spot.
//
// Fed by:  OpenSSL.
// Thread:  any.

#include "tests/support/certificate.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string>
#include <string_view>
#include <vector>

namespace tests {

// An attribute of a name: as text ("CN"), in an ASN.1 string of `type` if one is given.
struct Attribute {
    std::string key;
    std::string value;
    int type = MBSTRING_UTF8;
    bool joined = false;  // to the one before, in a relative name of several values
};

using OwnedName = std::unique_ptr<X509_NAME, decltype(&::X509_NAME_free)>;
using OwnedCertificate = std::unique_ptr<X509, decltype(&::X509_free)>;
using OwnedKey = std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)>;

inline OwnedName make_name(const std::vector<Attribute>& attributes) {
    OwnedName name(::X509_NAME_new(), &::X509_NAME_free);
    for (const auto& [key, value, type, joined] : attributes) {
        const auto* const bytes = reinterpret_cast<const unsigned char*>(value.data());
        const auto size = static_cast<int>(value.size());
        const int set = joined ? -1 : 0;
        ::X509_NAME_add_entry_by_txt(name.get(), key.c_str(), type, bytes, size, -1, set);
    }
    return name;
}

struct Wanted {
    std::vector<Attribute> subject = {{"CN", "localhost"}};
    std::string alternative_names = "DNS:localhost,IP:127.0.0.1";
    std::int64_t valid_from = -3600;  // seconds from now
    std::int64_t valid_until = 3600;
};

struct Issued {
    std::string pem;
    std::string key_pem;
};

class Authority {
public:
    explicit Authority(const std::string& name = "Test Authority")
        : key_(::EVP_EC_gen("P-256"), &::EVP_PKEY_free), name_(make_name({{"CN", name}})) {
        const auto own = sign(make_name({{"CN", name}}), key_.get(), "", -3600, 3600);
        pem = pem_of(own.get());
    }

    [[nodiscard]] Issued issue(const Wanted& wanted = {}) const {
        const OwnedKey key(::EVP_EC_gen("P-256"), &::EVP_PKEY_free);
        const auto certificate = sign(make_name(wanted.subject),
                                      key.get(),
                                      wanted.alternative_names,
                                      wanted.valid_from,
                                      wanted.valid_until);
        return {pem_of(certificate.get()), Certificate::text([&](BIO* out) {
                    ::PEM_write_bio_PrivateKey(
                        out, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
                })};
    }

    std::string pem;

private:
    [[nodiscard]] OwnedCertificate sign(const OwnedName& subject,
                                        EVP_PKEY* key,
                                        const std::string& alternative_names,
                                        std::int64_t from,
                                        std::int64_t until) const {
        static std::int64_t serial = 0;
        OwnedCertificate made(::X509_new(), &::X509_free);
        ::X509_set_version(made.get(), 2);
        ::ASN1_INTEGER_set_int64(::X509_get_serialNumber(made.get()), ++serial);
        ::X509_gmtime_adj(::X509_getm_notBefore(made.get()), from);
        ::X509_gmtime_adj(::X509_getm_notAfter(made.get()), until);
        ::X509_set_pubkey(made.get(), key);
        ::X509_set_subject_name(made.get(), subject.get());
        ::X509_set_issuer_name(made.get(), name_.get());
        if (key == key_.get()) extend(made.get(), NID_basic_constraints, "critical,CA:TRUE");
        if (!alternative_names.empty()) extend(made.get(), NID_subject_alt_name, alternative_names);
        ::X509_sign(made.get(), key_.get(), ::EVP_sha256());
        return made;
    }
    static void extend(X509* certificate, int type, const std::string& value) {
        auto* extension = ::X509V3_EXT_conf_nid(nullptr, nullptr, type, value.c_str());
        ::X509_add_ext(certificate, extension, -1);
        ::X509_EXTENSION_free(extension);
    }
    static std::string pem_of(X509* certificate) {
        return Certificate::text([&](BIO* out) { ::PEM_write_bio_X509(out, certificate); });
    }

    OwnedKey key_;
    OwnedName name_;
};

inline std::filesystem::path write_file(const std::filesystem::path& path, std::string_view text) {
    std::ofstream(path, std::ios::binary) << text;
    return path;
}

}  // namespace tests
