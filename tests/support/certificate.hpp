#pragma once
// A certificate to test TLS with, made on the spot.
//
// Fed by:  OpenSSL.
// Thread:  any.

#include <functional>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string>

namespace tests {

// A self-signed certificate for "test.local", and its key, as PEM.
struct Certificate {
    Certificate() {
        auto* key = ::EVP_EC_gen("P-256");
        auto* certificate = ::X509_new();
        ::X509_set_version(certificate, 2);
        ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate), 1);
        ::X509_gmtime_adj(::X509_getm_notBefore(certificate), -60);
        ::X509_gmtime_adj(::X509_getm_notAfter(certificate), 3600);
        ::X509_set_pubkey(certificate, key);
        auto* name = ::X509_get_subject_name(certificate);
        ::X509_NAME_add_entry_by_txt(name,
                                     "CN",
                                     MBSTRING_ASC,
                                     reinterpret_cast<const unsigned char*>("test.local"),
                                     -1,
                                     -1,
                                     0);
        ::X509_set_issuer_name(certificate, name);
        auto* names =
            ::X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:test.local");
        ::X509_add_ext(certificate, names, -1);
        ::X509_EXTENSION_free(names);
        ::X509_sign(certificate, key, ::EVP_sha256());
        pem = text([&](BIO* out) { ::PEM_write_bio_X509(out, certificate); });
        key_pem = text([&](BIO* out) {
            ::PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
        });
        ::X509_free(certificate);
        ::EVP_PKEY_free(key);
    }

    static std::string text(const std::function<void(BIO*)>& write) {
        auto* out = ::BIO_new(::BIO_s_mem());
        write(out);
        char* bytes = nullptr;
        const auto size = ::BIO_ctrl(out, BIO_CTRL_INFO, 0, &bytes);
        std::string found(bytes, static_cast<std::size_t>(size));
        ::BIO_free(out);
        return found;
    }

    std::string pem;
    std::string key_pem;
};

}  // namespace tests
