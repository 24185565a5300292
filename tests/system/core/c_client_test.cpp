// ZooKeeper's own C client does its work against the server at the address given: c_client_test HOST:PORT.
// Exits 0 if everything was as the C client expects it.
#include "tests/system/core/c_client_session.hpp"

#include <sys/wait.h>
#include <unistd.h>

namespace {

int create(zhandle_t* at, const char* path, std::string_view data, int flags, std::string* real) {
    char name[256] = {};
    const auto size = static_cast<int>(data.size());
    const int code =
        zoo_create(at, path, data.data(), size, &ZOO_OPEN_ACL_UNSAFE, flags, name, sizeof name);
    if (real != nullptr) *real = name;
    return code;
}

std::string get(zhandle_t* at, const char* path) {
    char buffer[256];
    int size = sizeof buffer;
    CHECK(zoo_get(at, path, 0, buffer, &size, nullptr) == ZOK);
    return {buffer, static_cast<std::size_t>(size)};
}

void reads_and_writes(zhandle_t* at) {
    Stat stat{};
    CHECK(create(at, "/c", "one", 0, nullptr) == ZOK);
    CHECK(create(at, "/c", "one", 0, nullptr) == ZNODEEXISTS);
    CHECK(get(at, "/c") == "one");
    CHECK(zoo_set2(at, "/c", "two", 3, 0, &stat) == ZOK);
    CHECK(stat.version == 1);
    CHECK(zoo_set(at, "/c", "three", 5, 0) == ZBADVERSION);
    CHECK(zoo_exists(at, "/none", 0, &stat) == ZNONODE);
    CHECK(zoo_delete(at, "/none", -1) == ZNONODE);

    std::string name;
    CHECK(create(at, "/c/s-", "", ZOO_SEQUENCE | ZOO_EPHEMERAL, &name) == ZOK);
    CHECK(name == "/c/s-0000000000");
    String_vector children{};
    CHECK(zoo_get_children2(at, "/c", 0, &children, &stat) == ZOK);
    CHECK(children.count == 1 && std::string_view(children.data[0]) == "s-0000000000");
    CHECK(stat.numChildren == 1 && stat.cversion == 1);
    deallocate_String_vector(&children);
    CHECK(zoo_delete(at, "/c", -1) == ZNOTEMPTY);
}

void watches(Session& session, zhandle_t* other) {
    auto* const at = session.handle;
    auto& events = session.events;
    Stat stat{};
    CHECK(zoo_wexists(at, "/watched", on_event, &events, &stat) == ZNONODE);
    CHECK(create(other, "/watched", "", 0, nullptr) == ZOK);
    EXPECT_EVENT(events, ZOO_CREATED_EVENT, "/watched");

    String_vector children{};
    CHECK(zoo_wget_children(at, "/watched", on_event, &events, &children) == ZOK);
    deallocate_String_vector(&children);
    CHECK(create(other, "/watched/x", "", 0, nullptr) == ZOK);
    EXPECT_EVENT(events, ZOO_CHILD_EVENT, "/watched");

    char buffer[16];
    int size = sizeof buffer;
    CHECK(zoo_wget(at, "/watched/x", on_event, &events, buffer, &size, &stat) == ZOK);
    CHECK(zoo_set(other, "/watched/x", "1", 1, -1) == ZOK);
    CHECK(zoo_set(other, "/watched/x", "2", 1, -1) == ZOK);
    EXPECT_EVENT(events, ZOO_CHANGED_EVENT, "/watched/x");
    CHECK(zoo_wexists(at, "/watched/x", on_event, &events, &stat) == ZOK);
    CHECK(zoo_delete(other, "/watched/x", -1) == ZOK);
    EXPECT_EVENT(events, ZOO_DELETED_EVENT, "/watched/x");
}

void multi(zhandle_t* at) {
    char first[64];
    zoo_op_t ops[4];
    zoo_op_result_t results[4] = {};
    zoo_create_op_init(&ops[0], "/m", "1", 1, &ZOO_OPEN_ACL_UNSAFE, 0, first, sizeof first);
    zoo_set_op_init(&ops[1], "/m", "2", 1, 0, nullptr);
    zoo_check_op_init(&ops[2], "/m", 1);
    zoo_create_op_init(&ops[3], "/m/x", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, nullptr, 0);
    CHECK(zoo_multi(at, 4, ops, results) == ZOK);
    CHECK(std::string_view(first) == "/m");
    CHECK(get(at, "/m") == "2");

    zoo_delete_op_init(&ops[0], "/m/x", -1);
    zoo_check_op_init(&ops[1], "/m", 7);
    zoo_delete_op_init(&ops[2], "/m", -1);
    CHECK(zoo_multi(at, 3, ops, results) == ZBADVERSION);
    CHECK(results[0].err == ZOK && results[1].err == ZBADVERSION);
    CHECK(results[2].err == ZRUNTIMEINCONSISTENCY);
    Stat stat{};
    CHECK(zoo_exists(at, "/m/x", 0, &stat) == ZOK);
}

void on_void(int code, const void* events) {
    static_cast<Events*>(const_cast<void*>(events))->push(ZOO_NOTWATCHING_EVENT, code, "done");
}
void on_sync(int code, const char*, const void* events) { on_void(code, events); }

void sync_and_auth(Session& session) {
    CHECK(zoo_async(session.handle, "/c", on_sync, &session.events) == ZOK);
    EXPECT_EVENT(session.events, ZOO_NOTWATCHING_EVENT, "done");
    CHECK(zoo_add_auth(session.handle, "digest", "u:p", 3, on_void, &session.events) == ZOK);
    EXPECT_EVENT(session.events, ZOO_NOTWATCHING_EVENT, "done");
    char name[64];
    const int code =
        zoo_create(session.handle, "/private", "", 0, &ZOO_CREATOR_ALL_ACL, 0, name, sizeof name);
    CHECK(code == ZOK);
}

// A process opens a session with an ephemeral and dies without a word; this is the session's id.
clientid_t session_of_the_dead(const char* address) {
    int ends[2];
    CHECK(::pipe(ends) == 0);
    const auto child = ::fork();
    CHECK(child >= 0);
    if (child == 0) {
        Session session(address);
        AWAIT_STATE(session.events, ZOO_CONNECTED_STATE);
        CHECK(create(session.handle, "/mine", "", ZOO_EPHEMERAL, nullptr) == ZOK);
        const auto* const id = zoo_client_id(session.handle);
        CHECK(::write(ends[1], id, sizeof *id) == sizeof *id);
        ::_exit(0);
    }
    clientid_t id{};
    CHECK(::read(ends[0], &id, sizeof id) == sizeof id);
    CHECK(::waitpid(child, nullptr, 0) == child);
    return id;
}

void sessions(const char* address, const clientid_t& id) {
    Stat stat{};
    {
        Session heir(address, &id);
        AWAIT_STATE(heir.events, ZOO_CONNECTED_STATE);
        CHECK(zoo_client_id(heir.handle)->client_id == id.client_id);
        CHECK(zoo_exists(heir.handle, "/mine", 0, &stat) == ZOK);
        CHECK(stat.ephemeralOwner == id.client_id);
    }  // Closes the session.
    Session other(address);
    AWAIT_STATE(other.events, ZOO_CONNECTED_STATE);
    CHECK(zoo_exists(other.handle, "/mine", 0, &stat) == ZNONODE);

    Session late(address, &id);
    AWAIT_STATE(late.events, ZOO_EXPIRED_SESSION_STATE);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    const auto abandoned = session_of_the_dead(argv[1]);  // It forks: before there are threads.
    Session session(argv[1]);
    AWAIT_STATE(session.events, ZOO_CONNECTED_STATE);
    Session other(argv[1]);
    AWAIT_STATE(other.events, ZOO_CONNECTED_STATE);

    reads_and_writes(session.handle);
    watches(session, other.handle);
    multi(session.handle);
    sync_and_auth(other);
    sessions(argv[1], abandoned);
    std::puts("the C client is content");
    return 0;
}
