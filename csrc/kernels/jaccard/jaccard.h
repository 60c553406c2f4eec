#pragma once

#include <cstdint>

#include "kernels/common/parallel.h"

namespace funcsim {

/// Jaccard indices |A and B| / |A or B| of all pairs of packed sets, from exact counts, rounded once to float (from
/// 2^28 samples in a union on, to double and then to float). Two empty sets: 1. One empty: 0. For a with itself (the
/// same pointer and size) each pair is counted once.
///
/// @param a         [units_a] contiguous rows of row_bytes bytes
/// @param b         [units_b] contiguous rows of row_bytes bytes
/// @param row_bytes any size from 0; padding bits must be 0
/// @param out       [units_a, units_b] contiguous
/// @throws Error for 2^31 samples, 2^28 bytes a row, or more
void jaccard(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b, std::int64_t units_b,
             std::int64_t row_bytes, float* out, const ParallelFor& parallel_for);

/// Phi coefficients (the Pearson correlation of two bit vectors) of all pairs, from the same counts, in [-1, 1]:
/// (n |A and B| - |A| |B|) / sqrt(|A| (n - |A|) |B| (n - |B|)). Two equal constant rows: 1. Otherwise 0 where
/// either row is constant.
///
/// @param num_samples n, the bits of a row that count; at most 2^31, so that products stay exact in 64 bits
/// @throws Error as jaccard() does
void phi(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b, std::int64_t units_b,
         std::int64_t row_bytes, std::int64_t num_samples, float* out, const ParallelFor& parallel_for);

}  // namespace funcsim
