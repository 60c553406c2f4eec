#include "kernels/signature_cka/signature_cka.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>
#include <vector>

#include "kernels/common/buffer.h"
#include "kernels/common/error.h"
#include "kernels/common/exact_sum.h"
#include "kernels/common/int128.h"
#include "kernels/jaccard/count_method.h"
#include "kernels/jaccard/intersection_counts.h"

namespace funcsim {

namespace {

/// Counts that are kept at a time: 64 MiB.
constexpr std::int64_t kept_counts = std::int64_t{1} << 24;

Int128 wide_product(std::int64_t x, std::int64_t y) {
  return static_cast<Int128>(x) * y;
}

/// What a pair of units that fire on `count_a` and `count_b` of n samples, and on `common` together, adds to HSIC times
/// n^4, biased: the square of n^2 times their covariance. Below 2^121 for n below 2^31.
Int128 biased_term(std::int64_t n, std::int64_t common, std::int64_t count_a, std::int64_t count_b) {
  const std::int64_t covariance = (n * common) - (count_a * count_b);
  return wide_product(covariance, covariance);
}

/// To HSIC_1 times n (n - 1) (n - 2) (n - 3). Below 2^126 in magnitude.
Int128 unbiased_term(std::int64_t n, std::int64_t common, std::int64_t count_a, std::int64_t count_b) {
  const Int128 trace = wide_product((n - 1) * (n - 2), common * (common - 1));
  const Int128 sums = wide_product(count_a * (count_a - 1), count_b * (count_b - 1));
  const Int128 product = wide_product((n - 1) * common, (count_a - 1) * (count_b - 1));
  return trace + sums - (2 * product);
}

/// HSIC of two layers, up to a factor that depends on the number of samples only.
double scaled_hsic(const CountedSets& a, const CountedSets& b, std::int64_t row_bytes, std::int64_t num_samples,
                   HsicEstimator estimator, const ParallelFor& parallel_for) {
  const CountEpilogue keep = [](const std::int32_t* common, std::int64_t columns, std::int32_t /*row_count*/,
                                const std::int32_t* /*column_counts*/, float* out) {
    std::memcpy(out, common, static_cast<std::size_t>(columns) * sizeof(float));
  };
  const auto term = estimator == HsicEstimator::biased ? biased_term : unbiased_term;
  const std::int64_t kept_rows = std::clamp<std::int64_t>(kept_counts / std::max<std::int64_t>(b.units, 1), 1, a.units);
  const auto kept = new_buffer<float>(kept_rows * b.units);
  std::vector<ExactSum> sums(static_cast<std::size_t>(a.units));
  for (std::int64_t first = 0; first < a.units; first += kept_rows) {
    const CountedSets rows{a.rows + (first * row_bytes), std::min(kept_rows, a.units - first), a.counts + first};
    intersection_counts(rows, b, row_bytes, choose_count_method(rows, b, row_bytes), keep, kept.get(), parallel_for);
    parallel_for(0, rows.units, 1 + ((1 << 13) / (b.units + 1)), [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        for (std::int64_t j = 0; j < b.units; ++j) {
          std::int32_t common = 0;
          std::memcpy(&common, kept.get() + (i * b.units) + j, sizeof(common));
          sums[first + i].add(term(num_samples, common, rows.counts[i], b.counts[j]));
        }
      }
    });
  }
  ExactSum total;
  for (const ExactSum& sum : sums) {
    total.add(sum);
  }
  return total.value();
}

std::vector<std::int32_t> counts_of(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes,
                                    const ParallelFor& parallel_for) {
  std::vector<std::int32_t> counts(static_cast<std::size_t>(units));
  set_counts(rows, units, row_bytes, counts.data(), parallel_for);
  return counts;
}

}  // namespace

double signature_cka(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b, std::int64_t units_b,
                     std::int64_t row_bytes, std::int64_t num_samples, HsicEstimator estimator,
                     const ParallelFor& parallel_for) {
  check(row_bytes < (std::int64_t{1} << 28),
        "CKA of signatures: takes fewer than 2^31 samples, 2^28 bytes a unit, got ", row_bytes, " bytes");
  const std::vector<std::int32_t> counts_a = counts_of(a, units_a, row_bytes, parallel_for);
  const std::vector<std::int32_t> counts_b = counts_of(b, units_b, row_bytes, parallel_for);
  const CountedSets sets_a{a, units_a, counts_a.data()};
  const CountedSets sets_b{b, units_b, counts_b.data()};
  const auto hsic = [&](const CountedSets& x, const CountedSets& y) {
    return scaled_hsic(x, y, row_bytes, num_samples, estimator, parallel_for);
  };
  const double self_a = hsic(sets_a, sets_a);
  const double self_b = hsic(sets_b, sets_b);
  if (self_a <= 0 || self_b <= 0) {
    return self_a <= 0 && self_b <= 0 ? 1.0 : 0.0;
  }
  // sqrt(x * x) is exactly x, so equal layers have exactly 1.
  return std::clamp(hsic(sets_a, sets_b) / std::sqrt(self_a * self_b), -1.0, 1.0);
}

}  // namespace funcsim
