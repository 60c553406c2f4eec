#include "network/positions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "kernels/common/error.h"
#include "network/layer_type.h"

namespace funcsim {
namespace {

TEST(Positions, SamplesAnInput) {
  EXPECT_EQ(samples_per_input({}, 16), 1);
  EXPECT_EQ(samples_per_input({1, 1}, 16), 1);
  EXPECT_EQ(samples_per_input({3, 4}, 16), 16);
  EXPECT_EQ(samples_per_input({3, 4}, all_positions), 12);
  EXPECT_EQ(samples_per_input({3, 4}, any_position), 1);
}

TEST(Positions, AreChecked) {
  EXPECT_NO_THROW(check_positions(-1));
  EXPECT_NO_THROW(check_positions(1 << 24));
  EXPECT_THROW(check_positions(-2), Error);
  EXPECT_THROW(check_positions((1 << 24) + 1), Error);
}

TEST(GridPoints, AreThoseOfTheWholeForAnySplitOfTheInputs) {
  const std::vector<std::int64_t> whole = grid_points(5, 20, 3, {4, 7}, 9);
  const std::vector<std::int64_t> first = grid_points(5, 8, 3, {4, 7}, 9);
  const std::vector<std::int64_t> rest = grid_points(13, 12, 3, {4, 7}, 9);
  EXPECT_TRUE(std::equal(first.begin(), first.end(), whole.begin()));
  EXPECT_TRUE(std::equal(rest.begin(), rest.end(), whole.begin() + 24));
}

TEST(GridPoints, OfAFinerGridLieInThoseOfACoarserOne) {
  const std::vector<std::int64_t> coarse = grid_points(0, 50, 4, {3, 5}, 1);
  const std::vector<std::int64_t> fine = grid_points(0, 50, 4, {6, 20}, 1);
  for (std::size_t s = 0; s < coarse.size(); ++s) {
    EXPECT_EQ((fine[s] / 20) / 2, coarse[s] / 5);
    EXPECT_EQ((fine[s] % 20) / 4, coarse[s] % 5);
  }
}

TEST(GridPoints, CoverTheGridEvenlyOverSeeds) {
  std::vector<int> counts(12);
  for (std::int64_t seed = 0; seed < 6000; ++seed) {
    for (const std::int64_t place : grid_points(seed, 1, 2, {3, 4}, seed)) {
      ASSERT_GE(place, 0);
      ASSERT_LT(place, 12);
      ++counts[place];
    }
  }
  // 1000 expected each, with a standard deviation of at most 30.3.
  EXPECT_GT(*std::min_element(counts.begin(), counts.end()), 850);
  EXPECT_LT(*std::max_element(counts.begin(), counts.end()), 1150);
}

TEST(GridPoints, AreOfFourSets) {
  std::set<std::vector<std::int64_t>> sets;
  for (std::int64_t input = 0; input < 200; ++input) {
    sets.insert(grid_points(input, 1, 5, {30, 40}, 3));
  }
  EXPECT_EQ(sets.size(), 4U);
}

TEST(GridPoints, ReadAGridOfAsManyPlacesWhole) {
  for (const std::vector<std::int64_t>& grid :
       std::vector<std::vector<std::int64_t>>{{16}, {4, 4}, {4, 2, 2}, {4, 2}}) {
    const std::vector<std::int64_t> points = grid_points(3, 2, 16, grid, 7);
    std::map<std::int64_t, int> counts;
    for (const std::int64_t place : points) {
      ++counts[place];
    }
    const std::int64_t places = element_count(grid);
    ASSERT_EQ(static_cast<std::int64_t>(counts.size()), places) << shape_text(grid);
    for (const auto& [place, count] : counts) {
      EXPECT_EQ(count, 32 / places) << shape_text(grid) << " " << place;
    }
    EXPECT_TRUE(std::equal(points.begin(), points.begin() + 16, points.begin() + 16));
  }
}

TEST(GridPoints, LieInBoxesOfTheirOwn) {
  // 12 points: 3 x 4 boxes, of 2 x 5 places each in this grid.
  const std::vector<std::int64_t> points = grid_points(0, 100, 12, {6, 20}, 1);
  for (std::size_t s = 0; s < points.size(); ++s) {
    const std::int64_t box = ((points[s] / 20 / 2) * 4) + (points[s] % 20 / 5);
    EXPECT_EQ(box, static_cast<std::int64_t>(s % 12));
  }
}

TEST(GridPoints, HugeIndicesWrapAround) {
  const std::int64_t last = std::numeric_limits<std::int64_t>::max();
  const std::vector<std::int64_t> places = grid_points(last - 1, 2, 16, {5}, -1);
  EXPECT_EQ(places.size(), 32U);
  EXPECT_TRUE(std::all_of(places.begin(), places.end(), [](std::int64_t place) { return place >= 0 && place < 5; }));
}

}  // namespace
}  // namespace funcsim
