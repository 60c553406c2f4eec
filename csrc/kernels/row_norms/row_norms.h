#pragma once

#include <cstdint>

#include "kernels/common/parallel.h"

namespace funcsim {

/// Euclidean norms of the rows of a matrix whose columns are multiplied by factors, in float64 and without a copy.
///
/// @param matrix  [rows, columns] contiguous float or double
/// @param factors [columns], or nullptr for 1 everywhere
/// @param norms   out: [rows]; infinite or 0 where squares leave float64's range
void row_norms(const float* matrix, std::int64_t rows, std::int64_t columns, const double* factors, double* norms,
               const ParallelFor& parallel_for);
void row_norms(const double* matrix, std::int64_t rows, std::int64_t columns, const double* factors, double* norms,
               const ParallelFor& parallel_for);

}  // namespace funcsim
