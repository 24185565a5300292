// libraft's engine as plain structs: the one door to <raft.h>, which is not C++ in 0.22.
//
// Fed by:  Driver: one function per event; each fills a BridgeUpdate.
// Read by: Driver, which carries out the update before it reports the next event.
// Thread:  the driver's; an engine has no lock and does no I/O.
// Holds:   the engine never sees the payload of a command; the caller keeps all entries.
// Fails:   an event returns 0 or libraft's code. After any code but bridge_not_leader,
//          bridge_no_space and bridge_busy the engine must not be used again.
#ifndef ROSTER_COORD_RAFT_RAFT_BRIDGE_H
#define ROSTER_COORD_RAFT_RAFT_BRIDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct Bridge;

enum BridgeEntryType { bridge_command = 1, bridge_barrier = 2, bridge_change = 3 };
enum BridgeState { bridge_follower = 1, bridge_candidate = 2, bridge_leader = 3 };
enum BridgeRole { bridge_standby = 0, bridge_voter = 1, bridge_spare = 2 };

enum BridgeMessageType {
    bridge_append_entries = 1,
    bridge_append_entries_result,
    bridge_request_vote,
    bridge_request_vote_result,
    bridge_install_snapshot,
    bridge_timeout_now
};

// `bytes` is read only for bridge_change, and only during the call.
struct BridgeEntry {
    uint64_t term;
    enum BridgeEntryType type;
    const void* bytes;
    size_t length;
};

struct BridgeMember {
    uint64_t id;
    char* address;
    enum BridgeRole role;
};

// A snapshot without its content. `configuration` is encoded as in a bridge_change entry.
struct BridgeSnapshot {
    uint64_t index;
    uint64_t term;
    uint64_t configuration_index;
    const void* configuration;
    size_t configuration_length;
};

// One Raft message (figures 3.1 and 5.3 of the dissertation). `peer` is the other side's id.
// An outgoing append_entries has a count only; an incoming one has its entries too.
struct BridgeMessage {
    enum BridgeMessageType type;
    uint64_t peer;
    uint64_t term;
    union {
        struct {
            uint64_t previous_index;
            uint64_t previous_term;
            uint64_t commit;
            const struct BridgeEntry* entries;
            size_t count;
        } append_entries;
        struct {
            uint64_t rejected;
            uint64_t last_index;
            uint16_t features;
            uint16_t capacity;
        } append_entries_result;
        struct {
            uint64_t candidate;
            uint64_t last_index;
            uint64_t last_term;
            bool disrupt_leader;
            bool pre_vote;
        } request_vote;
        struct {
            bool granted;
            bool pre_vote;
            uint16_t features;
            uint16_t capacity;
        } request_vote_result;
        struct BridgeSnapshot install_snapshot;  // outgoing: without the configuration
        struct {
            uint64_t last_index;
            uint64_t last_term;
        } timeout_now;
    } body;
};

// What the caller has to do, in this order: make term and vote durable, write the entries,
// send the messages, apply up to the commit index. Valid until the next event.
struct BridgeUpdate {
    bool vote_changed;
    bool state_changed;
    bool commit_changed;
    uint64_t entries_index;  // 0: nothing to write; else what was there from here on is replaced
    size_t entries_offset;   // into the entries of the event
    size_t entries_count;
    bool barrier;  // the one entry to write is a barrier that the engine made
    const struct BridgeMessage* messages;
    size_t message_count;
    bool install;  // fetch and install `snapshot`, then call bridge_snapshot_installed
    struct BridgeSnapshot snapshot;
};

struct BridgeOptions {
    uint64_t id;
    const char* address;
    unsigned election_timeout_ms;
    unsigned heartbeat_ms;
    unsigned install_timeout_ms;
    unsigned in_flight_max;
    unsigned seed;
};

struct Bridge* bridge_open(const struct BridgeOptions* options);
void bridge_close(struct Bridge* bridge);
void bridge_set_election_timeout(struct Bridge* bridge, unsigned election_timeout_ms);

struct BridgeStart {
    uint64_t term;
    uint64_t voted_for;
    const struct BridgeSnapshot* snapshot;  // null: none
    uint64_t first_index;
    const struct BridgeEntry* entries;
    size_t count;
};

int bridge_start(struct Bridge* bridge,
                 uint64_t now_ms,
                 const struct BridgeStart* start,
                 struct BridgeUpdate* update);
int bridge_timeout(struct Bridge* bridge, uint64_t now_ms, struct BridgeUpdate* update);
// As bridge_timeout, but a leader sends a heartbeat (with the commit index) to every peer at once.
int bridge_heartbeat(struct Bridge* bridge, uint64_t now_ms, struct BridgeUpdate* update);
int bridge_submit(struct Bridge* bridge,
                  uint64_t now_ms,
                  const struct BridgeEntry* entry,
                  struct BridgeUpdate* update);
// Hands the leadership over to the voter `id`, once that has all of the log; nothing can be submitted
// until it leads or an election timeout is over.
int bridge_transfer(struct Bridge* bridge,
                    uint64_t now_ms,
                    uint64_t id,
                    struct BridgeUpdate* update);
int bridge_receive(struct Bridge* bridge,
                   uint64_t now_ms,
                   const struct BridgeMessage* message,
                   struct BridgeUpdate* update);
// `index` must be above the last one reported and still in the log.
int bridge_persisted(struct Bridge* bridge,
                     uint64_t now_ms,
                     uint64_t index,
                     struct BridgeUpdate* update);
// A bridge_change entry at `index` was committed.
int bridge_configured(struct Bridge* bridge,
                      uint64_t now_ms,
                      uint64_t index,
                      const struct BridgeEntry* entry,
                      struct BridgeUpdate* update);
int bridge_snapshot_taken(struct Bridge* bridge,
                          uint64_t now_ms,
                          const struct BridgeSnapshot* snapshot,
                          unsigned trailing,
                          struct BridgeUpdate* update);
int bridge_snapshot_installed(struct Bridge* bridge,
                              uint64_t now_ms,
                              const struct BridgeSnapshot* snapshot,
                              struct BridgeUpdate* update);

uint64_t bridge_term(const struct Bridge* bridge);
uint64_t bridge_voted_for(const struct Bridge* bridge);
uint64_t bridge_commit_index(const struct Bridge* bridge);
uint64_t bridge_last_index(struct Bridge* bridge);
uint64_t bridge_deadline_ms(const struct Bridge* bridge);
uint64_t bridge_leader_id(struct Bridge* bridge);
// Up to where this member's log is known to be the leader's, asked of a leader; else 0.
uint64_t bridge_match_index(const struct Bridge* bridge, uint64_t id);
enum BridgeState bridge_state(struct Bridge* bridge);
const char* bridge_error_text(int code);

extern const int bridge_not_leader;
extern const int bridge_no_space;
extern const int bridge_busy;

// Both return false if the members or the bytes make no valid configuration. What they
// return is the caller's to free with bridge_free and bridge_free_members.
bool bridge_encode_configuration(const struct BridgeMember* members,
                                 size_t count,
                                 void** bytes,
                                 size_t* length);
bool bridge_decode_configuration(const void* bytes,
                                 size_t length,
                                 struct BridgeMember** members,
                                 size_t* count);
void bridge_free(void* bytes);
void bridge_free_members(struct BridgeMember* members, size_t count);

#ifdef __cplusplus
}
#endif

#endif
