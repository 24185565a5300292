#include "http/agent_door.hpp"

#include <boost/asio/post.hpp>

#include <mutex>

namespace http {

struct AgentDoor::Hinge {
    std::mutex mutex;
    boost::asio::io_context* http_io = nullptr;  // null once closed
};

AgentDoor::AgentDoor(boost::asio::io_context& http_io, boost::asio::io_context& agent_io)
    : http_io_(http_io), agent_io_(agent_io), hinge_(std::make_shared<Hinge>()) {
    hinge_->http_io = &http_io;
}

void AgentDoor::post(std::function<void()> work) { post(*hinge_, std::move(work)); }

void AgentDoor::post(Hinge& hinge, std::function<void()> work) {
    const std::lock_guard lock(hinge.mutex);
    if (hinge.http_io != nullptr) boost::asio::post(*hinge.http_io, std::move(work));
}

void AgentDoor::close() {
    const std::lock_guard lock(hinge_->mutex);
    hinge_->http_io = nullptr;
}

}  // namespace http
