#include "coord/base/tls_peer.hpp"

#include "tests/support/authority.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <openssl/pem.h>

namespace coord {
namespace {

using ::testing::ElementsAre;
using tests::Attribute;

// As Java's X500Principal.getName() prints each, found with Apache ZooKeeper 3.8 on OpenJDK 17:
// tests/system/core/tls_test.py asks it again.
std::string subject(const std::vector<Attribute>& attributes) {
    const tests::OwnedCertificate certificate(::X509_new(), &::X509_free);
    ::X509_set_subject_name(certificate.get(), tests::make_name(attributes).get());
    return describe(certificate.get()).subject;
}

TEST(TlsPeer, the_subject_is_written_backwards_with_the_keywords_of_rfc_2253) {
    EXPECT_EQ(subject({{"C", "DE"},
                       {"ST", "Bayern"},
                       {"L", "Hof"},
                       {"street", "Am Ring 1"},
                       {"O", "Example"},
                       {"OU", "Web"},
                       {"DC", "example"},
                       {"UID", "u1"},
                       {"CN", "web"}}),
              "CN=web,UID=u1,DC=example,OU=Web,O=Example,STREET=Am Ring 1,L=Hof,ST=Bayern,C=DE");
}

TEST(TlsPeer, an_attribute_without_a_keyword_is_a_number_and_the_encoded_value) {
    EXPECT_EQ(subject({{"CN", "a"}, {"emailAddress", "a@b.c", V_ASN1_IA5STRING}}),
              "1.2.840.113549.1.9.1=#1605614062"
              "2e63,CN=a");
    EXPECT_EQ(subject({{"serialNumber", "7", V_ASN1_PRINTABLESTRING}}), "2.5.4.5=#130137");
}

TEST(TlsPeer, values_of_one_relative_name_stand_in_the_order_of_their_encoding) {
    EXPECT_EQ(subject({{"O", "x"}, {"CN", "b"}, {"OU", "a", MBSTRING_UTF8, true}, {"C", "DE"}}),
              "C=DE,CN=b+OU=a,O=x");
}

TEST(TlsPeer, special_characters_are_escaped_as_java_does) {
    EXPECT_EQ(subject({{"CN", "a,b+c\"d\\e<f>g;h=i#j"}}), R"(CN=a\,b\+c\"d\\e\<f\>g\;h\=i\#j)");
    EXPECT_EQ(subject({{"CN", "  two at each end  "}}), R"(CN=\ \ two at each end\ \ )");
    EXPECT_EQ(subject({{"CN", "   "}}), R"(CN=\ \ \ )");
    EXPECT_EQ(subject({{"CN", "Jürgen €"}}), "CN=Jürgen €");
}

TEST(TlsPeer, bytes_that_are_no_utf8_become_replacement_characters) {
    EXPECT_EQ(subject({{"CN", "J\xFCrgen", V_ASN1_T61STRING}}), "CN=J\uFFFDrgen");
    EXPECT_EQ(subject({{"CN", std::string("\0a\0b", 4), V_ASN1_BMPSTRING}}), R"(CN=\00a\00b)");
}

TEST(TlsPeer, no_name_at_all_is_empty) { EXPECT_EQ(subject({}), ""); }

TEST(TlsPeer, alternative_names_are_told) {
    const auto issued = tests::Authority().issue(
        {.subject = {},
         .alternative_names = "DNS:a.example,IP:10.0.0.1,email:x@y.z,IP:2001:db8::1"});
    auto* const bio = ::BIO_new_mem_buf(issued.pem.data(), static_cast<int>(issued.pem.size()));
    const tests::OwnedCertificate certificate(::PEM_read_bio_X509(bio, nullptr, nullptr, nullptr),
                                              &::X509_free);
    ::BIO_free(bio);

    const auto peer = describe(certificate.get());

    EXPECT_THAT(peer.dns_names, ElementsAre("a.example"));
    EXPECT_THAT(peer.addresses, ElementsAre("10.0.0.1", "2001:db8::1"));
}

}  // namespace
}  // namespace coord
