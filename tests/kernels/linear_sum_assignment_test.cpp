#include "kernels/linear_sum_assignment/linear_sum_assignment.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "assignment_certificate.h"
#include "assignments_by_brute_force.h"
#include "kernels/linear_sum_assignment/numbers.h"

namespace funcsim {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr std::int64_t int_min = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t int_max = std::numeric_limits<std::int64_t>::max();

/// 1 - Jaccard of independent random sets of 2048 samples: nearly equal costs.
Matrix<float> near_ties(std::int64_t rows, std::int64_t columns, bool shared) {
  std::mt19937_64 random(11);
  constexpr std::int64_t words = 32;
  const auto draw = [&](std::int64_t units) {
    std::vector<std::array<std::uint64_t, words>> sets(units);
    for (auto& set : sets) {
      const bool dense = random() % 2 == 0;
      std::generate(set.begin(), set.end(), [&] { return dense ? random() | random() : random() & random(); });
    }
    return sets;
  };
  const auto a = draw(rows);
  const auto b = draw(columns);
  return {rows, columns, [&](std::int64_t i, std::int64_t j) {
            const auto& other = shared && j < rows ? a[(j * 7) % rows] : b[j];
            int both = 0;
            int any = 0;
            for (std::int64_t w = 0; w < words; ++w) {
              both += std::popcount(a[i][w] & other[w]);
              any += std::popcount(a[i][w] | other[w]);
            }
            return 1.0F - (static_cast<float>(both) / static_cast<float>(any));
          }};
}

template <typename Cost>
class LinearSumAssignmentOf : public testing::Test {};
using CostTypes = testing::Types<float, double, std::int64_t>;
TYPED_TEST_SUITE(LinearSumAssignmentOf, CostTypes);

TYPED_TEST(LinearSumAssignmentOf, SmallMatrixHasTheFirstOfTheBest) {
  std::mt19937_64 random(5);
  for (int kind = 0; kind < 9; ++kind) {
    for (int round = 0; round < 100; ++round) {
      const auto rows = static_cast<std::int64_t>(1 + (random() % 5));
      const auto columns = static_cast<std::int64_t>(1 + (random() % 5));
      const bool maximize = round % 2 == 1;
      const unsigned forbidden = std::is_same_v<TypeParam, std::int64_t> || round % 4 < 2 ? 0 : 3 + (round % 3);
      if (!random_cost<TypeParam>(kind, random)) {
        continue;
      }
      const Matrix<TypeParam> matrix(rows, columns, [&](std::int64_t, std::int64_t) {
        return random() % 10 < forbidden ? static_cast<TypeParam>(maximize ? -inf : inf)
                                         : *random_cost<TypeParam>(kind, random);
      });
      const Assignment assignment = matrix.solve(maximize);
      const std::optional<Columns> best = first_of_the_best(matrix, maximize);
      SCOPED_TRACE("kind " + std::to_string(kind) + ": " + testing::PrintToString(matrix.costs) + " by " +
                   std::to_string(columns));
      ASSERT_EQ(assignment.status, best ? AssignmentStatus::optimal : AssignmentStatus::infeasible);
      ASSERT_EQ(assignment.column_of_row, best.value_or(Columns(rows, -1)));
      if (best && kind < 2) {
        expect_certificate(matrix, assignment, maximize, 0.0);
      }
    }
  }
}

TYPED_TEST(LinearSumAssignmentOf, ConstantMatrixHasTheIdentity) {
  for (const auto& [rows, columns] : {std::pair(1, 1), {5, 5}, {70, 70}, {40, 90}, {90, 40}}) {
    const Matrix<TypeParam> matrix(rows, columns, [](auto, auto) { return static_cast<TypeParam>(3); });
    Columns identity(rows, -1);
    std::iota(identity.begin(), identity.begin() + std::min(rows, columns), 0);
    EXPECT_EQ(matrix.solve().column_of_row, identity);
    EXPECT_EQ(matrix.solve(true).column_of_row, identity);
  }
}

TYPED_TEST(LinearSumAssignmentOf, EqualUnitsAreMatchedInOrder) {
  // Cost 0 within a class: its k-th row has its k-th column, and the columns or rows it has too many are the last.
  constexpr std::int64_t rows = 120;
  for (const std::int64_t columns : {120, 168}) {
    const Matrix<TypeParam> matrix(rows, columns, [](std::int64_t i, std::int64_t j) {
      return static_cast<TypeParam>((i * 7) % 12 == (j * 5) % 12 ? 0 : 1 + ((i + j) % 3));
    });
    Columns expected(rows);
    std::vector<bool> taken(columns);
    for (std::int64_t i = 0; i < rows; ++i) {
      std::int64_t j = 0;
      while (taken[j] || matrix.at(i, j) != 0) {
        ++j;
      }
      taken[j] = true;
      expected[i] = j;
    }
    EXPECT_EQ(matrix.solve().column_of_row, expected);
    Columns across(columns, -1);
    for (std::int64_t i = 0; i < rows; ++i) {
      across[expected[i]] = i;
    }
    EXPECT_EQ(linear_sum_assignment(matrix.transposed(), false, serial_for).column_of_row, across);
  }
}

TYPED_TEST(LinearSumAssignmentOf, ProductsAreSolvedInOppositeOrder) {
  // Machol and Wien's hard instances; by the rearrangement inequality the largest factor goes with the smallest.
  constexpr std::int64_t size = 150;
  const Matrix<TypeParam> matrix(size, size, [](auto i, auto j) { return static_cast<TypeParam>((i + 1) * (j + 1)); });
  const Columns columns = matrix.solve().column_of_row;
  for (std::int64_t i = 0; i < size; ++i) {
    ASSERT_EQ(columns[i], size - 1 - i);
    ASSERT_EQ(matrix.solve(i == 0).column_of_row[i], i == 0 ? 0 : size - 1 - i);
  }
}

TEST(LinearSumAssignment, PowersOfTwoOverAllOfTheRangeAreSolvedInOppositeOrder) {
  // 2^(ab) is supermodular too, and needs every bit from the smallest to the largest.
  const Matrix<double> doubles(32, 32,
                               [](auto i, auto j) { return std::ldexp(1.0, static_cast<int>((2 * i * j) - 990)); });
  const Matrix<float> floats(15, 15, [](auto i, auto j) { return std::ldexp(1.0F, static_cast<int>((i * j) - 99)); });
  const Columns columns = doubles.solve().column_of_row;
  for (std::int64_t i = 0; i < 32; ++i) {
    EXPECT_EQ(columns[i], 31 - i);
  }
  EXPECT_EQ(floats.solve().column_of_row, (Columns{14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}));
  expect_certificate(floats, floats.solve(), false, 0.0);
}

TEST(LinearSumAssignment, DualsProveTheOptimumOfNearTies) {
  for (const auto& [rows, columns] : {std::pair(300, 300), {280, 310}, {310, 280}, {150, 450}}) {
    for (const bool shared : {false, true}) {
      const Matrix<float> matrix = near_ties(rows, columns, shared && rows <= columns);
      for (const bool maximize : {false, true}) {
        const Assignment assignment = matrix.solve(maximize);
        expect_certificate(matrix, assignment, maximize, 0.0);
        double duals = std::accumulate(assignment.row_duals.begin(), assignment.row_duals.end(), 0.0);
        duals = std::accumulate(assignment.column_duals.begin(), assignment.column_duals.end(), duals);
        double total = 0.0;
        for (std::int64_t i = 0; i < rows; ++i) {
          total += assignment.column_of_row[i] < 0 ? 0.0 : double(matrix.at(i, assignment.column_of_row[i]));
        }
        EXPECT_NEAR(duals, total, 1e-9);
      }
    }
  }
}

TEST(LinearSumAssignment, DualsProveTheOptimumInEveryArithmetic) {
  std::mt19937_64 random(3);
  for (const auto& [rows, columns] : {std::pair(130, 130), {130, 150}, {150, 130}}) {
    const Matrix<double> real(rows, columns, [&](auto, auto) { return std::ldexp(double(random() >> 11), -53); });
    const Matrix<double> product(rows, columns,
                                 [&](auto i, auto) { return real.at(i, 3) * std::exp2(-double(random() % 20)); });
    const Matrix<double> sizes(rows / 4, columns / 4, [&](auto i, auto j) { return std::exp(real.at(i, j) * 500); });
    const Matrix<std::int64_t> integers(rows, columns, [&](auto, auto) { return static_cast<std::int64_t>(random()); });
    const Matrix<double> single(1, 1, [](auto, auto) { return 1.0 + 0x1p-48; });
    for (const bool maximize : {false, true}) {
      expect_certificate(single, single.solve(maximize), maximize, 0.0);
      EXPECT_EQ(single.solve(maximize).row_duals[0], single.at(0, 0));
      expect_certificate(real, real.solve(maximize), maximize, 1e-15);
      expect_certificate(product, product.solve(maximize), maximize, 1e-15);
      expect_certificate(sizes, sizes.solve(maximize), maximize, std::exp(500.0) * 1e-15);
      expect_certificate(integers, integers.solve(maximize), maximize, 0x1p63 * 1e-15);
    }
  }
}

TEST(LinearSumAssignment, ArithmeticDoesNotShowInTheResult) {
  // The same hard problem, with ties, in the fixed types and in wide integers.
  std::mt19937_64 random(21);
  constexpr std::int64_t size = 150;
  const Matrix<std::int64_t> base(
      size, size, [&](auto i, auto j) { return (i * j / 512) + static_cast<std::int64_t>(random() % 3); });
  const Matrix<float> floats(size, size, [&](auto i, auto j) { return static_cast<float>(base.at(i, j)); });
  const Matrix<double> large(size, size, [&](auto i, auto j) { return 0x1p51 + static_cast<double>(base.at(i, j)); });
  const Matrix<double> fine(size, size, [&](auto i, auto j) { return 0x1p50 + std::ldexp(double(base.at(i, j)), -2); });
  const Matrix<std::int64_t> shifted(size, size, [&](auto i, auto j) { return base.at(i, j) + int_max - 60; });
  const Matrix<double> wide(size + 1, size + 1, [&](auto i, auto j) {
    return i < size && j < size ? double(base.at(i, j)) : i == j ? 1e-300 : 1e300;
  });
  const Matrix<double> wider(size, size + 1, [&](auto i, auto j) { return j < size ? double(base.at(i, j)) : 1e90; });
  const Columns columns = base.solve().column_of_row;
  EXPECT_EQ(floats.solve().column_of_row, columns);
  EXPECT_EQ(large.solve().column_of_row, columns);
  EXPECT_EQ(fine.solve().column_of_row, columns);
  EXPECT_EQ(shifted.solve().column_of_row, columns);
  EXPECT_EQ(wider.solve().column_of_row, columns);
  Columns with_corner = columns;
  with_corner.push_back(size);
  EXPECT_EQ(wide.solve().column_of_row, with_corner);
}

TEST(LinearSumAssignment, ExtremeIntegersAreExact) {
  EXPECT_EQ(
      (Matrix<std::int64_t>(2, 2, [](auto i, auto j) { return i == j ? int_min : int_max; }).solve(true).column_of_row),
      (Columns{1, 0}));
  // Totals: -2^64 + 1 for the identity, -2^64 for the exchange.
  EXPECT_EQ((Matrix<std::int64_t>(2, 2, [](auto i, auto j) { return i + j == 0 ? int_min + 1 : int_min; })
                 .solve()
                 .column_of_row),
            (Columns{1, 0}));
  EXPECT_EQ((Matrix<std::int64_t>(1, 3, [](auto, auto j) { return int_max - (j % 2); }).solve().column_of_row),
            (Columns{1}));
}

TEST(LinearSumAssignment, MaximisingIsMinimisingTheNegative) {
  const Matrix<float> matrix = near_ties(60, 75, false);
  const Matrix<float> negative(60, 75, [&](auto i, auto j) { return -matrix.at(i, j); });
  EXPECT_EQ(matrix.solve(true).column_of_row, negative.solve().column_of_row);
  EXPECT_EQ(matrix.solve().column_of_row, negative.solve(true).column_of_row);
}

template <typename Cost>
void expect_layout_does_not_matter(const Matrix<Cost>& large) {
  const auto expect_same = [](const CostMatrix<Cost>& view) {
    const Matrix<Cost> copy(view.rows, view.columns, [&](auto i, auto j) {
      return view.data[(i * view.row_stride) + (j * view.column_stride)];
    });
    EXPECT_EQ(linear_sum_assignment(view, false, serial_for).column_of_row, copy.solve().column_of_row);
  };
  const Cost* costs = large.costs.data();
  const std::int64_t width = large.columns;
  expect_same(large.transposed());
  expect_same({costs + 5, 40, 30, 2 * width, 2});      // every second row and column
  expect_same({costs + width + 1, 60, 70, width, 1});  // a block
  expect_same({costs + width + 1, 20, 70, 1, width});  // a block, transposed
  expect_same({costs, 9, 40, 0, 1});                   // one row repeated
  expect_same({costs, 40, 9, 1, 0});                   // one column repeated
}

TEST(LinearSumAssignment, TiesLeaveTheFirstOptimum) {
  // Rows are equally content with several columns, some with none that is free: cheapest pairs as bits, and what is
  // left for bids and paths. The first optimum has no exchange of two rows, and no move to a free column, that makes
  // an earlier row's column lower at the same cost.
  std::mt19937_64 random(29);
  for (const auto& [rows, columns] : {std::pair(90, 90), {90, 130}, {260, 260}}) {
    for (const unsigned share : {2U, 10U, 60U, 200U}) {
      const Matrix<float> matrix(rows, columns, [&](auto, auto) { return random() % share == 0 ? 0.0F : 1.0F; });
      const Assignment assignment = matrix.solve();
      expect_certificate(matrix, assignment, false, 0.0);
      const Columns& column = assignment.column_of_row;
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t k = i + 1; k < rows; ++k) {
          const float kept = matrix.at(i, column[i]) + matrix.at(k, column[k]);
          const float exchanged = matrix.at(i, column[k]) + matrix.at(k, column[i]);
          ASSERT_TRUE(exchanged > kept || (exchanged == kept && column[i] < column[k])) << i << ", " << k;
        }
        for (std::int64_t j = 0; j < column[i]; ++j) {
          const bool free = std::find(column.begin(), column.end(), j) == column.end();
          ASSERT_TRUE(!free || matrix.at(i, j) > matrix.at(i, column[i])) << i << ", " << j;
        }
      }
    }
  }
}

