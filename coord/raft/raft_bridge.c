#define _POSIX_C_SOURCE 200809L  // strdup
#include "coord/raft/raft_bridge.h"

#include <raft.h>

#include <stdlib.h>
#include <string.h>

// Who owns the memory of a step is not part of libraft's ABI and has changed after 0.22.
_Static_assert(RAFT_VERSION_NUMBER >= 2201 && RAFT_VERSION_NUMBER < 2300,
               "Roster needs libraft >= 0.22.1 and < 0.23");
_Static_assert((int)bridge_command == (int)RAFT_COMMAND &&
                   (int)bridge_barrier == (int)RAFT_BARRIER &&
                   (int)bridge_change == (int)RAFT_CHANGE,
               "entry types are libraft's");
_Static_assert((int)bridge_follower == (int)RAFT_FOLLOWER &&
                   (int)bridge_candidate == (int)RAFT_CANDIDATE &&
                   (int)bridge_leader == (int)RAFT_LEADER,
               "states are libraft's");
_Static_assert((int)bridge_standby == (int)RAFT_STANDBY && (int)bridge_voter == (int)RAFT_VOTER &&
                   (int)bridge_spare == (int)RAFT_SPARE,
               "roles are libraft's");
_Static_assert((int)bridge_append_entries == (int)RAFT_APPEND_ENTRIES &&
                   (int)bridge_timeout_now == (int)RAFT_TIMEOUT_NOW,
               "message types are libraft's");

const int bridge_not_leader = RAFT_NOTLEADER;
const int bridge_no_space = RAFT_NOSPACE;
const int bridge_busy = RAFT_CANTCHANGE;

struct Bridge {
    struct raft raft;
    struct BridgeMessage* messages;
    size_t message_capacity;
    struct raft_buffer install_configuration;  // what the last update's snapshot points to
    unsigned heartbeat_ms;
};

// The engine wants a batch that is not null; with bridge_submit it neither reads nor frees it.
static char no_payload[8];

struct Bridge* bridge_open(const struct BridgeOptions* options) {
    struct Bridge* bridge = calloc(1, sizeof *bridge);
    if (bridge == NULL) return NULL;
    if (raft_init(&bridge->raft, NULL, NULL, options->id, options->address) != 0) {
        free(bridge);
        return NULL;
    }
    bridge->raft.tracer = NULL;  // else it formats a line for every event
    bridge->heartbeat_ms = options->heartbeat_ms;
    raft_seed(&bridge->raft, options->seed);
    raft_set_election_timeout(&bridge->raft, options->election_timeout_ms);
    raft_set_heartbeat_timeout(&bridge->raft, options->heartbeat_ms);
    raft_set_install_snapshot_timeout(&bridge->raft, options->install_timeout_ms);
    raft_set_max_inflight_entries(&bridge->raft, options->in_flight_max);
    raft_set_pre_vote(&bridge->raft, true);
    return bridge;
}

void bridge_close(struct Bridge* bridge) {
    if (bridge == NULL) return;
    raft_close(&bridge->raft, NULL);
    raft_free(bridge->install_configuration.base);
    free(bridge->messages);
    free(bridge);
}

void bridge_set_election_timeout(struct Bridge* bridge, unsigned election_timeout_ms) {
    raft_set_election_timeout(&bridge->raft, election_timeout_ms);
}

static int decode(const void* bytes, size_t length, struct raft_configuration* configuration) {
    // libraft does not write through it, but its buffer type is not const.
    const struct raft_buffer buffer = {(void*)(uintptr_t)bytes, length};
    return raft_configuration_decode(&buffer, configuration);
}

static int decode_metadata(const struct BridgeSnapshot* from, struct raft_snapshot_metadata* to) {
    memset(to, 0, sizeof *to);
    to->index = from->index;
    to->term = from->term;
    to->configuration_index = from->configuration_index;
    return decode(from->configuration, from->configuration_length, &to->configuration);
}

static struct raft_entry to_engine(const struct BridgeEntry* entry, void* batch) {
    struct raft_entry to = {0};
    to.term = entry->term;
    to.type = (enum raft_entry_type)entry->type;
    to.buf.base = (void*)(uintptr_t)entry->bytes;
    to.buf.len = entry->length;
    to.batch = batch;
    return to;
}

