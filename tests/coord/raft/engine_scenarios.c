#include "tests/coord/raft/engine_scenarios.h"

#include <raft.h>
#include <raft/fixture.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { server_count = 3, entries_max = 64, append_entries = 1 };

struct Machine {
    struct raft_fsm fsm;
    char applied[entries_max];
    unsigned count;
};

struct Scenario {
    struct raft_fixture fixture;
    struct Machine machines[server_count];
    bool acknowledged[256];
};

struct Proposal {
    struct raft_apply request;
    struct Scenario* scenario;
    unsigned char letter;
};

static int apply(struct raft_fsm* fsm, const struct raft_buffer* buffer, void** result) {
    struct Machine* machine = (struct Machine*)fsm;
    if (machine->count + 1 < entries_max) {
        machine->applied[machine->count++] = *(const char*)buffer->base;
    }
    *result = NULL;
    return 0;
}

static int cut_snapshot(struct raft_fsm* fsm, struct raft_buffer* buffers[], unsigned* count) {
    (void)fsm;
    (void)buffers;
    (void)count;
    return RAFT_BUSY;
}

static int restore(struct raft_fsm* fsm, struct raft_buffer* buffer) {
    (void)fsm;
    raft_free(buffer->base);
    return 0;
}

static void done(struct raft_apply* request, int status, void* result) {
    struct Proposal* proposal = (struct Proposal*)request;
    (void)result;
    if (status == 0) proposal->scenario->acknowledged[proposal->letter] = true;
    free(proposal);
}

static struct raft* server(struct Scenario* s, unsigned i) {
    return raft_fixture_get(&s->fixture, i);
}

static void propose(struct Scenario* s, unsigned i, char letter) {
    struct raft_buffer buffer = {raft_malloc(8), 8};
    struct Proposal* proposal = calloc(1, sizeof *proposal);
    if (buffer.base == NULL || proposal == NULL) abort();
    memset(buffer.base, letter, 8);
    proposal->scenario = s;
    proposal->letter = (unsigned char)letter;
    if (raft_apply(server(s, i), &proposal->request, &buffer, 1, done) != 0) {
        raft_free(buffer.base);
        free(proposal);
    }
}

static void cut(struct Scenario* s, unsigned i, unsigned j) {
    raft_fixture_saturate(&s->fixture, i, j);
    raft_fixture_saturate(&s->fixture, j, i);
}

static void join(struct Scenario* s, unsigned i, unsigned j) {
    raft_fixture_desaturate(&s->fixture, i, j);
    raft_fixture_desaturate(&s->fixture, j, i);
}

static void run(struct Scenario* s, unsigned ms) {
    raft_fixture_step_until_elapsed(&s->fixture, ms);
}

static struct Scenario* begin(void) {
    struct Scenario* s = calloc(1, sizeof *s);
    struct raft_configuration configuration;
    if (s == NULL || raft_fixture_initialize(&s->fixture) != 0) abort();
    for (unsigned i = 0; i < server_count; ++i) {
        struct raft_fsm* fsm = &s->machines[i].fsm;
        fsm->version = 1;
        fsm->apply = apply;
        fsm->snapshot = cut_snapshot;
        fsm->restore = restore;
        if (raft_fixture_grow(&s->fixture, fsm) != 0) abort();
        raft_set_snapshot_threshold(server(s, i), 1U << 20U);
#ifdef RAFT_VERSION_NUMBER
        server(s, i)->tracer = NULL;  // it prints every step
#endif
    }
    raft_fixture_configuration(&s->fixture, server_count, &configuration);
    raft_fixture_bootstrap(&s->fixture, &configuration);
    raft_configuration_close(&configuration);
    raft_fixture_start(&s->fixture);
    return s;
}

// Server i stands for election first.
static void prefer(struct Scenario* s, unsigned i, unsigned others_ms) {
    for (unsigned j = 0; j < server_count; ++j) {
        raft_fixture_set_randomized_election_timeout(&s->fixture, j, j == i ? 1000 : others_ms);
    }
}

static bool leads(struct raft_fixture* fixture, void* i) {
    return raft_state(raft_fixture_get(fixture, (unsigned)(uintptr_t)i)) == RAFT_LEADER;
}