TEST(LinearSumAssignment, SplitOfTheWorkDoesNotShow) {
  const ParallelFor oddly = [](std::int64_t begin, std::int64_t end, std::int64_t, const RangeBody& body) {
    for (std::int64_t size = 1; end > begin; size = (size * 3) % 7) {  // from the end, in pieces of 1 to 6
      const std::int64_t from = std::max(begin, end - size);
      body(from, end);
      end = from;
    }
  };
  for (const auto& [rows, columns] : {std::pair(140, 140), {140, 160}, {160, 70}}) {
    const Matrix<float> matrix = near_ties(rows, columns, false);
    for (const bool maximize : {false, true}) {
      const Assignment one = matrix.solve(maximize);
      const Assignment other = linear_sum_assignment(matrix.view(), maximize, oddly);
      EXPECT_EQ(one.column_of_row, other.column_of_row);
      EXPECT_EQ(one.row_duals, other.row_duals);
      EXPECT_EQ(one.column_duals, other.column_duals);
      const Assignment alone = linear_sum_assignment(matrix.view(), maximize, oddly, /*with_duals=*/false);
      EXPECT_EQ(one.column_of_row, alone.column_of_row);
      EXPECT_TRUE(alone.row_duals.empty() && alone.column_duals.empty());
    }
  }
}

