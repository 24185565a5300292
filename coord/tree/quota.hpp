#pragma once
// Quotas: how many znodes and bytes may stand below a path, and how many do.
//
// Fed by:  Transaction: excesses() before a change, note() after it.
// Read by: StateMachine, for metrics.
// Thread:  coord.
// Holds:   all of it stands in the tree below /zookeeper/quota, so that rollback, snapshot and
//          every replica have it for nothing. While nothing stands there, a change costs one look.
//          The deepest quota'd path counts, alone.
// Source:  ZooKeeper 3.8 DataTree.updateQuotaStat, ZooKeeperServer.checkQuota. Unlike there, the
//          figures that admits() goes by are those of this very moment, also within a multi.

#include "coord/tree/data_tree.hpp"
#include "coord/tree/state_machine.hpp"
#include "coord/tree/stats_track.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

struct Usage {
    std::int64_t count = 0;
    std::int64_t bytes = 0;
};

class Quota {
public:
    explicit Quota(DataTree& tree) : tree_(tree) {}

    // Which limits a change at `path` by so much would exceed: a soft one is only told of, a hard
    // one comes last.
    [[nodiscard]] std::vector<QuotaExcess> excesses(std::string_view path, Usage change) const;

    // A znode has come, gone, or been written to.
    void note(std::string_view path, Usage change);
    // A znode has come: if it holds a quota's stats, all of its subtree is counted.
    void note_created(std::string_view path, std::optional<std::string_view> data);

    // The quotas that are set, in the order in which their znodes stand; `max` of them at most.
    static std::vector<QuotaView> all(const DataTree& tree, std::size_t max);

private:
    // The deepest path, at `path` or above it, that has limits; empty if there is none.
    [[nodiscard]] std::string_view find(std::string_view path) const;
    [[nodiscard]] Usage count_below(std::string_view path) const;

    DataTree& tree_;
};

}  // namespace coord
