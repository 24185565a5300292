// ZooKeeper's own C client through broken connections, an expired session, and with everything asynchronous:
// c_client_faults_test LINK SERVER. Whoever started it reads "cut" and "mend" from its output, does so with the
// link, and answers with a line. Exits 0 if everything was as the C client expects it.
#include "tests/system/core/c_client_session.hpp"

#include <set>

namespace {

void tell(const char* command) {
    std::puts(command);
    std::fflush(stdout);
    char line[16];
    CHECK(std::fgets(line, sizeof line, stdin) != nullptr);
}

int create(zhandle_t* at, const char* path, int flags) {
    return zoo_create(at, path, "", 0, &ZOO_OPEN_ACL_UNSAFE, flags, nullptr, 0);
}

// What an asynchronous operation's completion says goes the way of events: the code as the state.
void done(int code, const void* events) {
    static_cast<Events*>(const_cast<void*>(events))->push(ZOO_NOTWATCHING_EVENT, code, "done");
}
void on_string(int code, const char* value, const void* events) {
    static_cast<Events*>(const_cast<void*>(events))
        ->push(ZOO_NOTWATCHING_EVENT, code, value == nullptr ? "" : value);
}
void on_stat(int code, const Stat*, const void* events) { done(code, events); }
void on_data(int code, const char* value, int size, const Stat*, const void* events) {
    const auto length = size < 0 ? 0U : static_cast<std::size_t>(size);
    static_cast<Events*>(const_cast<void*>(events))
        ->push(ZOO_NOTWATCHING_EVENT, code, std::string(value, length));
}

// Completions come in the order of the requests, and none is lost.
void everything_asynchronous(zhandle_t* at) {
    constexpr int count = 500;
    Events events;
    CHECK(create(at, "/async", 0) == ZOK);
    for (int i = 0; i < count; ++i) {
        const auto path = "/async/" + std::to_string(i);
        CHECK(zoo_acreate(at, path.c_str(), "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, on_string, &events) ==
              ZOK);
        CHECK(zoo_aset(at,
                       path.c_str(),
                       path.c_str(),
                       static_cast<int>(path.size()),
                       0,
                       on_stat,
                       &events) == ZOK);
        CHECK(zoo_aget(at, path.c_str(), 0, on_data, &events) == ZOK);
        CHECK(zoo_adelete(at, path.c_str(), 7, done, &events) == ZOK);
    }
    for (int i = 0; i < count; ++i) {
        const auto path = "/async/" + std::to_string(i);
        EXPECT_EVENT(events, ZOO_NOTWATCHING_EVENT, path);
        EXPECT_EVENT(events, ZOO_NOTWATCHING_EVENT, "done");
        EXPECT_EVENT(events, ZOO_NOTWATCHING_EVENT, path);
        events.expect_code(ZBADVERSION, __LINE__);
    }
}

void an_asynchronous_multi(zhandle_t* at) {
    Events events;
    zoo_op_t ops[3];
    zoo_op_result_t results[3] = {};
    zoo_create_op_init(&ops[0], "/multi", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, nullptr, 0);
    zoo_check_op_init(&ops[1], "/multi", 0);
    zoo_delete_op_init(&ops[2], "/none", -1);
    CHECK(zoo_amulti(at, 3, ops, results, done, &events) == ZOK);
    events.expect_code(ZNONODE, __LINE__);
    CHECK(results[0].err == ZOK && results[1].err == ZOK && results[2].err == ZNONODE);
    CHECK(zoo_amulti(at, 2, ops, results, done, &events) == ZOK);
    events.expect_code(ZOK, __LINE__);
}

void watches_that_are_removed_are_quiet(Session& session, zhandle_t* other) {
    Stat stat{};
    CHECK(zoo_wexists(session.handle, "/async", on_event, &session.events, &stat) == ZOK);
    CHECK(zoo_remove_watches(
              session.handle, "/async", ZWATCHTYPE_DATA, on_event, &session.events, 0) == ZOK);
    CHECK(zoo_set(other, "/async", "x", 1, -1) == ZOK);
    CHECK(zoo_remove_watches(
              session.handle, "/async", ZWATCHTYPE_DATA, on_event, &session.events, 0) ==
          ZNOWATCHER);
}

// What changes while the connection is away is told after it, once; what was under way is lost.
void watches_through_a_broken_connection(Session& session, zhandle_t* other) {
    auto* const at = session.handle;
    auto& events = session.events;
    Stat stat{};
    String_vector children{};
    CHECK(create(other, "/kids", 0) == ZOK);
    CHECK(create(other, "/data", 0) == ZOK);
    CHECK(zoo_wget_children(at, "/kids", on_event, &events, &children) == ZOK);
    deallocate_String_vector(&children);
    char buffer[8];
    int size = sizeof buffer;
    CHECK(zoo_wget(at, "/data", on_event, &events, buffer, &size, &stat) == ZOK);
    CHECK(zoo_wexists(at, "/new", on_event, &events, &stat) == ZNONODE);
    const auto id = zoo_client_id(at)->client_id;

    tell("cut");
    AWAIT_STATE(events, ZOO_CONNECTING_STATE);
    CHECK(zoo_exists(at, "/data", 0, &stat) == ZCONNECTIONLOSS);
    CHECK(create(other, "/kids/one", 0) == ZOK);
    CHECK(zoo_set(other, "/data", "1", 1, -1) == ZOK);
    CHECK(create(other, "/new", 0) == ZOK);
    tell("mend");
    AWAIT_STATE(events, ZOO_CONNECTED_STATE);

    CHECK(zoo_client_id(at)->client_id == id);
    std::set<std::string> told;
    for (int i = 0; i < 3; ++i) told.insert(events.next_path(__LINE__));
    CHECK((told == std::set<std::string>{"/kids", "/data", "/new"}));
    CHECK(zoo_wget(at, "/data", on_event, &events, buffer, &size, &stat) == ZOK);
    CHECK(zoo_set(other, "/data", "2", 1, -1) == ZOK);
    EXPECT_EVENT(events, ZOO_CHANGED_EVENT, "/data");
}

void a_session_that_expires(Session& session, const char* link, Session& other) {
    Stat stat{};
    CHECK(create(session.handle, "/mine", ZOO_EPHEMERAL) == ZOK);
    CHECK(zoo_wexists(other.handle, "/mine", on_event, &other.events, &stat) == ZOK);
    tell("cut");
    EXPECT_EVENT(other.events, ZOO_DELETED_EVENT, "/mine");
    tell("mend");
    AWAIT_STATE(session.events, ZOO_EXPIRED_SESSION_STATE);
    CHECK(zoo_exists(session.handle, "/data", 0, &stat) == ZINVALIDSTATE);

    Session next(link);
    AWAIT_STATE(next.events, ZOO_CONNECTED_STATE);
    CHECK(create(next.handle, "/mine", ZOO_EPHEMERAL) == ZOK);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    constexpr int timeout_ms = 4000;
    Session session(argv[1], nullptr, timeout_ms);
    AWAIT_STATE(session.events, ZOO_CONNECTED_STATE);
    Session other(argv[2]);
    AWAIT_STATE(other.events, ZOO_CONNECTED_STATE);

    everything_asynchronous(session.handle);
    an_asynchronous_multi(session.handle);
    watches_that_are_removed_are_quiet(session, other.handle);
    watches_through_a_broken_connection(session, other.handle);
    a_session_that_expires(session, argv[1], other);
    std::puts("the C client is content");
    return 0;
}
