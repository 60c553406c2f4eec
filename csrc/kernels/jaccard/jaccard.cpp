#include "kernels/jaccard/jaccard.h"

#include <cmath>
#include <vector>

#include "kernels/common/error.h"
#include "kernels/jaccard/count_method.h"
#include "kernels/jaccard/intersection_counts.h"

namespace funcsim {

namespace {

void all_pairs(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b, std::int64_t units_b,
               std::int64_t row_bytes, const CountEpilogue& epilogue, float* out, const ParallelFor& parallel_for) {
  check(row_bytes < (std::int64_t{1} << 28),
        "similarity of signatures: takes fewer than 2^31 samples, 2^28 bytes a unit, got ", row_bytes, " bytes");
  std::vector<std::int32_t> counts_a(static_cast<std::size_t>(units_a));
  set_counts(a, units_a, row_bytes, counts_a.data(), parallel_for);
  std::vector<std::int32_t> counts_b = counts_a;
  if (a != b || units_a != units_b) {
    counts_b.resize(static_cast<std::size_t>(units_b));
    set_counts(b, units_b, row_bytes, counts_b.data(), parallel_for);
  }
  const CountedSets sets_a{a, units_a, counts_a.data()};
  const CountedSets sets_b{b, units_b, counts_b.data()};
  intersection_counts(sets_a, sets_b, row_bytes, choose_count_method(sets_a, sets_b, row_bytes), epilogue, out,
                      parallel_for);
}

void ratios_in_double(const std::int32_t* common, std::int64_t columns, std::int32_t row_count,
                      const std::int32_t* column_counts, float* out) {
  for (std::int64_t c = 0; c < columns; ++c) {
    const std::int32_t either = row_count + (column_counts[c] - common[c]);
    out[c] = either == 0 ? 1.0F : static_cast<float>(static_cast<double>(common[c]) / static_cast<double>(either));
  }
}

/// Products of two numbers of samples must be exact in a Number.
template <typename Number>
CountEpilogue correlations(Number n) {
  return [n](const std::int32_t* common, std::int64_t columns, std::int32_t row_count,
             const std::int32_t* column_counts, float* out) {
    const auto count_a = static_cast<Number>(row_count);
    const auto spread_a = count_a * (n - count_a);
    for (std::int64_t c = 0; c < columns; ++c) {
      const auto count_b = static_cast<Number>(column_counts[c]);
      const auto spread_b = count_b * (n - count_b);
      // sqrt(x * x) is exactly x, so equal and opposed rows get exactly 1 and -1.
      const double spread = std::sqrt(static_cast<double>(spread_a) * static_cast<double>(spread_b));
      const auto covariance = static_cast<double>((n * static_cast<Number>(common[c])) - (count_a * count_b));
      const double constant = spread_a == spread_b && count_a == count_b ? 1.0 : 0.0;
      out[c] = static_cast<float>(spread == 0.0 ? constant : covariance / (spread == 0.0 ? 1.0 : spread));
    }
  };
}

}  // namespace

void jaccard(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b, std::int64_t units_b,
             std::int64_t row_bytes, float* out, const ParallelFor& parallel_for) {
  // Up to 2^24 a float is exact, and so is one division of floats rounded once. Above, the quotient is rounded to
  // double and then to float. That is the same as rounding once as long as the union has fewer than 2^28 samples: a
  // quotient with so small a denominator, if it isn't halfway between two floats, is farther from there than a double
  // is rounded.
  const bool small = row_bytes <= (std::int64_t{1} << 21);
  all_pairs(a, units_a, b, units_b, row_bytes, small ? intersection_loops().ratios : ratios_in_double, out,
            parallel_for);
}

void phi(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b, std::int64_t units_b,
         std::int64_t row_bytes, std::int64_t num_samples, float* out, const ParallelFor& parallel_for) {
  // Products of two numbers up to 2^26 are exact in a double, which is faster.
  const CountEpilogue epilogue = num_samples <= (std::int64_t{1} << 26) ? correlations(static_cast<double>(num_samples))
                                                                        : correlations(num_samples);
  all_pairs(a, units_a, b, units_b, row_bytes, epilogue, out, parallel_for);
}

}  // namespace funcsim
