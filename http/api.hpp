#pragma once
// What a handler works with: the views it reads, and the way to the agent thread.
//
// Fed by:  Server, which owns all of it.
// Read by: every *_api.
// Thread:  http. `backend` is used on the agent thread only, through `agent`.

#include "http/agent_door.hpp"
#include "http/blocking_query.hpp"
#include "http/catalog_view.hpp"
#include "http/kv_view.hpp"
#include "http/server.hpp"

#include <chrono>

namespace http {

struct Api {
    const ServerOptions& options;
    Backend& backend;
    CatalogView& catalog;
    KvView& kv;
    BlockingQueries& queries;
    AgentDoor& agent;
    std::function<std::vector<coord::Metric>()> own_metrics;
};

// How long a handler waits for the agent thread, writes to the ensemble included.
inline constexpr std::chrono::seconds agent_patience{30};
// A snapshot of many gigabytes is written first, and then sent.
inline constexpr std::chrono::minutes snapshot_patience{10};
// How long a write waits for the views to have it.
inline constexpr std::chrono::seconds view_patience{1};

// Runs `work` on the agent thread; the reply is 500 when it does not come in time.
coord::Task<Response> on_agent(Api& api, std::function<coord::Task<Response>()> work);

// What was committed before this call is in the catalog and in the kv view: reads of our own
// writes, and ?consistent. Runs on the agent thread.
coord::Task<coord::Result<void>> catch_up(Backend& backend);

}  // namespace http
