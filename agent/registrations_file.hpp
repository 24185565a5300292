#pragma once
// What this agent has registered, on disk: a file of keyed JSON lines, the last line of a key wins.
//
// Fed by:  Registrar, one line per change.
// Read by: Registrar, at its start.
// Thread:  agent; only fdatasync runs on a thread of its own, and many writers share one.
// Holds:   a line that put() has written outlives the process (it is in the page cache), one that
//          durable() has waited for outlives the machine. The file is replaced atomically (written
//          beside, synced, renamed) when most of its lines are out of date. A last line that was
//          cut short was never waited for and is dropped.
// Fails:   load() throws std::runtime_error with one line naming the file, and touches nothing.
//          Later: durable() yields the error; the next line tries to write the file anew.

#include "coord/base/async.hpp"
#include "coord/base/result.hpp"

#include <boost/asio/io_context.hpp>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace agent {

class RegistrationsFile {
public:
    using Write = std::function<void(std::string_view key, std::string_view json)>;
    // Hands every line that is still true to `write`: what the file is replaced by.
    using Everything = std::function<void(const Write& write)>;

    // An empty path: nothing is kept, and everything succeeds.
    RegistrationsFile(boost::asio::io_context& io,
                      std::filesystem::path path,
                      Everything everything);
    ~RegistrationsFile();
    RegistrationsFile(const RegistrationsFile&) = delete;
    RegistrationsFile& operator=(const RegistrationsFile&) = delete;

    // By key; keys that were erased are not in it. The JSON text of each is valid.
    std::map<std::string, std::string> load();
    // After the change was made: everything() must already know it.
    void put(std::string_view key, std::string_view json);
    void erase(std::string_view key);
    coord::Task<coord::Result<void>> durable();

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace agent