static void copy_message(const struct raft_message* from, struct BridgeMessage* to) {
    memset(to, 0, sizeof *to);
    to->type = (enum BridgeMessageType)from->type;
    to->peer = from->server_id;
    switch (from->type) {
        case RAFT_APPEND_ENTRIES:
            to->term = from->append_entries.term;
            to->body.append_entries.previous_index = from->append_entries.prev_log_index;
            to->body.append_entries.previous_term = from->append_entries.prev_log_term;
            to->body.append_entries.commit = from->append_entries.leader_commit;
            to->body.append_entries.count = from->append_entries.n_entries;
            break;
        case RAFT_APPEND_ENTRIES_RESULT:
            to->term = from->append_entries_result.term;
            to->body.append_entries_result.rejected = from->append_entries_result.rejected;
            to->body.append_entries_result.last_index = from->append_entries_result.last_log_index;
            to->body.append_entries_result.features = from->append_entries_result.features;
            to->body.append_entries_result.capacity = from->append_entries_result.capacity;
            break;
        case RAFT_REQUEST_VOTE:
            to->term = from->request_vote.term;
            to->body.request_vote.candidate = from->request_vote.candidate_id;
            to->body.request_vote.last_index = from->request_vote.last_log_index;
            to->body.request_vote.last_term = from->request_vote.last_log_term;
            to->body.request_vote.disrupt_leader = from->request_vote.disrupt_leader;
            to->body.request_vote.pre_vote = from->request_vote.pre_vote;
            break;
        case RAFT_REQUEST_VOTE_RESULT:
            to->term = from->request_vote_result.term;
            to->body.request_vote_result.granted = from->request_vote_result.vote_granted;
            to->body.request_vote_result.pre_vote = from->request_vote_result.pre_vote;
            to->body.request_vote_result.features = from->request_vote_result.features;
            to->body.request_vote_result.capacity = from->request_vote_result.capacity;
            break;
        case RAFT_INSTALL_SNAPSHOT:
            to->term = from->install_snapshot.term;
            to->body.install_snapshot.index = from->install_snapshot.last_index;
            to->body.install_snapshot.term = from->install_snapshot.last_term;
            to->body.install_snapshot.configuration_index = from->install_snapshot.conf_index;
            break;
        case RAFT_TIMEOUT_NOW:
            to->term = from->timeout_now.term;
            to->body.timeout_now.last_index = from->timeout_now.last_log_index;
            to->body.timeout_now.last_term = from->timeout_now.last_log_term;
            break;
    }
}

static int
copy_messages(struct Bridge* bridge, const struct raft_update* from, struct BridgeUpdate* to) {
    const size_t count = from->messages.n;
    if (count > bridge->message_capacity) {
        struct BridgeMessage* grown = realloc(bridge->messages, count * 2 * sizeof *grown);
        if (grown == NULL) return RAFT_NOMEM;
        bridge->messages = grown;
        bridge->message_capacity = count * 2;
    }
    // Whoever has installed a snapshot and knows no leader meanwhile tells server 0: nobody.
    for (size_t i = 0; i < count; ++i) {
        if (from->messages.batch[i].server_id == 0) continue;
        copy_message(&from->messages.batch[i], &bridge->messages[to->message_count++]);
    }
    to->messages = bridge->messages;
    return 0;
}

static int copy_install(struct Bridge* bridge, struct raft_update* from, struct BridgeUpdate* to) {
    struct raft_snapshot_metadata* metadata = &from->snapshot.metadata;
    raft_free(bridge->install_configuration.base);
    bridge->install_configuration.base = NULL;
    const int error =
        raft_configuration_encode(&metadata->configuration, &bridge->install_configuration);
    raft_configuration_close(&metadata->configuration);
    if (error != 0) return error;
    to->install = true;
    to->snapshot.index = metadata->index;
    to->snapshot.term = metadata->term;
    to->snapshot.configuration_index = metadata->configuration_index;
    to->snapshot.configuration = bridge->install_configuration.base;
    to->snapshot.configuration_length = bridge->install_configuration.len;
    return 0;
}

