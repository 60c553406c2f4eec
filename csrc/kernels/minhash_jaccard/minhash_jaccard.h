#pragma once

#include <cstdint>

#include "kernels/common/parallel.h"

namespace funcsim {

/// Jaccard indices of all pairs, estimated from sketches: of the slots that are not empty in both, the
/// share that is equal. Unbiased, with a variance below J (1 - J) / num_hashes (docs/mathematics.md).
/// Two sketches that are empty throughout: 1. One of them: 0.
///
/// @param a   [units_a, num_hashes] contiguous
/// @param b   [units_b, num_hashes] contiguous
/// @param out [units_a, units_b] contiguous
void minhash_jaccard(const std::int32_t* a, std::int64_t units_a, const std::int32_t* b, std::int64_t units_b,
                     std::int64_t num_hashes, float* out, const ParallelFor& parallel_for);

}  // namespace funcsim
