#pragma once
// The few file operations that durability is made of.
//
// Fed by:  the log, the metadata and the snapshots.
// Thread:  any, one at a time per file.
// Holds:   a write is complete or the call fails; after sync() it survives a power cut.
// Fails:   every function throws std::system_error that names the file: at start main prints it,
//          later it ends the process.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace coord {

class File {
public:
    enum class Mode { read, update, create };  // create: it must not exist yet

    File() = default;
    File(std::filesystem::path path, Mode mode);
    ~File();
    File(File&& other) noexcept;
    File& operator=(File&& other) noexcept;

    void write_at(std::uint64_t offset, std::string_view bytes);
    void zero(std::uint64_t from, std::uint64_t to);
    void sync();  // data, and the size if it has grown
    // On its way to the disk, and waited for; it survives a power cut only after sync().
    void write_back(std::uint64_t from, std::uint64_t to);
    [[nodiscard]] std::string read(std::uint64_t offset, std::size_t count) const;
    [[nodiscard]] std::uint64_t size() const;
    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    void renamed(std::filesystem::path path) { path_ = std::move(path); }
    [[nodiscard]] int descriptor() const { return descriptor_; }
    [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }

private:
    std::filesystem::path path_;
    int descriptor_ = -1;
};

// Of mode 0700, with its parents.
void make_directory(const std::filesystem::path& path);
// Makes the names in it durable.
void sync_directory(const std::filesystem::path& path);
// Both in one, within one directory.
void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace coord
