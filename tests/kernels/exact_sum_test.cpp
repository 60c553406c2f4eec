#include "kernels/common/exact_sum.h"

#include <gtest/gtest.h>

#include <vector>

namespace funcsim {
namespace {

double sum_of(const std::vector<Int128>& values) {
  ExactSum left;
  ExactSum right;
  for (std::size_t i = 0; i < values.size(); ++i) {
    (i % 2 == 0 ? left : right).add(values[i]);
  }
  left.add(right);
  return left.value();
}

TEST(ExactSum, KeepsWhatDoublesLose) {
  const Int128 large = Int128{1} << 120;
  EXPECT_EQ(sum_of({}), 0.0);
  EXPECT_EQ(sum_of({large, 1, -large}), 1.0);
  EXPECT_EQ(sum_of({large, -5, -large}), -5.0);
  EXPECT_EQ(sum_of({-large, (Int128{1} << 64) + 3, large}), 0x1p64);  // rounded once, at the end
  EXPECT_EQ(sum_of({7, 8, -20}), -5.0);
}

TEST(ExactSum, HoldsMoreThan128Bits) {
  const Int128 large = Int128{1} << 126;
  EXPECT_EQ(sum_of(std::vector<Int128>(1000, large)), 1000 * 0x1p126);
  EXPECT_EQ(sum_of(std::vector<Int128>(1000, -large)), -1000 * 0x1p126);
  std::vector<Int128> values(1000, large);
  values.insert(values.end(), 1000, -large);
  values.push_back(3);
  EXPECT_EQ(sum_of(values), 3.0);
}

}  // namespace
}  // namespace funcsim
