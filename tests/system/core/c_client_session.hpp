#pragma once
// ZooKeeper's own C client, for tests: a session, its events in order, and checks that end the program.
//
// Fed by:  the client library's threads, which report events.
// Read by: c_client_test, c_client_faults_test.
// Thread:  main; Events has a mutex that guards what the library's threads push.
// Fails:   exit status 1, with the line and what was not so.

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <zookeeper/zookeeper.h>

inline constexpr std::chrono::seconds patience{15};

inline void check(bool good, const char* what, int line) {
    if (good) return;
    std::fprintf(stderr, "line %d: not so: %s\n", line, what);
    std::exit(1);
}
#define CHECK(condition) check((condition), #condition, __LINE__)

// What the client library's threads report, for the main thread to wait for.
class Events {
public:
    void push(int type, int state, std::string path) {
        const std::lock_guard lock(mutex_);
        events_.push_back({type, state, std::move(path)});
        changed_.notify_all();
    }
    // The next event must be this one.
    void expect(int type, std::string_view path, int line) {
        const auto event = next(line);
        check(event.type == type && event.path == path,
              ("event " + std::to_string(event.type) + " of " + event.path).c_str(),
              line);
    }
    // The next completion must carry this code.
    void expect_code(int code, int line) {
        const auto event = next(line);
        check(event.state == code, ("code " + std::to_string(event.state)).c_str(), line);
    }
    std::string next_path(int line) { return next(line).path; }
    // The session comes into this state, whatever comes before.
    void await_state(int state, int line) {
        for (auto event = next(line); event.type != ZOO_SESSION_EVENT || event.state != state;) {
            event = next(line);
        }
    }

private:
    struct Event {
        int type = 0;
        int state = 0;
        std::string path;
    };
    Event next(int line) {
        std::unique_lock lock(mutex_);
        check(changed_.wait_for(lock, patience, [&] { return !events_.empty(); }),
              "an event came in time",
              line);
        auto event = std::move(events_.front());
        events_.pop_front();
        return event;
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Event> events_;
};
#define EXPECT_EVENT(events, type, path) (events).expect((type), (path), __LINE__)
#define AWAIT_STATE(events, state) (events).await_state((state), __LINE__)

inline void on_event(zhandle_t*, int type, int state, const char* path, void* events) {
    static_cast<Events*>(events)->push(type, state, path == nullptr ? "" : path);
}

struct Session {
    explicit Session(const char* address, const clientid_t* id = nullptr, int timeout_ms = 10000)
        : handle(zookeeper_init(address, on_event, timeout_ms, id, &events, 0)) {
        CHECK(handle != nullptr);
    }
    ~Session() { zookeeper_close(handle); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    Events events;
    zhandle_t* handle;
};
