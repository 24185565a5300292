#pragma once
// services.d/*.toml, watched: what its files declare, as they come, change and go.
//
// Fed by:  inotify on the directory; reload() (SIGHUP).
// Read by: main, which hands the whole to Registrar::apply_config.
// Thread:  agent.
// Holds:   a file that does not parse keeps what it declared before, and the log says why. Writes
//          in progress are not read: a change is taken up 100 ms after the last event (1 s after
//          the first, if they do not end). Of a service or check declared twice, the file whose
//          name sorts first wins; the log names the other. At most 10,000 files are read.

#include "agent/config.hpp"

#include <boost/asio/io_context.hpp>

#include <filesystem>
#include <functional>
#include <memory>

namespace agent {

class ServicesDir {
public:
    using Changed = std::function<void(const ServicesFile& all)>;

    // A directory that does not exist is fine: it is taken up within 1 s of its appearance, or at
    // reload(). An empty path is none.
    ServicesDir(boost::asio::io_context& io,
                std::filesystem::path directory,
                Changed changed,
                Scripts scripts = Scripts::allowed);
    ~ServicesDir();
    ServicesDir(const ServicesDir&) = delete;
    ServicesDir& operator=(const ServicesDir&) = delete;

    void start();   // reads everything and tells once, then at every change
    void reload();  // reads everything again
    void stop();

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace agent
