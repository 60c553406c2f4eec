#include "kernels/jaccard/count_method.h"

#include <algorithm>

#include "kernels/common/ceil_div.h"

namespace funcsim {

CountMethod choose_count_method(const CountedSets& a, const CountedSets& b, std::int64_t row_bytes) {
  // Everything in the time of adding one run of lanes. The constants are rounded from measurements; near where the
  // methods are equally fast it doesn't matter which one runs.
  constexpr double transposing_a_run = 20;
  constexpr double a_visit = 24;
  constexpr double reading_a_block = 200;
  constexpr double decoding_a_sample = 0.2;
  constexpr double summing_a_pair = 8;
  constexpr double writing_a_column = 2;  // of the output, for each pair
  const bool symmetric = same_sets(a, b);
  const auto lane_bytes = static_cast<double>(intersection_loops().lane_bytes);
  const auto samples = static_cast<double>(8 * row_bytes);
  const double pairs = static_cast<double>(a.units) * static_cast<double>(b.units) * (symmetric ? 0.5 : 1.0);
  const double popcount = pairs * (summing_a_pair + (samples / (8 * lane_bytes) * intersection_loops().popcount_cost));
  const auto vertical = [&](const CountedSets& rows, const CountedSets& columns) {
    const auto blocks = static_cast<double>(ceil_div(columns.units, 8 * intersection_loops().lane_bytes));
    const auto visits =
        static_cast<double>(ceil_div(8 * row_bytes, transposed_bytes / intersection_loops().lane_bytes));
    double added = static_cast<double>(rows.units) * ((visits * a_visit) + reading_a_block);
    for (std::int64_t i = 0; i < rows.units; ++i) {
      const auto count = static_cast<double>(rows.counts[i]);
      added += complemented(rows.counts[i], row_bytes) ? samples - count : count;
    }
    return (blocks * transposing_a_run * samples) + ((symmetric ? (blocks + 1) / 2 : blocks) * added) +
           (static_cast<double>(rows.units) * samples * decoding_a_sample);
  };
  const double of_a = vertical(a, b);
  const double of_b = vertical(b, a) + (pairs * writing_a_column);
  if (popcount <= std::min(of_a, of_b)) {
    return CountMethod::popcount;
  }
  return of_a <= of_b ? CountMethod::vertical : CountMethod::vertical_of_b;
}

void set_counts(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes, std::int32_t* counts,
                const ParallelFor& parallel_for) {
  const std::int64_t grain = 1 + ((1 << 18) / (row_bytes + 1));
  parallel_for(0, units, grain, [&](std::int64_t begin, std::int64_t end) {
    intersection_loops().count_sets(rows + (begin * row_bytes), end - begin, row_bytes, counts + begin);
  });
}

}  // namespace funcsim
