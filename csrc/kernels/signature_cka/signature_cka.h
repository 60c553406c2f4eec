#pragma once

#include <cstdint>

#include "kernels/common/parallel.h"

namespace funcsim {

/// Which estimate of the Hilbert-Schmidt independence criterion the alignment is made of.
enum class HsicEstimator : std::uint8_t {
  biased,    ///< of centred signatures (Kornblith, Norouzi, Lee, Hinton, "Similarity of neural network representations
             ///< revisited", ICML 2019)
  unbiased,  ///< HSIC_1 (Song, Smola, Gretton, Bedo, Borgwardt, "Feature selection via dependence maximization", JMLR
             ///< 13, 2012), as Nguyen, Raghu, Kornblith (ICLR 2021) use it
};

/// Linear CKA of two layers' packed signatures, as 0/1 vectors: HSIC(a, b) / sqrt(HSIC(a, a) HSIC(b, b)). All sums are
/// integers, taken exactly from what units have in common; docs/mathematics.md derives them. Where a layer has no HSIC
/// with itself (all its units are constant; or, unbiased, no two samples relate in another way than others): 1 if both
/// have none, else 0.
///
/// @param a           [units_a], at least 1, contiguous rows of row_bytes bytes, padding bits 0
/// @param b           [units_b], at least 1, contiguous rows of row_bytes bytes, of the same samples
/// @param num_samples at least 1, at least 4 for unbiased
/// @return in [0, 1]; unbiased in [-1, 1]. Exactly 1 for two layers with equal rows in any order
/// @throws Error for 2^31 samples, 2^28 bytes a row, or more
double signature_cka(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b, std::int64_t units_b,
                     std::int64_t row_bytes, std::int64_t num_samples, HsicEstimator estimator,
                     const ParallelFor& parallel_for);

}  // namespace funcsim
