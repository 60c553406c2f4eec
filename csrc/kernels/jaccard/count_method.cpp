#include "kernels/jaccard/count_method.h"

#include <algorithm>

#include "kernels/common/ceil_div.h"

namespace funcsim {

CountMethod choose_count_method(const CountedSets& a, const CountedSets& b, std::int64_t row_bytes) {
  constexpr double cached_bytes = 1 << 21;  // of what is transposed
  const CountCosts& costs = intersection_loops().costs;
  const bool symmetric = same_sets(a, b);
  const std::int64_t lane_bytes = intersection_loops().lane_bytes;
  const auto samples = static_cast<double>(8 * row_bytes);
  const double registers = static_cast<double>(row_bytes) / static_cast<double>(lane_bytes);
  const double all_pairs = static_cast<double>(a.units) * static_cast<double>(b.units);
  // With itself popcount counts all pairs of the blocks on the diagonal.
  const double pairs = symmetric ? 0.5 * (all_pairs + static_cast<double>(popcount_columns * b.units)) : all_pairs;
  const double a_pair = costs.summing_a_pair + (symmetric ? costs.mirroring_a_pair : 0.0);
  const double popcount = (pairs * (a_pair + (registers * costs.counting_a_register))) +
                          (static_cast<double>(b.units) * registers * costs.packing_a_register);
  const auto vertical = [&](const CountedSets& rows, const CountedSets& columns) {
    const auto blocks = static_cast<double>(ceil_div(columns.units, 8 * lane_bytes));
    const auto visits = static_cast<double>(ceil_div(8 * row_bytes, transposed_bytes / lane_bytes));
    double added = static_cast<double>(rows.units) * ((visits * costs.visiting_a_block) + costs.reading_a_block);
    for (std::int64_t i = 0; i < rows.units; ++i) {
      const auto count = static_cast<double>(rows.counts[i]);
      added += complemented(rows.counts[i], row_bytes) ? samples - count : count;
    }
    const double held = static_cast<double>(std::min(columns.units, panel_columns)) *
                        static_cast<double>(std::min(8 * row_bytes, slab_samples)) / 8;
    const double beyond_cache = std::max(0.0, held - cached_bytes) / static_cast<double>(lane_bytes);
    return (blocks * costs.transposing_a_run * samples) + (beyond_cache * costs.touching_a_run) +
           ((symmetric ? (blocks + 1) / 2 : blocks) * added) +
           (static_cast<double>(rows.units) * samples * costs.decoding_a_sample);
  };
  const double of_a = vertical(a, b);
  const double of_b = vertical(b, a) + (pairs * costs.writing_a_column);
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