static bool elect(struct Scenario* s, unsigned i) {
    prefer(s, i, 1900);
    return raft_fixture_step_until(&s->fixture, leads, (void*)(uintptr_t)i, 20000);
}

static bool has(const struct Machine* machine, char letter) {
    return memchr(machine->applied, letter, machine->count) != NULL;
}

static struct ScenarioOutcome end(struct Scenario* s, bool played, const char* letters) {
    struct ScenarioOutcome outcome = {played, true, true};
    const struct Machine* longest = &s->machines[0];
    for (unsigned i = 0; i < server_count; ++i) {
        const struct Machine* a = &s->machines[i];
        if (a->count > longest->count) longest = a;
        for (unsigned j = 0; j < i; ++j) {
            const struct Machine* b = &s->machines[j];
            const unsigned both = a->count < b->count ? a->count : b->count;
            if (memcmp(a->applied, b->applied, both) != 0) outcome.alike = false;
        }
    }
    for (const char* letter = letters; *letter != 0; ++letter) {
        const bool was_acknowledged = s->acknowledged[(unsigned char)*letter];
        if (was_acknowledged && !has(longest, *letter)) outcome.kept = false;
    }
    raft_fixture_close(&s->fixture);
    free(s);
    return outcome;
}

struct ScenarioOutcome play_stale_suffix(void) {
    struct Scenario* s = begin();
    bool played = elect(s, 0);
    propose(s, 0, 'a');
    run(s, 500);
    cut(s, 0, 1);
    cut(s, 0, 2);
    propose(s, 0, 'X');  // on server 0 only
    propose(s, 0, 'Y');
    run(s, 40);
    played = elect(s, 1) && played;
    run(s, 400);
    cut(s, 1, 2);
    join(s, 0, 1);
    const unsigned heard = raft_fixture_n_recv(&s->fixture, 0, append_entries);
    for (int i = 0; i < 100000 && raft_fixture_n_recv(&s->fixture, 0, append_entries) == heard;
         ++i) {
        raft_fixture_step(&s->fixture);
    }
    propose(s, 1, 'P');
    propose(s, 1, 'Q');
    run(s, 45);
    raft_fixture_kill(&s->fixture, 1);
    cut(s, 1, 0);
    cut(s, 1, 2);
    join(s, 0, 2);
    run(s, 50);
    prefer(s, 0, 1500);
    run(s, 6000);
    propose(s, raft_state(server(s, 0)) == RAFT_LEADER ? 0 : 2, 'z');
    run(s, 1000);
    const bool goes_on = s->acknowledged['z'];
    // Server 1 is dead: what it alone applied does not count as kept.
    s->machines[1].count = 0;
    return end(s, played && goes_on, "aPQz");
}

struct ScenarioOutcome play_figure_8(void) {
    struct Scenario* s = begin();
    bool played = elect(s, 0);
    propose(s, 0, 'a');
    run(s, 500);
    cut(s, 0, 1);
    cut(s, 0, 2);
    propose(s, 0, 'B');  // on server 0 only
    run(s, 40);
    played = elect(s, 1) && played;
    run(s, 30);
    cut(s, 1, 2);
    propose(s, 1, 'C');  // on server 1 only
    run(s, 1540);        // it has no majority any more
    raft_fixture_kill(&s->fixture, 1);
    join(s, 0, 2);
    played = elect(s, 0) && played;
    for (int i = 0; i < 4000 && s->machines[0].count < 2; ++i) raft_fixture_step(&s->fixture);
    raft_fixture_kill(&s->fixture, 0);
    cut(s, 0, 2);
    cut(s, 0, 1);
    raft_fixture_revive(&s->fixture, 1);
    join(s, 1, 2);
    // Whose log is the newest: server 1, unless server 0 began its term with a barrier, as it must.
    prefer(s, raft_last_index(server(s, 1)) >= raft_last_index(server(s, 2)) ? 1 : 2, 1900);
    run(s, 8000);
    propose(s, raft_state(server(s, 1)) == RAFT_LEADER ? 1 : 2, 'z');
    run(s, 1000);
    return end(s, played && s->acknowledged['z'], "aBz");
}
