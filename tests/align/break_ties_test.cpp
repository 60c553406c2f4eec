#include "align/break_ties.h"

#include <gtest/gtest.h>

namespace funcsim {
namespace {

/// An opinion from a whole matrix.
SecondOpinion opinion_of(const std::vector<double>& matrix, std::int64_t width) {
  return [&matrix, width](const auto& rows, const auto& columns) {
    std::vector<double> values;
    for (const std::int64_t row : rows) {
      for (const std::int64_t column : columns) {
        values.push_back(matrix[(row * width) + column]);
      }
    }
    return values;
  };
}

TEST(BreakTies, EqualRowsTradePartners) {
  const std::vector<float> matrix = {1, 0, 1, 1, 0, 1, 0, 1, 0};
  const std::vector<double> opinion = {1, 9, 5, 5, 9, 1, 0, 0, 0};
  UnitMatch match = {0, 2, 1};
  break_ties(matrix, 3, 3, match, opinion_of(opinion, 3), serial_for);
  EXPECT_EQ(match, (UnitMatch{2, 0, 1}));
}

TEST(BreakTies, ThoseWithoutAPartnerCanGetOne) {
  const std::vector<float> matrix = {1, 0, 1, 0, 1, 0};
  const std::vector<double> opinion = {1, 0, 3, 1, 2, 5};
  UnitMatch match = {0, 1, -1};
  break_ties(matrix, 3, 2, match, opinion_of(opinion, 2), serial_for);
  EXPECT_EQ(match, (UnitMatch{-1, 0, 1}));
}

TEST(BreakTies, EqualColumnsTradeToo) {
  // Column 2, which nobody has, is as good as column 0.
  const std::vector<float> matrix = {1, 0, 1, 0, 1, 0};
  const std::vector<double> opinion = {1, 0, 3, 0, 2, 0};
  UnitMatch match = {0, 1};
  break_ties(matrix, 2, 3, match, opinion_of(opinion, 3), serial_for);
  EXPECT_EQ(match, (UnitMatch{2, 1}));
}

TEST(BreakTies, WhatIsNotTiedStays) {
  const std::vector<float> matrix = {1, 0, 0, 0.5F};
  const std::vector<double> opinion = {0, 9, 9, 0};
  UnitMatch match = {0, 1};
  break_ties(matrix, 2, 2, match, opinion_of(opinion, 2), serial_for);
  EXPECT_EQ(match, (UnitMatch{0, 1}));
}

TEST(BreakTies, WithoutAnOpinionNothingChanges) {
  UnitMatch match = {1, 0};
  break_ties(
      std::vector<float>(4), 2, 2, match, [](const auto&, const auto&) { return std::vector<double>(); }, serial_for);
  EXPECT_EQ(match, (UnitMatch{1, 0}));
}

}  // namespace
}  // namespace funcsim
