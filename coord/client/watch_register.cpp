#include "coord/client/watch_register.hpp"

#include "coord/proto/jute.hpp"
#include "coord/proto/requests.hpp"

#include <utility>

namespace coord {
namespace {

// As Java's client: far below what a server accepts in one frame.
constexpr std::size_t request_path_bytes = std::size_t{128} << 10U;

class Splitter {
public:
    explicit Splitter(Zxid seen) : seen_(seen) { request_.relative_zxid = seen; }

    void add(std::vector<std::string_view> SetWatchesRequest::*list, std::string_view path) {
        if (bytes_ + path.size() > request_path_bytes) cut();
        (request_.*list).push_back(path);
        bytes_ += path.size() + 4;
    }

    std::vector<WatchRegister::Request> finish() {
        cut();
        return std::move(requests_);
    }

private:
    void cut() {
        if (bytes_ == 0) return;
        const bool two = !request_.persistent.empty() || !request_.persistent_recursive.empty();
        WatchRegister::Request encoded{two ? OpCode::set_watches2 : OpCode::set_watches, {}};
        Encoder out(encoded.body);
        request_.encode(out, encoded.op);
        requests_.push_back(std::move(encoded));
        request_ = {};
        request_.relative_zxid = seen_;
        bytes_ = 0;
    }

    Zxid seen_;
    SetWatchesRequest request_;
    std::size_t bytes_ = 0;
    std::vector<WatchRegister::Request> requests_;
};

}  // namespace

void WatchRegister::add_data(std::string path) { data_.insert(std::move(path)); }
void WatchRegister::add_exist(std::string path) { exist_.insert(std::move(path)); }
void WatchRegister::add_child(std::string path) { child_.insert(std::move(path)); }

void WatchRegister::add(std::string path, WatchMode mode) {
    auto& paths = mode == WatchMode::persistent ? persistent_ : persistent_recursive_;
    paths.insert(std::move(path));
}

void WatchRegister::fired(const WatcherEvent& event) {
    const auto use_up = [&](Paths& paths) {
        const auto found = paths.find(event.path);
        if (found != paths.end()) paths.erase(found);
    };
    if (event.type == EventType::node_children_changed || event.type == EventType::node_deleted) {
        use_up(child_);
    }
    if (event.type != EventType::node_children_changed) {
        use_up(data_);
        use_up(exist_);
    }
}

std::vector<WatchRegister::Request> WatchRegister::requests(Zxid seen) const {
    Splitter splitter(seen);
    for (const auto& path : data_) splitter.add(&SetWatchesRequest::data, path);
    for (const auto& path : exist_) splitter.add(&SetWatchesRequest::exist, path);
    for (const auto& path : child_) splitter.add(&SetWatchesRequest::child, path);
    for (const auto& path : persistent_) splitter.add(&SetWatchesRequest::persistent, path);
    for (const auto& path : persistent_recursive_) {
        splitter.add(&SetWatchesRequest::persistent_recursive, path);
    }
    return splitter.finish();
}

}  // namespace coord
