#pragma once

#include <cstdint>
#include <functional>

#include "kernels/common/parallel.h"

namespace funcsim {

/// How the elements that sets have in common are counted.
enum class CountMethod : std::uint8_t {
  popcount,       ///< and of two rows, set bits of it
  vertical,       ///< vertical counters: the samples of units of A one by one, for many units of B at a time
  vertical_of_b,  ///< the same with A and B swapped
};

/// Packed sets, [units] contiguous rows, and how many elements each has.
struct CountedSets {
  const std::uint8_t* rows;
  std::int64_t units;
  const std::int32_t* counts;
};

/// The method that takes the fewest operations; a function of shapes and densities only. docs/performance/jaccard.md
/// says which.
CountMethod choose_count_method(const CountedSets& a, const CountedSets& b, std::int64_t row_bytes);

/// What is made of the numbers of elements that one set has in common with `columns` others: 4 bytes a pair, written
/// to `out`. Must be symmetric in the two sets.
using CountEpilogue = std::function<void(const std::int32_t* common, std::int64_t columns, std::int32_t row_count,
                                         const std::int32_t* column_counts, float* out)>;

/// |A and B| of all pairs, each handed to `epilogue` once. If a and b are the same rows, each pair is counted once.
///
/// @param row_bytes at most 2^28 - 1, so that counts are int32
/// @param out       [a.units, b.units] contiguous
void intersection_counts(const CountedSets& a, const CountedSets& b, std::int64_t row_bytes, CountMethod method,
                         const CountEpilogue& epilogue, float* out, const ParallelFor& parallel_for);

/// Elements of each set.
void set_counts(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes, std::int32_t* counts,
                const ParallelFor& parallel_for);

}  // namespace funcsim
