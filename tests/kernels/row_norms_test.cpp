#include "kernels/row_norms/row_norms.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "packed_bits.h"

namespace funcsim {
namespace {

template <typename Float>
void expect_definition() {
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  for (const std::int64_t columns : {1, 7, 8, 9, 100, 2050}) {
    constexpr std::int64_t rows = 37;
    std::vector<Float> matrix(rows * columns);
    std::vector<double> factors(columns);
    for (Float& value : matrix) {
      value = static_cast<Float>(normal(random));
    }
    for (double& factor : factors) {
      factor = normal(random);
    }
    for (const double* chosen : {static_cast<const double*>(nullptr), static_cast<const double*>(factors.data())}) {
      std::vector<double> norms(rows, -1.0);
      row_norms(matrix.data(), rows, columns, chosen, norms.data(), serial_for);
      for (std::int64_t r = 0; r < rows; ++r) {
        long double sum = 0;
        for (std::int64_t c = 0; c < columns; ++c) {
          const long double value = static_cast<long double>(matrix[(r * columns) + c]) *
                                    (chosen == nullptr ? 1.0L : static_cast<long double>(chosen[c]));
          sum += value * value;
        }
        const auto expected = static_cast<double>(std::sqrt(sum));
        EXPECT_NEAR(norms[r], expected, 1e-14 * expected) << columns;
      }
      for (const ParallelFor& parallel_for : splits()) {
        std::vector<double> again(rows);
        row_norms(matrix.data(), rows, columns, chosen, again.data(), parallel_for);
        EXPECT_EQ(again, norms);
      }
    }
  }
}

TEST(RowNorms, EqualTheDefinition) {
  expect_definition<float>();
  expect_definition<double>();
}

TEST(RowNorms, SquaresBeyondTheRangeShow) {
  const std::vector<double> matrix = {1e200, 1.0, 1e-200, 0.0};
  std::vector<double> norms(2);
  row_norms(matrix.data(), 2, 2, nullptr, norms.data(), serial_for);
  EXPECT_TRUE(std::isinf(norms[0]));
  EXPECT_EQ(norms[1], 0.0);
}

}  // namespace
}  // namespace funcsim
