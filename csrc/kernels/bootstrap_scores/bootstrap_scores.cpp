#include "kernels/bootstrap_scores/bootstrap_scores.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "kernels/common/bits.h"
#include "kernels/common/ceil_div.h"
#include "kernels/common/hash.h"

namespace funcsim {

namespace {

/// Replicates that are counted together: their weights and sums stay in the cache.
constexpr std::int64_t tile_replicates = 128;

/// Samples on which two units fire together, and on which each does.
struct PairCounts {
  std::int64_t common = 0;
  std::int64_t a = 0;
  std::int64_t b = 0;
};

/// On samples [begin, end).
PairCounts count_samples(const std::uint8_t* a, const std::uint8_t* b, std::int64_t row_bytes, std::int64_t begin,
                         std::int64_t end) {
  PairCounts counts;
  while (begin < end) {
    const std::int64_t word = begin / 64;
    const std::int64_t present = std::min(end, 64 * (word + 1)) - begin;
    const std::uint64_t mask = (~std::uint64_t{0} >> (64 - present)) << (begin % 64);
    const std::int64_t bytes = std::min<std::int64_t>(8, row_bytes - (8 * word));
    const std::uint64_t x = load_word(a + (8 * word), bytes) & mask;
    const std::uint64_t y = load_word(b + (8 * word), bytes) & mask;
    counts.common += count_bits(x & y);
    counts.a += count_bits(x);
    counts.b += count_bits(y);
    begin += present;
  }
  return counts;
}

/// As the kernels of jaccard() and phi() have it, constant units included.
float similarity_of(BootstrapSimilarity similarity, double samples, double common, double a, double b) {
  if (similarity == BootstrapSimilarity::jaccard) {
    const double either = a + b - common;
    return either == 0 ? 1.0F : static_cast<float>(common / either);
  }
  const double spread = a * (samples - a) * (b * (samples - b));
  if (spread == 0) {
    return a == b && (a == 0 || a == samples) ? 1.0F : 0.0F;
  }
  return static_cast<float>(((samples * common) - (a * b)) / std::sqrt(spread));
}

/// A Number must count all samples of a replicate exactly.
template <typename Number>
class Bootstrap {
 public:
  Bootstrap(const MatchedSignatures& layer, BootstrapSimilarity similarity, std::int64_t num_inputs,
            const ParallelFor& parallel_for)
      : layer_(layer),
        similarity_(similarity),
        blocks_(bootstrap_blocks(num_inputs)),
        counts_(layer.pairs.size() * static_cast<std::size_t>(3 * blocks_)) {
    first_samples_.reserve(static_cast<std::size_t>(blocks_ + 1));
    for (std::int64_t k = 0; k <= blocks_; ++k) {
      first_samples_.push_back(k * num_inputs / blocks_ * layer.samples_per_input);
    }
    const std::int64_t grain = 1 + ((1 << 12) / (layer.row_bytes + 1));
    parallel_for(0, static_cast<std::int64_t>(layer.pairs.size()), grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = begin; p < end; ++p) {
        count_pair(p);
      }
    });
  }