// Takes one step. `entries` are those of the event, or null.
static int step(struct Bridge* bridge,
                uint64_t now_ms,
                struct raft_event* event,
                const struct raft_entry* entries,
                struct BridgeUpdate* update) {
    struct raft_update from;
    memset(&from, 0, sizeof from);
    memset(update, 0, sizeof *update);
    event->time = now_ms;
    int error = raft_step(&bridge->raft, event, &from);
    if (error != 0) return error;
    const unsigned flags = from.flags;
    update->vote_changed = (flags & (RAFT_UPDATE_CURRENT_TERM | RAFT_UPDATE_VOTED_FOR)) != 0;
    update->state_changed = (flags & (RAFT_UPDATE_STATE)) != 0;
    update->commit_changed = (flags & (RAFT_UPDATE_COMMIT_INDEX)) != 0;
    if ((flags & (RAFT_UPDATE_ENTRIES)) != 0) {
        update->entries_index = from.entries.index;
        update->entries_count = from.entries.n;
        update->barrier = from.entries.batch == &bridge->raft.barrier;
        if (update->barrier) {
            raft_free(bridge->raft.barrier.buf.base);
        } else {
            update->entries_offset = (size_t)(from.entries.batch - entries);
        }
    }
    if ((flags & (RAFT_UPDATE_MESSAGES)) != 0) error = copy_messages(bridge, &from, update);
    if (error == 0 && (flags & (RAFT_UPDATE_SNAPSHOT)) != 0) {
        error = copy_install(bridge, &from, update);
    }
    return error;
}

int bridge_start(struct Bridge* bridge,
                 uint64_t now_ms,
                 const struct BridgeStart* start,
                 struct BridgeUpdate* update) {
    struct raft_event event = {0};
    struct raft_snapshot_metadata metadata;
    event.type = RAFT_START;
    event.start.term = start->term;
    event.start.voted_for = start->voted_for;
    event.start.start_index = start->first_index;
    if (start->snapshot != NULL) {
        const int error = decode_metadata(start->snapshot, &metadata);
        if (error != 0) return error;
        event.start.metadata = &metadata;  // the engine takes its configuration
    }
    struct raft_entry* entries = raft_calloc(start->count + 1, sizeof *entries);
    if (entries == NULL) return RAFT_NOMEM;
    for (size_t i = 0; i < start->count; ++i) entries[i] = to_engine(&start->entries[i], NULL);
    event.start.entries = entries;
    event.start.n_entries = (unsigned)start->count;
    const int error = step(bridge, now_ms, &event, NULL, update);
    if (error == 0) raft_free(entries);  // else the engine has
    return error;
}

int bridge_timeout(struct Bridge* bridge, uint64_t now_ms, struct BridgeUpdate* update) {
    struct raft_event event = {0};
    event.type = RAFT_TIMEOUT;
    return step(bridge, now_ms, &event, NULL, update);
}

int bridge_heartbeat(struct Bridge* bridge, uint64_t now_ms, struct BridgeUpdate* update) {
    raft_set_heartbeat_timeout(&bridge->raft, 0);
    const int error = bridge_timeout(bridge, now_ms, update);
    raft_set_heartbeat_timeout(&bridge->raft, bridge->heartbeat_ms);
    return error;
}

int bridge_submit(struct Bridge* bridge,
                  uint64_t now_ms,
                  const struct BridgeEntry* entry,
                  struct BridgeUpdate* update) {
    struct raft_event event = {0};
    struct raft_entry submitted = to_engine(entry, no_payload);
    event.type = RAFT_SUBMIT;
    event.submit.entries = &submitted;
    event.submit.n = 1;
    return step(bridge, now_ms, &event, &submitted, update);
}

// libraft 0.22.1 answers a message of an old term without setting the last index: its sender could
// lead in the term of the answer by the time it comes, and count entries that nobody has.
static void clear_unset_index(struct Bridge* bridge, const struct BridgeUpdate* update) {
    struct BridgeMessage* messages = bridge->messages;
    for (size_t i = 0; i < update->message_count; ++i) {
        if (messages[i].type != bridge_append_entries_result) continue;
        messages[i].body.append_entries_result.last_index = 0;
    }
}

