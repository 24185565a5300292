#pragma once
// Who is at the other end of a TLS connection, by the certificate it has shown.
//
// Fed by:  a session whose handshake is done.
// Read by: coord/server (the x509 identity), coord/raft (which member it is).
// Thread:  any; pure functions on a session that its owner holds still.
// Source:  RFC 2253; JDK 17 sun.security.x509.AVA and RDN, where the two differ.

#include <openssl/types.h>
#include <optional>
#include <string>
#include <vector>

namespace coord {

struct TlsPeer {
    // As Java's X500Principal.getName() prints it, for ACLs of scheme x509: "CN=web,O=Example".
    std::string subject;
    std::vector<std::string> dns_names;  // of the extension subjectAltName
    std::vector<std::string> addresses;  // likewise: "10.0.0.1", "2001:db8::1"
};

// nullopt: it has shown no certificate, or one that was not verified.
std::optional<TlsPeer> tls_peer(const SSL* session);

TlsPeer describe(const X509* certificate);

// Before the handshake of a client: the server's certificate must be for `name`, a host name or an
// address; a host name is also told to the server (SNI).
void expect_server(SSL* session, const std::string& name);

}  // namespace coord
