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

    Password claimed{};
    if (request.password.size() != claimed.size()) return {Verdict::expired, {}, {}};
    std::copy(request.password.begin(), request.password.end(), claimed.begin());
    const auto session = state.find_session(request.session);
    if (!session) return {Verdict::unknown, timeout, claimed};
    const auto& password = session->password;
    if (CRYPTO_memcmp(claimed.data(), password.data(), password.size()) != 0) {
        return {Verdict::expired, {}, {}};
    }
    const bool is_open = tracker.is_open(request.session);
    return {is_open ? Verdict::attach : Verdict::unknown, timeout, password};
}

}  // namespace coord
