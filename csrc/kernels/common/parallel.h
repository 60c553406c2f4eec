#pragma once

#include <cstdint>
#include <functional>

namespace funcsim {

/// The work of one thread: the half-open range [begin, end).
using RangeBody = std::function<void(std::int64_t begin, std::int64_t end)>;

/// A parallel-for that the caller hands to a kernel, so that kernels know no thread pool:
/// splits [begin, end) into ranges of at least `grain` iterations and runs `body` on each.
/// A kernel's result must not depend on how the range is split.
using ParallelFor =
    std::function<void(std::int64_t begin, std::int64_t end, std::int64_t grain, const RangeBody& body)>;

/// The ParallelFor that stays on the calling thread.
inline void serial_for(std::int64_t begin, std::int64_t end, std::int64_t /*grain*/, const RangeBody& body) {
  if (begin < end) {
    body(begin, end);
  }
}

}  // namespace funcsim