static int receive_entries(struct Bridge* bridge,
                           uint64_t now_ms,
                           const struct BridgeMessage* from,
                           struct raft_message* message,
                           struct BridgeUpdate* update) {
    struct raft_event event = {0};
    struct raft_entry* entries = NULL;
    void* batch = NULL;
    const size_t count = from->body.append_entries.count;
    if (count > 0) {
        // The engine frees the batch unless it keeps entries: then the caller has to.
        batch = raft_malloc(sizeof no_payload);
        entries = raft_calloc(count, sizeof *entries);
        if (batch == NULL || entries == NULL) return RAFT_NOMEM;
        for (size_t i = 0; i < count; ++i) {
            entries[i] = to_engine(&from->body.append_entries.entries[i], batch);
        }
    }
    message->append_entries.term = from->term;
    message->append_entries.prev_log_index = from->body.append_entries.previous_index;
    message->append_entries.prev_log_term = from->body.append_entries.previous_term;
    message->append_entries.leader_commit = from->body.append_entries.commit;
    message->append_entries.entries = entries;
    message->append_entries.n_entries = (unsigned)count;
    event.type = RAFT_RECEIVE;
    event.receive.message = message;
    const int error = step(bridge, now_ms, &event, entries, update);
    if (error == 0 && update->entries_index != 0) raft_free(batch);
    raft_free(entries);
    return error;
}

static int receive_snapshot(struct Bridge* bridge,
                            uint64_t now_ms,
                            const struct BridgeMessage* from,
                            struct raft_message* message,
                            struct BridgeUpdate* update) {
    struct raft_event event = {0};
    const struct BridgeSnapshot* snapshot = &from->body.install_snapshot;
    message->install_snapshot.term = from->term;
    message->install_snapshot.last_index = snapshot->index;
    message->install_snapshot.last_term = snapshot->term;
    message->install_snapshot.conf_index = snapshot->configuration_index;
    int error = decode(
        snapshot->configuration, snapshot->configuration_length, &message->install_snapshot.conf);
    if (error != 0) return error;
    const bool installing = bridge->raft.snapshot.installing;
    event.type = RAFT_RECEIVE;
    event.receive.message = message;
    error = step(bridge, now_ms, &event, NULL, update);
    // An engine that is installing drops the message without a reply, and leaks this.
    if (error == 0 && installing && update->message_count == 0) {
        raft_configuration_close(&message->install_snapshot.conf);
    }
    return error;
}

static struct raft_server* find_self(struct raft* raft) {
    for (unsigned i = 0; i < raft->configuration.n; ++i) {
        if (raft->configuration.servers[i].id == raft->id) return &raft->configuration.servers[i];
    }
    return NULL;
}

// libraft lets a member vote only if its own configuration says so. But the vote of one whose
// promotion has not reached it may be needed by the only member that has it in its log, so it is to
// vote whatever it believes (dissertation, section 4.1); the candidate knows whose votes count. Nor
// does libraft let who is no voter ever forget its leader.
static int receive_vote_request(struct Bridge* bridge,
                                uint64_t now_ms,
                                struct raft_event* event,
                                struct BridgeUpdate* update) {
    struct raft* raft = &bridge->raft;
    const struct raft_server* self = find_self(raft);
    if (self == NULL || self->role == RAFT_VOTER) return step(bridge, now_ms, event, NULL, update);
    const int role = self->role;
    const bool is_silent = now_ms >= raft->election_timer_start + raft->election_timeout;
    if (is_silent) event->receive.message->request_vote.disrupt_leader = true;
    find_self(raft)->role = RAFT_VOTER;
    const int error = step(bridge, now_ms, event, NULL, update);
    find_self(raft)->role = role;
    return error;
}

// A follower that hears of a new term from anyone but its leader would go on taking the leader of the
// old term for that of the new one.
static void forget_leader_before(struct raft* raft, uint64_t term) {
    if (raft_current_term(raft) == term || raft_state(raft) != RAFT_FOLLOWER) return;
    raft->follower_state.current_leader.id = 0;
}

