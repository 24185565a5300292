#include "coord/server/session_admission.hpp"

#include <algorithm>
#include <openssl/crypto.h>

namespace coord {

Admission admit(const ConnectRequest& request,
                const StateMachine& state,
                const SessionTracker& tracker,
                TimeoutRange range) {
    using Verdict = Admission::Verdict;
    // This is what makes the ensemble look like one server: nobody is taken back in time.
    if (request.last_zxid_seen > state.last_zxid()) return {Verdict::refuse, {}, {}};

    const auto timeout =
        std::clamp(std::chrono::milliseconds(request.timeout_ms), range.min, range.max);
    if (request.session == SessionId{}) return {Verdict::create, timeout, {}};

    const auto session = state.find_session(request.session);
    if (!session || !tracker.is_open(request.session)) return {Verdict::expired, {}, {}};
    const auto& password = session->password;
    const bool proven =
        request.password.size() == password.size() &&
        CRYPTO_memcmp(request.password.data(), password.data(), password.size()) == 0;
    if (!proven) return {Verdict::expired, {}, {}};
    return {Verdict::attach, timeout, password};
}

}  // namespace coord