  void score(std::int64_t replicates, std::int64_t seed, double* out, std::int64_t stride,
             const ParallelFor& parallel_for) const {
    parallel_for(0, ceil_div(replicates, tile_replicates), 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<Number> weights(static_cast<std::size_t>(blocks_ * tile_replicates));
      for (std::int64_t tile = begin; tile < end; ++tile) {
        const std::int64_t first = tile * tile_replicates;
        const std::int64_t present = std::min(tile_replicates, replicates - first);
        draw_blocks(HashStream(seed, HashPurpose::bootstrap), first, present, weights);
        score_tile(weights, present, out + (first * stride), stride);
      }
    });
  }

 private:
  using Sums = std::array<Number, tile_replicates>;

  /// The counts of a pair in every block: common, a, b.
  Number* counts_of(std::int64_t pair) { return counts_.data() + (3 * blocks_ * pair); }
  const Number* counts_of(std::int64_t pair) const { return counts_.data() + (3 * blocks_ * pair); }

  void count_pair(std::int64_t pair) {
    const auto [unit_a, unit_b] = layer_.pairs[pair];
    const std::uint8_t* a = layer_.a + (unit_a * layer_.row_bytes);
    const std::uint8_t* b = layer_.b + (unit_b * layer_.row_bytes);
    for (std::int64_t k = 0; k < blocks_; ++k) {
      const PairCounts counts = count_samples(a, b, layer_.row_bytes, first_samples_[k], first_samples_[k + 1]);
      counts_of(pair)[k] = static_cast<Number>(counts.common);
      counts_of(pair)[blocks_ + k] = static_cast<Number>(counts.a);
      counts_of(pair)[(2 * blocks_) + k] = static_cast<Number>(counts.b);
    }
  }

  /// weights[k][r]: how often replicate first + r draws block k.
  void draw_blocks(const HashStream& stream, std::int64_t first, std::int64_t present,
                   std::vector<Number>& weights) const {
    std::fill(weights.begin(), weights.end(), Number{0});
    const auto blocks = static_cast<std::uint64_t>(blocks_);
    for (std::int64_t r = 0; r < present; ++r) {
      for (std::uint64_t k = 0; k < blocks; ++k) {
        const std::uint64_t hash = stream((static_cast<std::uint64_t>(first + r) * blocks) + k);
        const auto block = static_cast<std::int64_t>(((hash >> 32U) * blocks) >> 32U);
        weights[(block * tile_replicates) + r] += Number{1};
      }
    }
  }

  /// Sums of one count over the blocks of each replicate.
  void add_up(const Number* counts, const std::vector<Number>& weights, Sums& sums) const {
    sums.fill(Number{0});
    for (std::int64_t k = 0; k < blocks_; ++k) {
      const Number count = counts[k];
      if (count == Number{0}) {
        continue;
      }
      const Number* weight = weights.data() + (k * tile_replicates);
      for (std::int64_t r = 0; r < tile_replicates; ++r) {
        sums[r] += count * weight[r];
      }
    }
  }

  void score_tile(const std::vector<Number>& weights, std::int64_t present, double* out, std::int64_t stride) const {
    std::vector<Number> sizes;
    sizes.reserve(static_cast<std::size_t>(blocks_));
    for (std::int64_t k = 0; k < blocks_; ++k) {
      sizes.push_back(static_cast<Number>(first_samples_[k + 1] - first_samples_[k]));
    }
    Sums samples{};
    add_up(sizes.data(), weights, samples);
    Sums common{};
    Sums a{};
    Sums b{};
    std::array<double, tile_replicates> scores{};
    for (std::int64_t p = 0; p < static_cast<std::int64_t>(layer_.pairs.size()); ++p) {
      add_up(counts_of(p), weights, common);
      add_up(counts_of(p) + blocks_, weights, a);
      add_up(counts_of(p) + (2 * blocks_), weights, b);
      for (std::int64_t r = 0; r < present; ++r) {
        scores[r] += static_cast<double>(similarity_of(similarity_, static_cast<double>(samples[r]),
                                                       static_cast<double>(common[r]), static_cast<double>(a[r]),
                                                       static_cast<double>(b[r])));
      }
    }
    for (std::int64_t r = 0; r < present; ++r) {
      out[r * stride] = scores[r] / layer_.denominator;
    }
  }

  const MatchedSignatures& layer_;
  BootstrapSimilarity similarity_;
  std::int64_t blocks_;
  std::vector<std::int64_t> first_samples_;  ///< of each block, and the end
  std::vector<Number> counts_;               ///< [pairs, common and a and b, blocks]
};

}  // namespace

void bootstrap_scores(const MatchedSignatures& layer, BootstrapSimilarity similarity, std::int64_t num_inputs,
                      std::int64_t replicates, std::int64_t seed, double* out, std::int64_t stride,
                      const ParallelFor& parallel_for) {
  // A replicate may draw a largest block each time.
  const std::int64_t blocks = bootstrap_blocks(num_inputs);
  const std::int64_t most_samples = blocks * ceil_div(num_inputs, blocks) * layer.samples_per_input;
  if (most_samples <= (std::int64_t{1} << 24)) {
    Bootstrap<float>(layer, similarity, num_inputs, parallel_for).score(replicates, seed, out, stride, parallel_for);
  } else {
    Bootstrap<double>(layer, similarity, num_inputs, parallel_for).score(replicates, seed, out, stride, parallel_for);
  }
}

}  // namespace funcsim