static int receive(struct Bridge* bridge,
                   uint64_t now_ms,
                   const struct BridgeMessage* from,
                   struct BridgeUpdate* update) {
    struct raft_event event = {0};
    struct raft_message message;
    memset(&message, 0, sizeof message);
    message.type = (enum raft_message_type)from->type;
    message.server_id = from->peer;
    message.server_address = "-";  // replies go by id; the engine wants some text
    const bool is_late = from->term < raft_current_term(&bridge->raft);
    int error = 0;
    switch (from->type) {
        case bridge_append_entries:
            error = receive_entries(bridge, now_ms, from, &message, update);
            if (error == 0 && is_late) clear_unset_index(bridge, update);
            return error;
        case bridge_install_snapshot:
            error = receive_snapshot(bridge, now_ms, from, &message, update);
            if (error == 0 && is_late) clear_unset_index(bridge, update);
            return error;
        case bridge_append_entries_result:
            message.append_entries_result.version = 2;
            message.append_entries_result.term = from->term;
            message.append_entries_result.rejected = from->body.append_entries_result.rejected;
            message.append_entries_result.last_log_index =
                from->body.append_entries_result.last_index;
            message.append_entries_result.features = from->body.append_entries_result.features;
            message.append_entries_result.capacity = from->body.append_entries_result.capacity;
            break;
        case bridge_request_vote:
            message.request_vote.version = 2;
            message.request_vote.term = from->term;
            message.request_vote.candidate_id = from->body.request_vote.candidate;
            message.request_vote.last_log_index = from->body.request_vote.last_index;
            message.request_vote.last_log_term = from->body.request_vote.last_term;
            message.request_vote.disrupt_leader = from->body.request_vote.disrupt_leader;
            message.request_vote.pre_vote = from->body.request_vote.pre_vote;
            event.type = RAFT_RECEIVE;
            event.receive.message = &message;
            return receive_vote_request(bridge, now_ms, &event, update);
        case bridge_request_vote_result:
            // From version 2 on the engine tells pre-votes from votes.
            message.request_vote_result.version = 2;
            message.request_vote_result.term = from->term;
            message.request_vote_result.vote_granted = from->body.request_vote_result.granted;
            message.request_vote_result.pre_vote = from->body.request_vote_result.pre_vote;
            message.request_vote_result.features = from->body.request_vote_result.features;
            message.request_vote_result.capacity = from->body.request_vote_result.capacity;
            break;
        case bridge_timeout_now:
            message.timeout_now.term = from->term;
            message.timeout_now.last_log_index = from->body.timeout_now.last_index;
            message.timeout_now.last_log_term = from->body.timeout_now.last_term;
            break;
    }
    event.type = RAFT_RECEIVE;
    event.receive.message = &message;
    return step(bridge, now_ms, &event, NULL, update);
}

int bridge_receive(struct Bridge* bridge,
                   uint64_t now_ms,
                   const struct BridgeMessage* from,
                   struct BridgeUpdate* update) {
    const uint64_t term = raft_current_term(&bridge->raft);
    const int error = receive(bridge, now_ms, from, update);
    const bool is_leaders =
        from->type == bridge_append_entries || from->type == bridge_install_snapshot;
    if (!is_leaders) forget_leader_before(&bridge->raft, term);
    return error;
}

int bridge_transfer(struct Bridge* bridge,
                    uint64_t now_ms,
                    uint64_t id,
                    struct BridgeUpdate* update) {
    struct raft_event event = {0};
    event.type = RAFT_TRANSFER;
    event.transfer.server_id = id;
    return step(bridge, now_ms, &event, NULL, update);
}

int bridge_persisted(struct Bridge* bridge,
                     uint64_t now_ms,
                     uint64_t index,
                     struct BridgeUpdate* update) {
    struct raft_event event = {0};
    event.type = RAFT_PERSISTED_ENTRIES;
    event.persisted_entries.index = index;
    return step(bridge, now_ms, &event, NULL, update);
}

int bridge_configured(struct Bridge* bridge,
                      uint64_t now_ms,
                      uint64_t index,
                      const struct BridgeEntry* entry,
                      struct BridgeUpdate* update) {
    struct raft_event event = {0};
    event.type = RAFT_CONFIGURATION;
    event.configuration.index = index;
    const int error = decode(entry->bytes, entry->length, &event.configuration.conf);
    return error != 0 ? error : step(bridge, now_ms, &event, NULL, update);
}

int bridge_snapshot_taken(struct Bridge* bridge,
                          uint64_t now_ms,
                          const struct BridgeSnapshot* snapshot,
                          unsigned trailing,
                          struct BridgeUpdate* update) {
    struct raft_event event = {0};
    event.type = RAFT_SNAPSHOT;
    event.snapshot.trailing = trailing;
    const int error = decode_metadata(snapshot, &event.snapshot.metadata);
    return error != 0 ? error : step(bridge, now_ms, &event, NULL, update);
}

