#include "agent/cli/api_client.hpp"
#include "agent/cli/commands.hpp"
#include "agent/cli/stored_text.hpp"
#include "agent/cli/table.hpp"
#include "coord/server/stored_state.hpp"

#include <CLI/CLI.hpp>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

namespace agent {
namespace {

namespace fs = std::filesystem;

struct Options {
    std::string http_addr;
    std::string file;
    bool stale = false;
    bool json = false;
    bool force = false;
    CoreDirectory where;
};

// To be called as "roster snapshot NAME".
template <class Work>
int reported(const Console& console, const char* name, Work work) {
    try {
        return work();
    } catch (const std::exception& failure) {
        console.err << "roster snapshot " << name << ": " << failure.what() << "\n";
        return exit_failed;
    }
}

// Removes a file that did not get its name.
struct Unfinished {
    explicit Unfinished(fs::path file) : path(std::move(file)) {}
    ~Unfinished() {
        std::error_code ignored;
        fs::remove(path, ignored);
    }
    Unfinished(const Unfinished&) = delete;
    Unfinished& operator=(const Unfinished&) = delete;

    const fs::path path;
};

// The file gets its name once it is whole.
int save(const Console& console, const Options& options) {
    const Unfinished unfinished(options.file + ".unfinished");
    std::ofstream out(unfinished.path, std::ios::binary | std::ios::trunc);
    if (!out) throw std::runtime_error("cannot write " + unfinished.path.string());
    const auto result =
        ApiClient(options.http_addr)
            .download(options.stale ? "/v1/snapshot?stale" : "/v1/snapshot",
                      [&out](std::string_view piece) {
                          out.write(piece.data(), static_cast<std::streamsize>(piece.size()));
                          return out.good();
                      });
    out.close();
    const auto* failure = std::get_if<ApiFailure>(&result);
    if (failure != nullptr || !out) {
        console.err << "roster snapshot save: "
                    << (failure != nullptr ? failure->message
                                           : "cannot write " + unfinished.path.string())
                    << "\n";
        return failure != nullptr ? failure->code : exit_failed;
    }
    const auto saved = coord::inspect_snapshot(unfinished.path);
    coord::keep_snapshot(unfinished.path, options.file);
    console.out << options.file << ": index " << saved.index << ", " << saved.all.znodes
                << " znodes, " << fs::file_size(options.file) << " bytes\n";
    return exit_ok;
}

int restore(const Console& console, const Options& options) {
    std::string fault;
    const auto core = find_core(options.where, fault);
    if (!core) {
        console.err << "roster snapshot restore: " << fault << "\n";
        return exit_failed;
    }
    if (!options.force && fs::exists(core->path / "raft")) {
        console.err << "roster snapshot restore: " << core->path.string()
                    << " holds a server's state already. With --force it is set aside, and the "
                       "snapshot takes its place\n";
        return exit_failed;
    }
    const auto aside = coord::restore_server(options.file,
                                             core->path,
                                             core->address,
                                             options.force ? coord::Overwrite::set_aside
                                                           : coord::Overwrite::refuse);
    if (aside) console.out << "what was there is now in " << aside->string() << "\n";
    console.out << core->path.string()
                << ": a new cluster of one, with all that the snapshot holds.\n"
                   "Start the agent here. On every other server: stop the agent, empty its data "
                   "directory, start it, and take it in with 'roster members add ADDRESS "
                   "--voter'.\n";
    return exit_ok;
}

int inspect(const Console& console, const Options& options) {
    const fs::path at(options.file);
    if (!fs::is_directory(at)) {
        console.out << describe(coord::inspect_snapshot(at), options.json);
        return exit_ok;
    }
    // The agent's data directory, or the core's within it.
    const auto core = fs::exists(at / "coord" / "raft") ? at / "coord" : at;
    console.out << describe(coord::inspect_server(core), options.json);
    return exit_ok;
}

void add_save(CLI::App& snapshot, Choice& choice) {
    auto* command = snapshot.add_subcommand("save", "Save all that the core holds, while it runs");
    const auto options = std::make_shared<Options>();
    command->add_option("FILE", options->file, "Written once it is whole")
        ->required()
        ->type_name("");
    command->add_flag(
        "--stale", options->stale, "What the agent's own core has, also without a leader");
    add_http_addr(*command, options->http_addr);
    command->callback([options, &choice] {
        choice.command = [options, &console = choice.console] {
            return reported(console, "save", [&] { return save(console, *options); });
        };
    });
}

void add_restore(CLI::App& snapshot, Choice& choice) {
    auto* command =
        snapshot.add_subcommand("restore", "Begin a new cluster of one with a snapshot");
    const auto options = std::make_shared<Options>();
    command->add_option("FILE", options->file, "As 'snapshot save' wrote it")
        ->required()
        ->type_name("");
    add_core_directory(*command, options->where);
    command->add_flag("--force", options->force, "Set aside what is in the data directory");
    command->callback([options, &choice] {
        choice.command = [options, &console = choice.console] {
            return reported(console, "restore", [&] { return restore(console, *options); });
        };
    });
}

void add_inspect(CLI::App& snapshot, Choice& choice) {
    auto* command = snapshot.add_subcommand(
        "inspect", "Say what a snapshot, or the data directory of a stopped server, holds");
    const auto options = std::make_shared<Options>();
    command->add_option("PATH", options->file, "A file, or a data directory")
        ->required()
        ->type_name("");
    command->add_flag("--json", options->json, "Print JSON");
    command->callback([options, &choice] {
        choice.command = [options, &console = choice.console] {
            return reported(console, "inspect", [&] { return inspect(console, *options); });
        };
    });
}

}  // namespace

void add_snapshot_command(CLI::App& app, Choice& choice) {
    auto* command =
        app.add_subcommand("snapshot", "Save, restore or inspect the state of the core");
    command->require_subcommand(1);
    add_save(*command, choice);
    add_restore(*command, choice);
    add_inspect(*command, choice);
}

}  // namespace agent
