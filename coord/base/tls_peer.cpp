#include "coord/base/tls_peer.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <memory>
#include <openssl/asn1.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string_view>
#include <utility>

namespace coord {
namespace {

namespace ip = boost::asio::ip;

// RFC 2253 §2.3: the types that have a keyword; all others are written as their number.
constexpr std::array<std::pair<int, std::string_view>, 9> keywords{{
    {NID_commonName, "CN"},
    {NID_countryName, "C"},
    {NID_localityName, "L"},
    {NID_stateOrProvinceName, "ST"},
    {NID_organizationName, "O"},
    {NID_organizationalUnitName, "OU"},
    {NID_streetAddress, "STREET"},
    {NID_domainComponent, "DC"},
    {NID_userId, "UID"},
}};

std::string_view bytes_of(const ASN1_STRING* value) {
    const auto* const bytes = ::ASN1_STRING_get0_data(value);
    return {reinterpret_cast<const char*>(bytes),
            static_cast<std::size_t>(::ASN1_STRING_length(value))};
}

unsigned char byte_at(std::string_view text, std::size_t at) {
    return static_cast<unsigned char>(text[at]);
}

bool is_within(unsigned char byte, unsigned char first, unsigned char last) {
    return first <= byte && byte <= last;
}

// How many bytes the character at the beginning of `text` has, or (second) that it is none and how
// many bytes of it could have begun one: Unicode 15, table 3-7.
std::pair<std::size_t, bool> utf8_character(std::string_view text) {
    const auto lead = byte_at(text, 0);
    if (lead < 0x80) return {1, true};
    if (!is_within(lead, 0xC2, 0xF4)) return {1, false};
    const std::size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    unsigned char first = 0x80;
    unsigned char last = 0xBF;
    if (lead == 0xE0) first = 0xA0;
    if (lead == 0xED) last = 0x9F;
    if (lead == 0xF0) first = 0x90;
    if (lead == 0xF4) last = 0x8F;
    for (std::size_t at = 1; at < size; ++at) {
        if (at == text.size() || !is_within(byte_at(text, at), first, last)) return {at, false};
        first = 0x80;
        last = 0xBF;
    }
    return {size, true};
}

// Java reads the bytes as UTF-8 whatever the type of the string says, and puts U+FFFD for what is
// none.
std::string as_java_reads(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const auto [size, valid] = utf8_character(text);
        out += valid ? text.substr(0, size) : std::string_view("\xEF\xBF\xBD");
        text.remove_prefix(size);
    }
    return out;
}

bool is_blank(char c) { return c == ' ' || c == '\r'; }

std::string escaped(std::string_view text) {
    std::string inner;
    for (const char c : text) {
        if (c == '\0') {
            inner += "\\00";
            continue;
        }
        // More than RFC 2253 §2.4 asks for: Java escapes '=' and every '#'.
        if (std::strchr(",=+<>#;\"\\", c) != nullptr) inner += '\\';
        inner += c;
    }
    const auto begin = std::find_if_not(inner.begin(), inner.end(), is_blank);
    const auto end = std::find_if_not(inner.rbegin(), inner.rend(), is_blank).base();
    std::string out;
    for (auto at = inner.begin(); at != inner.end(); ++at) {
        if (at < begin || at >= end) out += '\\';
        out += *at;
    }
    return out;
}

// RFC 2253 §2.4: "#" and the hexadecimal digits of the encoded value.
std::string encoded(const ASN1_STRING* value) {
    unsigned char* der = nullptr;
    const int size = ::i2d_ASN1_PRINTABLE(value, &der);
    std::string out = "#";
    for (int i = 0; i < size; ++i) {
        constexpr std::string_view digits = "0123456789abcdef";
        out += digits[der[i] >> 4U];
        out += digits[der[i] & 15U];
    }
    ::OPENSSL_free(der);
    return out;
}

bool has_text(const ASN1_STRING* value) {
    switch (::ASN1_STRING_type(value)) {
        case V_ASN1_UTF8STRING:
        case V_ASN1_PRINTABLESTRING:
        case V_ASN1_T61STRING:
        case V_ASN1_IA5STRING:
        case V_ASN1_GENERALSTRING:
        case V_ASN1_UNIVERSALSTRING:
        case V_ASN1_BMPSTRING: return true;
        default: return false;
    }
}

std::string number_of(const ASN1_OBJECT* type) {
    std::string text(static_cast<std::size_t>(::OBJ_obj2txt(nullptr, 0, type, 1)) + 1, '\0');
    ::OBJ_obj2txt(text.data(), static_cast<int>(text.size()), type, 1);
    text.pop_back();
    return text;
}

std::string attribute(const X509_NAME_ENTRY* entry) {
    const auto* const type = ::X509_NAME_ENTRY_get_object(entry);
    const auto* const value = ::X509_NAME_ENTRY_get_data(entry);
    const auto nid = ::OBJ_obj2nid(type);
    const auto* const keyword = std::find_if(
        keywords.begin(), keywords.end(), [&](const auto& known) { return known.first == nid; });
    if (keyword == keywords.end()) return number_of(type) + "=" + encoded(value);
    const auto text = has_text(value) ? escaped(as_java_reads(bytes_of(value))) : encoded(value);
    return std::string(keyword->second) + "=" + text;
}

// The last relative name first; attributes of one are joined by "+" in the order they have.
std::string format(const X509_NAME* name) {
    std::string out;
    std::string relative;
    const int count = ::X509_NAME_entry_count(name);
    for (int i = 0; i < count; ++i) {
        const auto* const entry = ::X509_NAME_get_entry(name, i);
        relative += (relative.empty() ? "" : "+") + attribute(entry);
        const bool more =
            i + 1 < count && ::X509_NAME_ENTRY_set(::X509_NAME_get_entry(name, i + 1)) ==
                                 ::X509_NAME_ENTRY_set(entry);
        if (more) continue;
        out.insert(0, relative + (out.empty() ? "" : ","));
        relative.clear();
    }
    return out;
}

std::string address_of(std::string_view bytes) {
    if (bytes.size() == 4) {
        ip::address_v4::bytes_type raw{};
        std::copy(bytes.begin(), bytes.end(), raw.begin());
        return ip::address_v4(raw).to_string();
    }
    if (bytes.size() != 16) return {};
    ip::address_v6::bytes_type raw{};
    std::copy(bytes.begin(), bytes.end(), raw.begin());
    return ip::address_v6(raw).to_string();
}

void take_alternative_names(const X509* certificate, TlsPeer& peer) {
    const std::unique_ptr<GENERAL_NAMES, decltype(&::GENERAL_NAMES_free)> names(
        static_cast<GENERAL_NAMES*>(
            ::X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
        &::GENERAL_NAMES_free);
    if (!names) return;
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        int type = 0;
        const auto* const value = static_cast<const ASN1_STRING*>(
            ::GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type));
        if (type == GEN_DNS) peer.dns_names.emplace_back(bytes_of(value));
        if (type != GEN_IPADD) continue;
        auto address = address_of(bytes_of(value));
        if (!address.empty()) peer.addresses.push_back(std::move(address));
    }
}

}  // namespace

TlsPeer describe(const X509* certificate) {
    assert(certificate != nullptr);
    TlsPeer peer;
    peer.subject = format(::X509_get_subject_name(certificate));
    take_alternative_names(certificate, peer);
    return peer;
}

std::optional<TlsPeer> tls_peer(const SSL* session) {
    const auto* const certificate = ::SSL_get0_peer_certificate(session);
    if (certificate == nullptr || ::SSL_get_verify_result(session) != X509_V_OK) return {};
    return describe(certificate);
}

void expect_server(SSL* session, const std::string& name) {
    auto* const rules = ::SSL_get0_param(session);
    boost::system::error_code not_an_address;
    ip::make_address(name, not_an_address);
    if (!not_an_address) {
        ::X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str());
        return;
    }
    // What SSL_set_tlsext_host_name does, without the cast to an old-style char*.
    auto told = name;
    ::SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, told.data());
    ::X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    ::X509_VERIFY_PARAM_set1_host(rules, name.c_str(), name.size());
}

}  // namespace coord
