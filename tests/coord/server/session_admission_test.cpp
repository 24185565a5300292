#include "coord/server/session_admission.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

using std::chrono::milliseconds;
using Verdict = Admission::Verdict;

struct SessionAdmissionTest : testing::Test {
    SessionAdmissionTest() {
        password.fill('p');
        Command open;
        open.op = OpCode::create_session;
        open.session = session;
        open.timeout_ms = 10000;
        open.password = password;
        state.apply(open);
        tracker.open(session, milliseconds(10000), {});
    }

    Admission admit(const ConnectRequest& request) {
        return coord::admit(request, state, tracker, {milliseconds(4000), milliseconds(40000)});
    }
    ConnectRequest attach(std::string_view with) {
        ConnectRequest request;
        request.timeout_ms = 8000;
        request.session = session;
        request.password = with;
        return request;
    }

    SessionId session{0x0100000000000001};
    Password password{};
    StateMachine state;
    SessionTracker tracker{milliseconds(2000)};
};

TEST_F(SessionAdmissionTest, a_new_session_gets_a_timeout_within_the_range) {
    const auto timeout = [&](int wanted) {
        ConnectRequest request;
        request.timeout_ms = wanted;
        EXPECT_EQ(admit(request).verdict, Verdict::create);
        return admit(request).timeout;
    };
    EXPECT_EQ(timeout(1), milliseconds(4000));
    EXPECT_EQ(timeout(-5), milliseconds(4000));
    EXPECT_EQ(timeout(10000), milliseconds(10000));
    EXPECT_EQ(timeout(1'000'000'000), milliseconds(40000));
}

TEST_F(SessionAdmissionTest, who_has_seen_more_than_we_is_refused) {
    ConnectRequest request;
    request.last_zxid_seen = state.last_zxid();
    EXPECT_EQ(admit(request).verdict, Verdict::create);
    request.last_zxid_seen = Zxid{static_cast<std::int64_t>(state.last_zxid()) + 1};
    EXPECT_EQ(admit(request).verdict, Verdict::refuse);
}

TEST_F(SessionAdmissionTest, the_password_opens_the_session) {
    const auto admission = admit(attach({password.data(), password.size()}));

    EXPECT_EQ(admission.verdict, Verdict::attach);
    EXPECT_EQ(admission.timeout, milliseconds(8000));
    EXPECT_EQ(admission.password, password);
}

TEST_F(SessionAdmissionTest, a_wrong_password_looks_like_an_expired_session) {
    EXPECT_EQ(admit(attach("qqqqqqqqqqqqqqqq")).verdict, Verdict::expired);
    EXPECT_EQ(admit(attach("pppp")).verdict, Verdict::expired);
    EXPECT_EQ(admit(attach("")).verdict, Verdict::expired);
}

TEST_F(SessionAdmissionTest, of_unknown_and_closing_sessions_only_the_log_knows_the_end) {
    auto unknown = attach({password.data(), password.size()});
    unknown.session = SessionId{99};
    EXPECT_EQ(admit(unknown).verdict, Verdict::unknown);
    EXPECT_EQ(admit(unknown).password, password);
    EXPECT_EQ(admit(unknown).timeout, milliseconds(8000));

    tracker.begin_closing(session);
    EXPECT_EQ(admit(attach({password.data(), password.size()})).verdict, Verdict::unknown);
    EXPECT_EQ(admit(attach("qqqqqqqqqqqqqqqq")).verdict, Verdict::expired);
}

}  // namespace
}  // namespace coord
