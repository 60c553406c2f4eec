#include "kernels/row_norms/row_norms.h"

#include <array>
#include <cmath>

namespace funcsim {

namespace {

/// Partial sums of a row, for the compiler to keep in registers.
constexpr std::int64_t lanes = 8;

template <typename Float>
double sum_of_squares(const Float* row, std::int64_t columns, const double* factors) {
  std::array<double, lanes> sums{};
  std::int64_t c = 0;
  for (; c + lanes <= columns; c += lanes) {
    for (std::int64_t j = 0; j < lanes; ++j) {
      const double value = factors == nullptr ? row[c + j] : row[c + j] * factors[c + j];
      sums[j] += value * value;
    }
  }
  for (std::int64_t j = 0; c < columns; ++c, ++j) {
    const double value = factors == nullptr ? row[c] : row[c] * factors[c];
    sums[j] += value * value;
  }
  return ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

template <typename Float>
void norms_of(const Float* matrix, std::int64_t rows, std::int64_t columns, const double* factors, double* norms,
              const ParallelFor& parallel_for) {
  const std::int64_t grain = 1 + ((1 << 15) / (columns + 1));
  parallel_for(0, rows, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t r = begin; r < end; ++r) {
      norms[r] = std::sqrt(sum_of_squares(matrix + (r * columns), columns, factors));
    }
  });
}

}  // namespace

void row_norms(const float* matrix, std::int64_t rows, std::int64_t columns, const double* factors, double* norms,
               const ParallelFor& parallel_for) {
  norms_of(matrix, rows, columns, factors, norms, parallel_for);
}

void row_norms(const double* matrix, std::int64_t rows, std::int64_t columns, const double* factors, double* norms,
               const ParallelFor& parallel_for) {
  norms_of(matrix, rows, columns, factors, norms, parallel_for);
}

}  // namespace funcsim