TEST(LinearSumAssignment, LayoutDoesNotMatter) {
  std::mt19937_64 random(13);
  expect_layout_does_not_matter(near_ties(90, 80, false));
  // Only costs off the edges need wide arithmetic.
  expect_layout_does_not_matter(Matrix<std::int64_t>(90, 80, [&](auto i, auto j) {
    return i < 2 || j < 6 ? 1 : (std::int64_t{1} << 62) + static_cast<std::int64_t>(random() % 8);
  }));
}

TEST(LinearSumAssignment, OneRowOfAMillion) {
  constexpr std::int64_t size = 1'000'000;
  const Matrix<double> row(1, size, [](auto, auto j) { return double((j * 7919 + 1234) % size) - 5.0; });
  const std::int64_t least = std::min_element(row.costs.begin(), row.costs.end()) - row.costs.begin();
  EXPECT_EQ(row.solve().column_of_row, (Columns{least}));
  EXPECT_EQ(row.solve().row_duals[0], -5.0);
  const Assignment across = linear_sum_assignment(row.transposed(), false, serial_for);
  EXPECT_EQ(across.column_of_row[least], 0);
  EXPECT_EQ(std::count(across.column_of_row.begin(), across.column_of_row.end(), -1), size - 1);
}

TEST(LinearSumAssignment, EmptyMatrixHasTheEmptyAssignment) {
  for (const auto& [rows, columns] : {std::pair(0, 0), {0, 3}, {3, 0}}) {
    const Assignment assignment =
        linear_sum_assignment(CostMatrix<float>{nullptr, rows, columns, columns, 1}, false, serial_for);
    EXPECT_EQ(assignment.status, AssignmentStatus::optimal);
    EXPECT_EQ(assignment.column_of_row, Columns(rows, -1));
    EXPECT_EQ(assignment.row_duals.size(), rows);
    EXPECT_EQ(assignment.column_duals.size(), columns);
  }
}

