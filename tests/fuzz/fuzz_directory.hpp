#pragma once
// A directory in memory for targets whose parser reads files.
//
// Fed by:  raft_log_fuzz, snapshot_fuzz.
// Thread:  the fuzzer's.

#include "tests/fuzz/fuzz_input.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace fuzz {

class Directory {
public:
    explicit Directory(const std::string& name) {
        const std::filesystem::path memory = "/dev/shm";
        const auto parent =
            std::filesystem::is_directory(memory) ? memory : std::filesystem::temp_directory_path();
        auto pattern = (parent / ("roster-fuzz-" + name + "-XXXXXX")).string();
        expect(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
    }
    ~Directory() { std::filesystem::remove_all(path_); }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;

    void clear() const {
        for (const auto& file : std::filesystem::directory_iterator(path_)) {
            std::filesystem::remove_all(file.path());
        }
    }
    [[nodiscard]] std::filesystem::path write(const std::string& name,
                                              std::string_view bytes) const {
        auto file = path_ / name;
        std::ofstream out(file, std::ios::binary | std::ios::trunc);
        out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        expect(out.good());
        return file;
    }
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

}  // namespace fuzz
