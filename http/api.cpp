#include "http/api.hpp"

namespace http {

coord::Task<Response> on_agent(Api& api, std::function<coord::Task<Response>()> work) {
    auto response = co_await api.agent.run<Response>(std::move(work), agent_patience);
    if (response) co_return std::move(*response);
    co_return plain(500, "rpc error: the coordination core did not answer in time");
}

coord::Task<coord::Result<void>> catch_up(Backend& backend) {
    const auto synced = co_await backend.kv.sync();
    if (!synced) co_return synced.error();
    if (!backend.last_zxid) co_return coord::Result<void>();
    co_return co_await backend.catalog.reached(backend.last_zxid(), view_patience);
}

}  // namespace http