TEST(LinearSumAssignment, ForbiddenPairsThatLeaveNoAssignment) {
  const auto status = [](std::int64_t rows, std::int64_t columns,
                         const std::function<bool(std::int64_t, std::int64_t)>& allowed) {
    const Matrix<double> matrix(rows, columns, [&](auto i, auto j) { return allowed(i, j) ? 1.0 : inf; });
    return matrix.solve().status;
  };
  EXPECT_EQ(status(2, 2, [](auto, auto j) { return j == 1; }), AssignmentStatus::infeasible);
  EXPECT_EQ(status(2, 9, [](auto, auto j) { return j == 4; }), AssignmentStatus::infeasible);
  EXPECT_EQ(status(9, 2, [](auto i, auto) { return i == 4; }), AssignmentStatus::infeasible);
  EXPECT_EQ(status(3, 3, [](auto, auto) { return false; }), AssignmentStatus::infeasible);
  // 100 rows for 99 columns, and one that nobody may have; with it allowed, there is one assignment.
  EXPECT_EQ(status(100, 100, [](auto i, auto j) { return j <= i && j < 99; }), AssignmentStatus::infeasible);
  EXPECT_EQ(status(100, 100, [](auto i, auto j) { return j <= i; }), AssignmentStatus::optimal);
}

