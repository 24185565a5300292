#pragma once
// A program that runs beside us: script checks, and the command of `roster watch`.
//
// Fed by:  checks/script_check, cli/watch.
// Thread:  the one that runs `io`; nothing here blocks it.
// Holds:   the child has no descriptor of ours but 0, 1 and 2, and no signal blocked or ignored.
//          One that is dropped before its end is killed, with its group if it has its own.
// Fails:   a program that cannot be started is a sentence; how one ended is a ChildEnd.

#include "coord/base/async.hpp"

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace agent {

struct ChildOptions {
    std::vector<std::string> args;  // the program first; looked for in $PATH
    std::vector<std::pair<std::string, std::string>> environment = {};  // besides our own
    std::string input = {};            // what its standard input holds
    bool own_group = false;            // a process group of its own, killed as a whole
    bool capture = false;              // keep stdout and stderr; else they are ours
    std::size_t output_bytes_max = 0;  // the last ones are kept
};

struct ChildEnd {
    int exit_code = 0;  // when no signal ended it
    int signal = 0;
    std::string output;
    std::size_t output_bytes = 0;  // in all
};

class ChildProcess {
public:
    ChildProcess(boost::asio::io_context& io, ChildOptions options);
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    // Empty: it runs. Once only.
    std::string start();
    // After start(), once. Ends when the child itself has: what it left behind is not waited for.
    coord::Task<ChildEnd> wait();
    void kill();  // SIGKILL; wait() then ends soon

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace agent
