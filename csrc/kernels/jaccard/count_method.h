#pragma once

#include <cstdint>

#include "kernels/common/simd_level.h"
#include "kernels/jaccard/intersection_counts.h"
#include "kernels/jaccard/intersection_loops.h"

namespace funcsim {

// What choosing a method and carrying it out have in common.

/// Samples and columns that are transposed at a time: 128 MiB of them.
constexpr std::int64_t slab_samples = 65536;
constexpr std::int64_t panel_columns = 16384;
/// Rows and columns that are counted together by popcount. The rows stay in the second-level cache.
constexpr std::int64_t popcount_rows = 256;
constexpr std::int64_t popcount_columns = 32;

inline const IntersectionLoops& intersection_loops() {
  return chosen_loops<IntersectionLoopsByLevel>();
}

/// Then each pair is counted once.
inline bool same_sets(const CountedSets& a, const CountedSets& b) {
  return a.rows == b.rows && a.units == b.units;
}

/// Where a row has more than half of the samples, those that it doesn't have are added up.
inline bool complemented(std::int32_t count, std::int64_t row_bytes) {
  return 2 * std::int64_t{count} > 8 * row_bytes;
}

}  // namespace funcsim
