#pragma once
// What the fuzz targets share: an input taken apart, and what to do when something does not hold.
//
// Fed by:  LLVMFuzzerTestOneInput of each target.
// Thread:  the fuzzer's.

#include "coord/base/log.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>

namespace fuzz {

inline void expect(bool holds, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    if (holds) return;
    std::fprintf(stderr, "%s:%d: does not hold\n", file, line);
    std::abort();
}

// Takes fixed-size parts off the front; what is missing is zero.
class Input {
public:
    Input(const std::uint8_t* bytes, std::size_t size)
        : rest_(reinterpret_cast<const char*>(bytes), size) {}

    std::uint8_t byte() {
        const auto one = take(1);
        return one.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(one.front());
    }
    std::string_view take(std::size_t size) {
        const auto taken = rest_.substr(0, size);
        rest_.remove_prefix(taken.size());
        return taken;
    }
    [[nodiscard]] std::string_view rest() const { return rest_; }
    [[nodiscard]] bool empty() const { return rest_.empty(); }

private:
    std::string_view rest_;
};

// The bytes cut into chunks of `size`, as readers of snapshots ask for them.
inline std::function<bool(std::string&)> in_chunks(std::string_view bytes, std::size_t size) {
    return [bytes, size = std::max<std::size_t>(size, 1)](std::string& chunk) mutable {
        chunk = bytes.substr(0, size);
        bytes.remove_prefix(chunk.size());
        return !chunk.empty();
    };
}

// A fuzzer provokes every warning there is.
inline void be_silent() {
    static const bool silent = coord::set_log_levels("off", {});
    expect(silent);
}

}  // namespace fuzz
