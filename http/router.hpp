#pragma once
// Which handler answers which path: THE route table of the HTTP face, as data.
//
// Fed by:  Connection, with every request.
// Read by: metrics_api, which reports requests by route and status class.
// Thread:  http. The counters may be read from any thread.
// Holds:   an exact pattern wins over a prefix, a longer prefix over a shorter one.
// Fails:   404 for an unknown path, 405 with Allow for a wrong method, 400 for a path that is not
//          printable; all plain text, as Consul's.

#include "coord/base/async.hpp"
#include "coord/base/metrics.hpp"
#include "http/message.hpp"

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace http {

struct Api;

using Handler = coord::Task<Response> (*)(Api&, const Request&);

// A pattern that ends in '/' takes whatever follows as the request's parameter.
struct Route {
    std::string_view pattern;
    Handler get = nullptr;     // HEAD as well
    Handler put = nullptr;     // POST as well: some old clients do
    Handler remove = nullptr;  // DELETE
};

// THE table.
std::span<const Route> routes();

class Router {
public:
    Router(Api& api, std::span<const Route> routes);

    coord::Task<Response> answer(Request& request);
    [[nodiscard]] std::vector<coord::Metric> metrics() const;

private:
    using Classes = std::array<coord::Counter, 5>;  // 1xx … 5xx

    [[nodiscard]] std::size_t find(std::string_view path) const;  // table_.size(): none
    coord::Task<Response> dispatch(const Route& route, Request& request);

    Api& api_;
    std::span<const Route> table_;
    std::vector<Classes> counts_;  // one per route, and the last for paths of no route
};

}  // namespace http
