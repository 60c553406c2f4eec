#include "kernels/unit_moments/unit_moments.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>
#include <vector>

#include "kernels/common/ceil_div.h"
#include "kernels/common/simd_level.h"
#include "kernels/unit_moments/moments_loops.h"

namespace funcsim {

namespace {

/// Values of a unit that are summed as differences from the first of them: few, so that an outlier in that place costs
/// two digits at most.
constexpr std::int64_t block_values = 256;

/// Units whose sums stay in the first cache while rows go by.
constexpr std::int64_t tile_units = 256;
/// Units whose values lie in one run each: a few, so that there are enough tiles to share.
constexpr std::int64_t run_units = 32;

struct Block {
  std::int64_t first;  ///< index among a unit's values
  std::int64_t count;
};

/// What sums of differences from `shift` say: the mean, and the deviations from it.
void finish(double shift, double count, double& sum, double& squares) {
  const double mean = sum / count;
  squares = std::max(squares - (sum * mean), 0.0);  // NaN stays NaN
  sum = shift + mean;
}

template <typename Float>
class BlockSums {
 public:
  BlockSums(const UnitValues<Float>& values, const MomentLoops& loops)
      : values_(values),
        loops_(loops),
        blocks_(ceil_div(values.count(), block_values)),
        means_(static_cast<std::size_t>(blocks_ * values.units)),
        deviations_(means_.size()) {}

  void compute(const ParallelFor& parallel_for) {
    const bool along_units = values_.inner == 1;
    const std::int64_t width = along_units ? tile_units : run_units;
    const std::int64_t tiles = ceil_div(values_.units, width);
    parallel_for(0, blocks_ * tiles, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t t = begin; t < end; ++t) {
        const std::int64_t first = t % tiles * width;
        const std::int64_t units = std::min(width, values_.units - first);
        if (along_units) {
          sum_rows(t / tiles, first, units);
        } else {
          sum_runs(t / tiles, first, units);
        }
      }
    });
  }

  /// Merges the blocks into the moments of `count` values before them.
  void merge(std::int64_t count, double* means, double* deviations, const ParallelFor& parallel_for) const {
    const std::int64_t grain = 1 + ((1 << 14) / (blocks_ + 1));
    parallel_for(0, values_.units, grain, [&](std::int64_t begin, std::int64_t end) {
      auto before = static_cast<double>(count);
      if (count == 0) {
        std::fill(means + begin, means + end, 0.0);
        std::fill(deviations + begin, deviations + end, 0.0);
      }
      for (std::int64_t b = 0; b < blocks_; ++b) {
        const auto here = static_cast<double>(block(b).count);
        const double share = here / (before + here);
        const double weight = before * share;
        const double* block_means = means_.data() + (b * values_.units);
        const double* block_deviations = deviations_.data() + (b * values_.units);
        for (std::int64_t u = begin; u < end; ++u) {
          const double difference = block_means[u] - means[u];
          // The first block's mean as it is: rounding would leave deviations of what is constant.
          means[u] = before == 0 ? block_means[u] : means[u] + (difference * share);
          deviations[u] += block_deviations[u] + (difference * difference * weight);
        }
        before += here;
      }
    });
  }

 private:
  Block block(std::int64_t index) const {
    const std::int64_t first = index * block_values;
    return {first, std::min(block_values, values_.count() - first)};
  }

  /// Values of neighbouring units are neighbours.
  void sum_rows(std::int64_t index, std::int64_t first_unit, std::int64_t units) {
    const Block rows = block(index);
    const Float* from = values_.data + (rows.first * values_.units) + first_unit;
    double* sums = means_.data() + (index * values_.units) + first_unit;
    double* squares = deviations_.data() + (index * values_.units) + first_unit;
    loops_.add_rows(from, values_.units, rows.count, units, sums, squares);
    for (std::int64_t u = 0; u < units; ++u) {
      finish(from[u], static_cast<double>(rows.count), sums[u], squares[u]);
    }
  }

  /// A unit's values lie in runs of `inner`.
  void sum_runs(std::int64_t index, std::int64_t first_unit, std::int64_t units) {
    const Block values = block(index);
    for (std::int64_t u = first_unit; u < first_unit + units; ++u) {
      std::array<double, moment_lanes> sums{};
      std::array<double, moment_lanes> squares{};
      const double shift = *run(u, values.first);
      for (std::int64_t v = values.first; v < values.first + values.count;) {
        const std::int64_t left = std::min(values_.inner - (v % values_.inner), values.first + values.count - v);
        loops_.add_run(run(u, v), left, shift, sums.data(), squares.data());
        v += left;
      }
      double& sum = means_[(index * values_.units) + u];
      double& square = deviations_[(index * values_.units) + u];
      for (std::int64_t j = 0; j < moment_lanes; ++j) {
        sum += sums[j];
        square += squares[j];
      }
      finish(shift, static_cast<double>(values.count), sum, square);
    }
  }

  /// Value v of a unit and those after it.
  const Float* run(std::int64_t unit, std::int64_t v) const {
    return values_.data + (((v / values_.inner * values_.units) + unit) * values_.inner) + (v % values_.inner);
  }

  const UnitValues<Float>& values_;
  const MomentLoops& loops_;
  std::int64_t blocks_;
  std::vector<double> means_;  ///< [blocks, units], and sums until they are complete
  std::vector<double> deviations_;
};

template <typename Float>
void add_moments(const UnitValues<Float>& values, std::int64_t count, double* means, double* deviations,
                 const ParallelFor& parallel_for) {
  if (values.count() == 0 || values.units == 0) {
    return;
  }
  const UnitMomentsLoops& loops = chosen_loops<UnitMomentsLoopsByLevel>();
  BlockSums<Float> sums(values, std::is_same_v<Float, double> ? loops.float64 : loops.float32);
  sums.compute(parallel_for);
  sums.merge(count, means, deviations, parallel_for);
}

}  // namespace

void unit_moments(const UnitValues<float>& values, std::int64_t count, double* means, double* deviations,
                  const ParallelFor& parallel_for) {
  add_moments(values, count, means, deviations, parallel_for);
}

void unit_moments(const UnitValues<double>& values, std::int64_t count, double* means, double* deviations,
                  const ParallelFor& parallel_for) {
  add_moments(values, count, means, deviations, parallel_for);
}

}  // namespace funcsim
