#include "agent/cli/commands.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

namespace agent {
namespace {

namespace fs = std::filesystem;

template <class T>
bool print(const Console& console, const std::string& file, const Configured<T>& configured) {
    const auto* errors = std::get_if<std::vector<ConfigError>>(&configured);
    if (errors == nullptr) {
        console.out << file << ": ok\n";
        return true;
    }
    for (const auto& error : *errors) console.err << format(error) << "\n";
    return false;
}

// What reads well may still be no configuration for some room.
void add_faults(const FindFaults& find_faults,
                const std::string& file,
                Configured<Config>& configured) {
    const auto* config = std::get_if<Config>(&configured);
    if (config == nullptr || !find_faults) return;
    std::vector<ConfigError> errors;
    for (auto& fault : find_faults(*config)) errors.push_back({file, 0, std::move(fault)});
    if (!errors.empty()) configured = std::move(errors);
}

// What is no mistake, and may be one tomorrow.
void print_warnings(const Console& console,
                    const std::string& file,
                    const Configured<Config>& configured) {
    const auto* config = std::get_if<Config>(&configured);
    if (config == nullptr) return;
    const auto& coord = config->coord;
    const auto* const peers = coord.peer_tls ? &*coord.peer_tls : nullptr;
    for (const auto* files : {&coord.tls.files, &coord.connect_tls.files, peers}) {
        if (files == nullptr || files->certificate.empty()) continue;
        const auto warning = ::coord::find_warning(*files);
        if (warning.empty()) continue;
        console.err << file << ": warning: " << files->certificate.string() << ": " << warning
                    << "\n";
    }
}

enum class Kind { whole, services };

// A file in a directory services.d declares services and checks, and nothing else. In another
// directory that is named as one of services, roster.toml is still the whole configuration.
bool validate_file(const Choice& choice, const fs::path& file, Kind kind) {
    const auto& console = choice.console;
    std::error_code unknown;
    const auto folder = fs::weakly_canonical(file, unknown).parent_path().filename();
    const bool is_main = file.filename() == "roster.toml";
    if (folder == "services.d" || (kind == Kind::services && !is_main))
        return print(console, file.string(), load_services_file(file));
    auto config = load_config(file);
    add_faults(choice.find_faults, file.string(), config);
    print_warnings(console, file.string(), config);
    return print(console, file.string(), config);
}

bool validate_folder(const Choice& choice, const fs::path& folder) {
    const auto& console = choice.console;
    std::vector<fs::path> files;
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
         entry.increment(error)) {
        if (entry->path().extension() == ".toml") files.push_back(entry->path());
    }
    if (error) {
        console.err << folder.string() << ": " << error.message() << "\n";
        return false;
    }
    if (files.empty()) {
        console.err << folder.string() << ": no *.toml file in it\n";
        return false;
    }
    std::sort(files.begin(), files.end());
    bool all = true;
    for (const auto& file : files) {
        all = validate_file(choice, file, Kind::services) && all;
    }
    return all;
}

int validate_all(const Choice& choice, const std::vector<std::string>& files) {
    bool all = true;
    for (const auto& file : files) {
        std::error_code unknown;
        const bool is_folder = fs::is_directory(file, unknown);
        all = (is_folder ? validate_folder(choice, file)
                         : validate_file(choice, file, Kind::whole)) &&
              all;
    }
    return all ? exit_ok : exit_failed;
}

}  // namespace

void add_validate_command(CLI::App& app, Choice& choice) {
    auto* command = app.add_subcommand("validate", "Check configuration files, report every error");
    const auto files = std::make_shared<std::vector<std::string>>();
    command
        ->add_option(
            "files", *files, "roster.toml, files of a services.d, or a directory of such files")
        ->type_name("FILE")
        ->required();
    command->callback([files, &choice] {
        choice.command = [files, &choice] { return validate_all(choice, *files); };
    });
}

}  // namespace agent
