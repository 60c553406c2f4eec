// Matrices on which some start of the solver is of no use, and the next has to do.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include "assignment_certificate.h"
#include "assignments_by_brute_force.h"
#include "kernels/linear_sum_assignment/linear_sum_assignment.h"

namespace funcsim {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr std::int64_t int_max = std::numeric_limits<std::int64_t>::max();

/// Total costs to a few units of long double.
template <typename Cost>
long double total_cost(const Matrix<Cost>& matrix, const Columns& columns) {
  long double total = 0;
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    total += columns[i] < 0 ? 0 : static_cast<long double>(matrix.at(i, columns[i]));
  }
  return total;
}

TEST(LinearSumAssignmentStarts, DualsProveTheOptimumOfHeavyTails) {
  // Few costs are as large as all others together. In double, 64, 128 and 384 bits and more.
  std::mt19937_64 random(31);
  std::normal_distribution<double> normal;
  for (const auto& [rows, columns] : {std::pair(160, 160), {300, 300}, {200, 230}}) {
    for (const double spread : {1.0, 5.0, 15.0, 90.0}) {
      const Matrix<double> doubles(rows, columns, [&](auto, auto) { return std::exp(spread * normal(random)); });
      const Matrix<float> floats(rows, columns,
                                 [&](auto i, auto j) { return std::min(static_cast<float>(doubles.at(i, j)), 1e30F); });
      const double largest = *std::max_element(doubles.costs.begin(), doubles.costs.end());
      const float largest_float = *std::max_element(floats.costs.begin(), floats.costs.end());
      for (const bool maximize : {false, true}) {
        expect_certificate(doubles, doubles.solve(maximize), maximize, largest * 1e-15);
        expect_certificate(floats, floats.solve(maximize), maximize, double(largest_float) * 1e-15);
      }
    }
  }
}

TEST(LinearSumAssignmentStarts, PointsOfALineAreMatchedInOrder) {
  // Distances, where there are countless ties, and their squares, where the order is the only optimum.
  std::mt19937_64 random(37);
  constexpr std::int64_t size = 300;
  std::vector<double> x(size);
  std::vector<double> y(size);
  for (std::int64_t i = 0; i < size; ++i) {
    x[i] = std::ldexp(double(random() >> 11), -53);
    y[i] = std::ldexp(double(random() >> 11), -53);
  }
  const Matrix<double> distances(size, size, [&](auto i, auto j) { return std::abs(x[i] - y[j]); });
  const Matrix<double> squares(size, size, [&](auto i, auto j) { return distances.at(i, j) * distances.at(i, j); });
  for (const bool maximize : {false, true}) {
    expect_certificate(distances, distances.solve(maximize), maximize, 1e-15);
    expect_certificate(squares, squares.solve(maximize), maximize, 1e-15);
  }
  Columns order_of_x(size);
  std::iota(order_of_x.begin(), order_of_x.end(), 0);
  Columns order_of_y = order_of_x;
  std::sort(order_of_x.begin(), order_of_x.end(), [&](auto i, auto k) { return x[i] < x[k]; });
  std::sort(order_of_y.begin(), order_of_y.end(), [&](auto j, auto k) { return y[j] < y[k]; });
  Columns in_order(size);
  for (std::int64_t k = 0; k < size; ++k) {
    in_order[order_of_x[k]] = order_of_y[k];
  }
  EXPECT_EQ(squares.solve().column_of_row, in_order);
  EXPECT_NEAR(double(total_cost(distances, distances.solve().column_of_row)), double(total_cost(distances, in_order)),
              1e-12);
}

TEST(LinearSumAssignmentStarts, RoundedCostsAreOnlyAStart) {
  // Costs that differ only below what double's integers can tell, and with it which pairs are forbidden or not.
  std::mt19937_64 random(41);
  for (const auto& [rows, columns] : {std::pair(200, 200), {190, 210}}) {
    const Matrix<std::int64_t> fine(rows, columns, [&](auto i, auto j) {
      return static_cast<std::int64_t>((i * j) % 7) + static_cast<std::int64_t>(random() % 5);
    });
    const Matrix<std::int64_t> coarse(
        rows, columns, [&](auto i, auto j) { return fine.at(i, j) + (int_max / 4 * ((i + j) % 2)) - (int_max / 2); });
    const Matrix<double> shifted(rows, columns, [&](auto i, auto j) {
      return (i + 3 * j) % 11 == 5 ? inf : 0x1p52 + static_cast<double>(fine.at(i, j));
    });
    const Matrix<float> same(rows, columns, [&](auto i, auto j) {
      return (i + 3 * j) % 11 == 5 ? static_cast<float>(inf) : static_cast<float>(fine.at(i, j));
    });
    EXPECT_EQ(shifted.solve().column_of_row, same.solve().column_of_row);
    expect_certificate(coarse, coarse.solve(), false, 0x1p63 * 1e-15);
  }
}

TEST(LinearSumAssignmentStarts, OffsetsOfRowsAndColumnsDontHideDifferences) {
  // Offsets don't change which assignments are optimal, but scans see costs and duals rounded to hundreds, where
  // differences are of some units. Without a margin for that, bids go on for ever on the first of these.
  std::mt19937_64 random(24);
  constexpr std::int64_t size = 64;
  for (int trial = 0; trial < 10; ++trial) {
    const Matrix<double> small(size, size, [&](auto, auto) { return static_cast<double>(random() % 10); });
    std::vector<std::int64_t> offsets(2 * size);
    std::generate(offsets.begin(), offsets.end(), [&] { return static_cast<std::int64_t>(random() >> 3); });
    const Matrix<std::int64_t> large(size, size, [&](auto i, auto j) {
      return static_cast<std::int64_t>(small.at(i, j)) + offsets[i] + offsets[size + j];
    });
    ASSERT_EQ(large.solve().column_of_row, small.solve().column_of_row) << trial;
  }
}

}  // namespace
}  // namespace funcsim
