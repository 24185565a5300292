#pragma once
// Storage for many small values of one type: no overhead, 32-bit names, fixed addresses.
//
// Fed by:  ZnodeStore.
// Thread:  coord.
// Holds:   a value stays where it is until it is released; a released name is given out again.

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace coord {

template <class T, class Name>
class Slab {
public:
    Name acquire() {
        if (!free_.empty()) {
            const auto name = free_.back();
            free_.pop_back();
            return name;
        }
        assert(size_ < capacity_max);
        if (size_ % chunk_size == 0) chunks_.push_back(std::make_unique<T[]>(chunk_size));
        return Name{static_cast<std::uint32_t>(size_++)};
    }

    void release(Name name) {
        (*this)[name] = T{};
        free_.push_back(name);
    }

    T& operator[](Name name) { return chunks_[index(name) / chunk_size][index(name) % chunk_size]; }
    const T& operator[](Name name) const {
        return chunks_[index(name) / chunk_size][index(name) % chunk_size];
    }

    [[nodiscard]] std::size_t size() const { return size_ - free_.size(); }

private:
    static constexpr std::size_t chunk_size = 1024;
    static constexpr std::size_t capacity_max = 0xFFFFFFF0;  // the last names mean something else

    static std::size_t index(Name name) { return static_cast<std::uint32_t>(name); }

    std::vector<std::unique_ptr<T[]>> chunks_;
    std::vector<Name> free_;
    std::size_t size_ = 0;
};

}  // namespace coord
