#pragma once
// Who a connection is: what an auth packet proves, and what whoAmI answers.
//
// Fed by:  RequestProcessor.
// Thread:  any; pure functions.
// Source:  ZooKeeper 3.8 DigestAuthenticationProvider, IPAuthenticationProvider,
//          X509AuthenticationProvider, AuthUtil.

#include "coord/proto/jute.hpp"
#include "coord/proto/records.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

// "user:password" -> "user:" + base64(SHA-1("user:password")), as ACLs of scheme digest name it.
std::string digest_id(std::string_view user_and_password);

// The ids that an auth packet adds to a connection: none for `ip`, which every connection has, nor
// for `x509` if the certificate has given it one: `known` are those it has. nullopt: the scheme is
// unknown or its proof was rejected. `super_digest` is "super:<base64>",
// empty if nobody is to be super.
std::optional<std::vector<Id>> authenticate(std::string_view scheme,
                                            std::string_view proof,
                                            std::string_view super_digest,
                                            const std::vector<Id>& known = {});

// The ids of a client whose certificate has this subject: none without one, as whoever else has
// none would be the same client. `super_subject` is empty if nobody is to be super.
std::vector<Id> ids_of_certificate(const std::string& subject, std::string_view super_subject);

// The body of whoAmI's reply: the schemes and the users' names, no secrets.
void encode_who_am_i(Encoder& out, const std::vector<Id>& ids);

}  // namespace coord
