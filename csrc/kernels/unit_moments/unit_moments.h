#pragma once

#include <cstdint>

#include "kernels/common/parallel.h"

namespace funcsim {

/// Contiguous numbers [outer, units, inner]: a unit has outer * inner of them.
template <typename Float>
struct UnitValues {
  const Float* data;
  std::int64_t outer;
  std::int64_t units;
  std::int64_t inner;

  std::int64_t count() const { return outer * inner; }
};

/// Takes further values into the mean of every unit and into the sum of its squared deviations from that mean, which
/// over count is the variance.
///
/// Blocks of values have sums of their own, in float64 and of differences from a value of the block, that are merged
/// in order (Chan, Golub, LeVeque, "Algorithms for computing the sample variance", 1983).
/// So a mean far from 0 costs no digits, a constant has deviations of exactly 0, and nothing depends on the threads. Of
/// infinities and NaN come infinities and NaN.
///
/// @param values     float or double; nothing is read where there are none
/// @param count      values of each unit that means and deviations have taken in so far; 0: these are not read
/// @param means      in and out: [units]
/// @param deviations in and out: [units]
void unit_moments(const UnitValues<float>& values, std::int64_t count, double* means, double* deviations,
                  const ParallelFor& parallel_for);
void unit_moments(const UnitValues<double>& values, std::int64_t count, double* means, double* deviations,
                  const ParallelFor& parallel_for);

}  // namespace funcsim