int bridge_snapshot_installed(struct Bridge* bridge,
                              uint64_t now_ms,
                              const struct BridgeSnapshot* snapshot,
                              struct BridgeUpdate* update) {
    struct raft_event event = {0};
    event.type = RAFT_PERSISTED_SNAPSHOT;
    event.persisted_snapshot.last = true;
    const int error = decode_metadata(snapshot, &event.persisted_snapshot.metadata);
    return error != 0 ? error : step(bridge, now_ms, &event, NULL, update);
}

uint64_t bridge_term(const struct Bridge* bridge) { return raft_current_term(&bridge->raft); }
uint64_t bridge_voted_for(const struct Bridge* bridge) { return raft_voted_for(&bridge->raft); }
uint64_t bridge_commit_index(const struct Bridge* bridge) {
    return raft_commit_index(&bridge->raft);
}
uint64_t bridge_last_index(struct Bridge* bridge) { return raft_last_index(&bridge->raft); }
uint64_t bridge_deadline_ms(const struct Bridge* bridge) { return raft_timeout(&bridge->raft); }

uint64_t bridge_leader_id(struct Bridge* bridge) {
    raft_id id = 0;
    const char* address = NULL;
    raft_leader(&bridge->raft, &id, &address);
    return id;
}

uint64_t bridge_match_index(const struct Bridge* bridge, uint64_t id) {
    raft_index index = 0;
    return raft_match_index(&bridge->raft, id, &index) == 0 ? index : 0;
}

enum BridgeState bridge_state(struct Bridge* bridge) {
    return (enum BridgeState)raft_state(&bridge->raft);
}

const char* bridge_error_text(int code) { return raft_strerror(code); }

bool bridge_encode_configuration(const struct BridgeMember* members,
                                 size_t count,
                                 void** bytes,
                                 size_t* length) {
    struct raft_configuration configuration;
    struct raft_buffer buffer = {NULL, 0};
    raft_configuration_init(&configuration);
    bool good = count > 0;
    for (size_t i = 0; good && i < count; ++i) {
        good = raft_configuration_add(
                   &configuration, members[i].id, members[i].address, (int)members[i].role) == 0;
    }
    good = good && raft_configuration_encode(&configuration, &buffer) == 0;
    raft_configuration_close(&configuration);
    *bytes = buffer.base;
    *length = buffer.len;
    return good;
}

// libraft's decoder trusts the count of servers, so it is counted here first: a format byte,
// a count of 8 bytes, then per server an id of 8 bytes, an address that ends in 0, a role byte.
static bool is_within_bounds(const unsigned char* bytes, size_t length) {
    if (length < 9 || length > 1U << 20U) return false;
    uint64_t count = 0;
    for (size_t i = 0; i < 8; ++i) count |= (uint64_t)bytes[1 + i] << (8U * i);
    size_t at = 9;
    if (count == 0 || count > length / 10) return false;
    for (uint64_t i = 0; i < count; ++i) {
        if (length - at < 10) return false;
        at += 8;
        const unsigned char* end = memchr(bytes + at, 0, length - at);
        if (end == NULL) return false;
        at = (size_t)(end - bytes) + 1;
        if (at == length) return false;
        at += 1;
    }
    return true;
}

bool bridge_decode_configuration(const void* bytes,
                                 size_t length,
                                 struct BridgeMember** members,
                                 size_t* count) {
    struct raft_configuration configuration;
    *members = NULL;
    *count = 0;
    if (!is_within_bounds(bytes, length)) return false;
    if (decode(bytes, length, &configuration) != 0) return false;
    struct BridgeMember* copies = calloc(configuration.n + 1, sizeof *copies);
    bool good = copies != NULL;
    for (size_t i = 0; good && i < configuration.n; ++i) {
        const struct raft_server* server = &configuration.servers[i];
        copies[i].id = server->id;
        copies[i].role = (enum BridgeRole)server->role;
        copies[i].address = strdup(server->address);
        good = copies[i].address != NULL;
    }
    if (good) {
        *members = copies;
        *count = configuration.n;
    } else {
        bridge_free_members(copies, configuration.n);
    }
    raft_configuration_close(&configuration);
    return good;
}

void bridge_free(void* bytes) { raft_free(bytes); }

void bridge_free_members(struct BridgeMember* members, size_t count) {
    if (members == NULL) return;
    for (size_t i = 0; i < count; ++i) free(members[i].address);
    free(members);
}