TEST(LinearSumAssignment, FirstBadCostIsNamed) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto solve = [](double bad, double later, bool maximize, bool across) {
    Matrix<double> matrix(3, 5, [](auto i, auto j) { return double(i + j); });
    matrix.costs[(1 * 5) + 3] = bad;    // first by rows
    matrix.costs[(2 * 5) + 0] = later;  // first by columns
    return across ? linear_sum_assignment(matrix.transposed(), maximize, serial_for) : matrix.solve(maximize);
  };
  const auto is = [](const Assignment& assignment, AssignmentStatus status, std::int64_t row, std::int64_t column) {
    return assignment.status == status && assignment.bad_row == row && assignment.bad_column == column;
  };
  EXPECT_TRUE(is(solve(nan, nan, false, false), AssignmentStatus::nan, 1, 3));
  EXPECT_TRUE(is(solve(nan, -inf, false, true), AssignmentStatus::invalid_infinity, 0, 2));
  EXPECT_TRUE(is(solve(-inf, nan, false, false), AssignmentStatus::invalid_infinity, 1, 3));
  EXPECT_TRUE(is(solve(inf, inf, true, true), AssignmentStatus::invalid_infinity, 0, 2));
  EXPECT_TRUE(is(solve(inf, nan, false, false), AssignmentStatus::nan, 2, 0));
  EXPECT_TRUE(is(solve(-inf, inf, true, false), AssignmentStatus::invalid_infinity, 2, 0));
  EXPECT_EQ(solve(inf, inf, false, false).status, AssignmentStatus::optimal);
  EXPECT_EQ(solve(-inf, -inf, true, true).status, AssignmentStatus::optimal);
}

TEST(WideInteger, CalculatesLikeInt128) {
  using Wide = WideInteger<3, -10>;
  std::mt19937_64 random(17);
  const auto draw = [&] {
    return std::ldexp(static_cast<double>(static_cast<std::int64_t>(random()) >> 11),
                      static_cast<int>(random() % 60) - 10);
  };
  const auto exact = [](double value) { return static_cast<Int128>(std::ldexp(value, 10)); };
  for (int round = 0; round < 1000; ++round) {
    const double a = draw();
    const double b = round % 10 == 0 ? a : draw();
    const Int128 sum = exact(a) + exact(b);
    const Int128 difference = exact(a) - exact(b);
    EXPECT_NEAR(static_cast<double>(Wide(a) + Wide(b)), std::ldexp(static_cast<double>(sum), -10),
                1e-15 * std::abs(a + b));
    EXPECT_TRUE(Wide(a) + Wide(b) - Wide(b) == Wide(a));
    EXPECT_EQ(Wide(a) - Wide(b) < Wide(), difference < 0);
    EXPECT_EQ(Wide(a) < Wide(b), a < b);
    EXPECT_EQ(Wide(a) == Wide(b), a == b);
    EXPECT_EQ(static_cast<double>(Wide(a)), a);
  }
}

}  // namespace
}  // namespace funcsim
