#include "compare/pair_layers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace funcsim {
namespace {

using Pairs = std::vector<std::pair<std::int64_t, std::int64_t>>;
constexpr double forbidden = std::numeric_limits<double>::quiet_NaN();

/// The best sum over all order-preserving pairings of layers from (i, j) on, by trying each.
double best_sum(const std::vector<double>& scores, std::int64_t layers_a, std::int64_t layers_b, std::int64_t i,
                std::int64_t j) {
  if (i == layers_a || j == layers_b) {
    return 0.0;
  }
  double best =
      std::max(best_sum(scores, layers_a, layers_b, i + 1, j), best_sum(scores, layers_a, layers_b, i, j + 1));
  const double score = scores[(i * layers_b) + j];
  if (!std::isnan(score)) {
    best = std::max(best, score + best_sum(scores, layers_a, layers_b, i + 1, j + 1));
  }
  return best;
}

TEST(PairLayers, PairsInOrderWhenTheDiagonalIsBest) {
  EXPECT_EQ(pair_layers({0.9, 0.1, 0.1, 0.8}, 2, 2), (Pairs{{0, 0}, {1, 1}}));
}

TEST(PairLayers, LeavesOutTheLayerThatFitsLeast) {
  EXPECT_EQ(pair_layers({0.2, 0.9, 0.1, 0.2, 0.1, 0.8}, 2, 3), (Pairs{{0, 1}, {1, 2}}));
}

TEST(PairLayers, NeverCrosses) {
  // Crossing would sum to 1.8; in order only one of the two good pairs can be had.
  EXPECT_EQ(pair_layers({0.0, 0.9, 0.9, 0.0, 0.0, 0.0}, 3, 2), (Pairs{{1, 0}, {2, 1}}));
}

TEST(PairLayers, EqualSumsPairAsManyLayersAsPossibleAndEarlierOnes) {
  EXPECT_EQ(pair_layers({0.0, 0.0, 0.0, 0.0, 0.0, 0.0}, 2, 3), (Pairs{{0, 0}, {1, 1}}));
}

TEST(PairLayers, NeverUsesAForbiddenPair) {
  EXPECT_EQ(pair_layers({forbidden, 0.1, forbidden, 0.9}, 2, 2), (Pairs{{1, 1}}));
  EXPECT_TRUE(pair_layers({forbidden, forbidden}, 1, 2).empty());
}

TEST(PairLayers, ReachesTheBestSumOnRandomScores) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> uniform;
  for (int round = 0; round < 300; ++round) {
    const std::int64_t layers_a = 1 + (round % 5);
    const std::int64_t layers_b = 1 + (round % 7);
    std::vector<double> scores(layers_a * layers_b);
    for (double& score : scores) {
      score = uniform(random) < 0.15 ? forbidden : uniform(random);
    }
    double sum = 0.0;
    std::int64_t last_a = -1;
    std::int64_t last_b = -1;
    for (const auto& [i, j] : pair_layers(scores, layers_a, layers_b)) {
      EXPECT_GT(i, last_a);
      EXPECT_GT(j, last_b);
      last_a = i;
      last_b = j;
      sum += scores[(i * layers_b) + j];
    }
    EXPECT_NEAR(sum, best_sum(scores, layers_a, layers_b, 0, 0), 1e-12);
  }
}

}  // namespace
}  // namespace funcsim
