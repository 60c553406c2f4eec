#include "kernels/bootstrap_scores/bootstrap_scores.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernels/common/hash.h"
#include "packed_bits.h"

namespace funcsim {
namespace {

/// Samples of a replicate, one by one, with repetitions.
std::vector<std::int64_t> drawn_samples(std::int64_t num_inputs, std::int64_t samples_per_input, std::int64_t seed,
                                        std::int64_t replicate) {
  const std::int64_t blocks = std::min<std::int64_t>(num_inputs, 256);
  const HashStream stream(seed, HashPurpose::bootstrap);
  std::vector<std::int64_t> samples;
  for (std::int64_t k = 0; k < blocks; ++k) {
    const std::uint64_t high = stream(static_cast<std::uint64_t>((replicate * blocks) + k)) >> 32;
    const auto block = static_cast<std::int64_t>((high * static_cast<std::uint64_t>(blocks)) >> 32);
    for (std::int64_t s = block * num_inputs / blocks * samples_per_input;
         s < (block + 1) * num_inputs / blocks * samples_per_input; ++s) {
      samples.push_back(s);
    }
  }
  return samples;
}

/// The Jaccard index or phi on some samples.
double similarity(BootstrapSimilarity which, const std::vector<bool>& a, const std::vector<bool>& b,
                  const std::vector<std::int64_t>& samples) {
  double common = 0;
  double count_a = 0;
  double count_b = 0;
  bool is_equal = true;
  for (const std::int64_t s : samples) {
    common += a[s] && b[s] ? 1 : 0;
    count_a += a[s] ? 1 : 0;
    count_b += b[s] ? 1 : 0;
    is_equal = is_equal && a[s] == b[s];
  }
  const auto n = static_cast<double>(samples.size());
  if (which == BootstrapSimilarity::jaccard) {
    const double either = count_a + count_b - common;
    return either == 0 ? 1 : static_cast<double>(static_cast<float>(common / either));
  }
  const double spread = count_a * (n - count_a) * count_b * (n - count_b);
  if (spread == 0) {
    return is_equal ? 1 : 0;
  }
  return static_cast<double>(static_cast<float>(((n * common) - (count_a * count_b)) / std::sqrt(spread)));
}

struct Case {
  std::int64_t num_inputs;
  std::int64_t samples_per_input;
};

using UnitPairs = std::vector<std::pair<std::int64_t, std::int64_t>>;

std::vector<double> scores(const BoolRows& a, const BoolRows& b, const UnitPairs& pairs, const Case& layer,
                           BootstrapSimilarity which, std::int64_t replicates, std::int64_t seed,
                           const ParallelFor& parallel_for) {
  const std::int64_t samples = layer.num_inputs * layer.samples_per_input;
  const PackedRows x = pack(a, samples);
  const PackedRows y = pack(b, samples);
  std::vector<double> out(2 * replicates, -7.0);  // every second one
  bootstrap_scores({x.bytes.data(), y.bytes.data(), x.row_bytes, layer.samples_per_input, pairs, 6.0}, which,
                   layer.num_inputs, replicates, seed, out.data(), 2, parallel_for);
  return out;
}

TEST(BootstrapScores, EqualsCountsOnTheSamplesDrawn) {
  const UnitPairs pairs{{0, 2}, {1, 0}, {3, 1}, {4, 4}};
  for (const Case& layer : {Case{2, 1}, Case{7, 3}, Case{65, 1}, Case{256, 1}, Case{300, 2}, Case{1030, 5}}) {
    const std::int64_t samples = layer.num_inputs * layer.samples_per_input;
    const BoolRows a = random_rows({0.5, 0.02, 0.9, 1.0, 0.0}, samples, 1);
    const BoolRows b = random_rows({0.03, 1.0, 0.6, 0.5, 0.0}, samples, 2);
    for (const BootstrapSimilarity which : {BootstrapSimilarity::jaccard, BootstrapSimilarity::phi}) {
      for (const ParallelFor& parallel_for : splits()) {
        const std::vector<double> got = scores(a, b, pairs, layer, which, 131, -5, parallel_for);
        for (std::int64_t r = 0; r < 131; ++r) {
          const std::vector<std::int64_t> drawn = drawn_samples(layer.num_inputs, layer.samples_per_input, -5, r);
          double sum = 0;
          for (const auto& [i, j] : pairs) {
            sum += similarity(which, a[i], b[j], drawn);
          }
          EXPECT_DOUBLE_EQ(got[2 * r], sum / 6.0) << layer.num_inputs << " inputs, replicate " << r;
          EXPECT_EQ(got[(2 * r) + 1], -7.0);
        }
      }
    }
  }
}

TEST(BootstrapScores, CountsBeyondTheIntegersOfAFloat) {
  constexpr std::int64_t per_input = (std::int64_t{1} << 23) + 8;
  constexpr std::int64_t bytes = 3 * per_input / 8;
  std::vector<std::uint8_t> a(bytes, 0xFF);
  std::vector<std::uint8_t> b = a;
  b[0] = 0xFE;  // all but the first sample
  std::vector<double> out(50);
  bootstrap_scores({a.data(), b.data(), bytes, per_input, {{0, 0}}, 1.0}, BootstrapSimilarity::jaccard, 3, 50, 0,
                   out.data(), 1, serial_for);
  for (std::int64_t r = 0; r < 50; ++r) {
    const std::vector<std::int64_t> inputs = drawn_samples(3, 1, 0, r);
    const auto missing = static_cast<double>(std::ranges::count(inputs, 0));
    EXPECT_EQ(out[r], static_cast<double>(static_cast<float>(((3.0 * per_input) - missing) / (3.0 * per_input))));
  }
}

TEST(BootstrapScores, IsOneForEqualUnits) {
  const BoolRows a = random_rows({0.5, 0.01, 0.0, 1.0, 0.4, 0.2}, 700, 3);
  UnitPairs pairs;
  for (std::int64_t u = 0; u < 6; ++u) {
    pairs.emplace_back(u, u);
  }
  for (const BootstrapSimilarity which : {BootstrapSimilarity::jaccard, BootstrapSimilarity::phi}) {
    const std::vector<double> got = scores(a, a, pairs, {350, 2}, which, 40, 1, serial_for);
    for (std::int64_t r = 0; r < 40; ++r) {
      EXPECT_EQ(got[2 * r], 1.0);
    }
  }
}

}  // namespace
}  // namespace funcsim
