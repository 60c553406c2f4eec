#include "compare/match_layers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <string>

#include "kernels/common/error.h"
#include "kernels/minhash/minhash.h"

namespace funcsim {
namespace {

using Bits = std::vector<std::uint8_t>;

constexpr std::int64_t samples = 64;
constexpr std::int64_t row_bytes = samples / 8;

Bits random_bits(std::int64_t units, unsigned seed) {
  std::mt19937 random(seed);
  Bits bits(units * row_bytes);
  std::generate(bits.begin(), bits.end(), [&] { return static_cast<std::uint8_t>(random()); });
  return bits;
}

LayerEvidence exact(const Bits& bits, std::int64_t num_samples = samples) {
  return {bits.data(), static_cast<std::int64_t>(bits.size()) / row_bytes, row_bytes, num_samples};
}

/// Rows of `bits` in the order of `order`.
Bits permuted(const Bits& bits, const std::vector<std::int64_t>& order) {
  Bits rows;
  for (const std::int64_t unit : order) {
    rows.insert(rows.end(), bits.begin() + (unit * row_bytes), bits.begin() + ((unit + 1) * row_bytes));
  }
  return rows;
}

NetworkMatch compared_on_host(Measure measure, const std::vector<LayerEvidence>& a, const std::vector<LayerEvidence>& b,
                              const ShuffledLayers& shuffled_b = {},
                              const std::vector<std::pair<std::int64_t, std::int64_t>>& pairs = {}) {
  const ParallelFor parallel_for = serial_for;
  HostSimilarities similarities(measure, {}, parallel_for);
  return compare_layers(similarities, a, b, shuffled_b, pairs, parallel_for);
}

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(CompareLayers, ANetworkWithItselfScoresExactlyOne) {
  const Bits first = random_bits(9, 1);
  const Bits second = random_bits(5, 2);
  const std::vector<LayerEvidence> network{exact(first), exact(second)};
  for (const Measure measure : {Measure::jaccard, Measure::phi}) {
    const NetworkMatch match = compared_on_host(measure, network, network, {network});
    EXPECT_EQ(match.score, 1.0);
    EXPECT_EQ(match.chance, 1.0);
    EXPECT_EQ(match.standard_error, 0.0);
    ASSERT_EQ(match.pairs.size(), 2U);
    EXPECT_EQ(match.pairs[1].match.partners, (std::vector<std::int64_t>{0, 1, 2, 3, 4}));
  }
}

TEST(CompareLayers, FindsThePermutation) {
  const std::vector<std::int64_t> order{3, 0, 4, 1, 2};
  const Bits a = random_bits(5, 3);
  const Bits b = permuted(a, order);
  const NetworkMatch match = compared_on_host(Measure::jaccard, {exact(a)}, {exact(b)});
  EXPECT_EQ(match.score, 1.0);
  for (std::int64_t j = 0; j < 5; ++j) {
    EXPECT_EQ(match.pairs[0].match.partners[order[j]], j);
  }
}

TEST(CompareLayers, UnitsWithoutPartnerCountAsZero) {
  const Bits a = random_bits(4, 4);
  const Bits b = permuted(a, {0, 1, 2});
  const NetworkMatch wide = compared_on_host(Measure::jaccard, {exact(a)}, {exact(b)});
  EXPECT_DOUBLE_EQ(wide.score, 0.75);
  EXPECT_EQ(wide.pairs[0].match.partners[3], -1);
  EXPECT_EQ(wide.pairs[0].match.similarities[3], 0.0F);
  EXPECT_DOUBLE_EQ(compared_on_host(Measure::jaccard, {exact(b)}, {exact(a)}).score, 0.75);
}

TEST(CompareLayers, WeighsLayersByTheirWidthAndCountsLeftoversAsZero) {
  const Bits wide = random_bits(6, 5);
  const Bits narrow = random_bits(2, 6);
  const NetworkMatch match =
      compared_on_host(Measure::jaccard, {exact(wide), exact(narrow)}, {exact(wide)}, {{exact(narrow)}});
  ASSERT_EQ(match.pairs.size(), 1U);
  EXPECT_EQ(match.pairs[0].layer_a, 0);
  EXPECT_DOUBLE_EQ(match.score, 6.0 / 8.0);
}

TEST(CompareLayers, TakesAGivenPairing) {
  const Bits x = random_bits(3, 7);
  const Bits y = random_bits(3, 8);
  const NetworkMatch match =
      compared_on_host(Measure::jaccard, {exact(x), exact(y)}, {exact(y), exact(x)}, {}, {{1, 0}, {0, 1}});
  EXPECT_EQ(match.score, 1.0);
  EXPECT_EQ(match.pairs[0].layer_a, 0);
  EXPECT_EQ(match.pairs[0].layer_b, 1);
}

TEST(CompareLayers, RefusesBadPairings) {
  const Bits x = random_bits(3, 9);
  const std::vector<LayerEvidence> network{exact(x), exact(x)};
  const auto compared = [&](const std::vector<std::pair<std::int64_t, std::int64_t>>& pairs) {
    return message_of([&] { compared_on_host(Measure::jaccard, network, network, {}, pairs); });
  };
  EXPECT_NE(compared({{2, 0}}).find("layer 2 of network a, which has 2"), std::string::npos);
  EXPECT_NE(compared({{0, -1}}).find("layer -1 of network b"), std::string::npos);
  EXPECT_NE(compared({{0, 0}, {0, 1}}).find("layer 0 of network a twice"), std::string::npos);
  EXPECT_NE(compared({{0, 1}, {1, 1}}).find("layer 1 of network b twice"), std::string::npos);
}

TEST(CompareLayers, RefusesDifferentNumbersOfSamplesAndNamesTheWayOut) {
  const Bits x = random_bits(3, 10);
  const std::string message = message_of([&] { compared_on_host(Measure::jaccard, {exact(x, 64)}, {exact(x, 60)}); });
  EXPECT_NE(message.find("64 samples"), std::string::npos);
  EXPECT_NE(message.find("network b has 60:"), std::string::npos);
  EXPECT_NE(message.find("positions=\"any\""), std::string::npos);
}

TEST(CompareLayers, UnequalDepthsSkipPairsThatCannotBeCompared) {
  const Bits x = random_bits(3, 11);
  const Bits y = random_bits(3, 12);
  const NetworkMatch match = compared_on_host(Measure::jaccard, {exact(x, 64), exact(y, 60)}, {exact(y, 60)});
  ASSERT_EQ(match.pairs.size(), 1U);
  EXPECT_EQ(match.pairs[0].layer_a, 1);
}

TEST(LayerScores, AreTheScoresOfSinglePairs) {
  const Bits x = random_bits(4, 13);
  const Bits y = random_bits(6, 14);
  const ParallelFor parallel_for = serial_for;
  HostSimilarities similarities(Measure::jaccard, {}, parallel_for);
  const std::vector<double> scores = layer_scores(similarities, {exact(x), exact(y)}, {exact(y, 60), exact(x)},
                                                  /*shuffled=*/false, parallel_for);
  EXPECT_TRUE(std::isnan(scores[0]));
  EXPECT_EQ(scores[1], 1.0);
  EXPECT_EQ(scores[3], compared_on_host(Measure::jaccard, {exact(y)}, {exact(x)}).score);
}

/// The standard error reported for a score against the spread of that score over seeds, for sketches of fixed sets.
TEST(CompareLayers, StandardErrorMatchesTheSpreadOverSeeds) {
  constexpr std::int64_t many = 4096;
  constexpr std::int64_t hashes = 128;
  constexpr std::int64_t units = 4;
  std::mt19937 random(15);
  std::vector<std::uint8_t> a(units * many / 8);
  std::vector<std::uint8_t> b(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = static_cast<std::uint8_t>(random() & random());
    b[i] = static_cast<std::uint8_t>(a[i] ^ (random() & random() & random()));
  }
  std::vector<double> scores;
  double reported = 0.0;
  constexpr int seeds = 200;
  for (int seed = 0; seed < seeds; ++seed) {
    const SampleOrder order = sample_order(many, hashes, seed, 0, serial_for);
    std::vector<std::int32_t> sketch_a(units * hashes, empty_slot);
    std::vector<std::int32_t> sketch_b(units * hashes, empty_slot);
    minhash(a.data(), units, many / 8, order, sketch_a.data(), serial_for);
    minhash(b.data(), units, many / 8, order, sketch_b.data(), serial_for);
    const NetworkMatch match = compared_on_host(Measure::minhash, {{sketch_a.data(), units, hashes, many}},
                                                {{sketch_b.data(), units, hashes, many}});
    scores.push_back(match.score);
    reported += match.standard_error / seeds;
    EXPECT_EQ(match.standard_error, match.pairs[0].standard_error);
  }
  const double mean = std::accumulate(scores.begin(), scores.end(), 0.0) / seeds;
  double squares = 0.0;
  for (const double score : scores) {
    squares += (score - mean) * (score - mean);
  }
  const double spread = std::sqrt(squares / (seeds - 1));
  // 200 seeds know the spread to 5 %; the delta method leaves out that slots are drawn without replacement.
  EXPECT_GT(reported, 0.85 * spread);
  EXPECT_LT(reported, 1.25 * spread);
}

}  // namespace
}  // namespace funcsim
