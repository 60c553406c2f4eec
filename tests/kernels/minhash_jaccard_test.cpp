#include "kernels/minhash_jaccard/minhash_jaccard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "kernels/minhash/minhash.h"
#include "packed_bits.h"

namespace funcsim {
namespace {

/// Sketches of few different values, each slot of unit u empty with the u-th of some probabilities, so that equal,
/// unequal, one-sided and jointly empty slots all occur.
std::vector<std::int32_t> random_sketches(std::int64_t units, std::int64_t num_hashes, unsigned seed) {
  const std::vector<double> empty_share{0.0, 0.5, 0.95, 1.0};
  const std::vector<std::int32_t> values{0, 1, empty_slot - 1};
  std::mt19937_64 random(seed);
  std::vector<std::int32_t> sketches;
  for (std::int64_t u = 0; u < units; ++u) {
    for (std::int64_t k = 0; k < num_hashes; ++k) {
      const bool empty = static_cast<double>(random() >> 11) * 0x1p-53 < empty_share[u % 4];
      sketches.push_back(empty ? empty_slot : values[random() % 3]);
    }
  }
  return sketches;
}

float estimate(const std::int32_t* x, const std::int32_t* y, std::int64_t num_hashes) {
  std::int64_t used = 0;
  std::int64_t equal = 0;
  for (std::int64_t k = 0; k < num_hashes; ++k) {
    if (x[k] != empty_slot || y[k] != empty_slot) {
      ++used;
      equal += x[k] == y[k] ? 1 : 0;
    }
  }
  return used == 0 ? 1.0F : static_cast<float>(static_cast<double>(equal) / static_cast<double>(used));
}

TEST(MinhashJaccard, EqualsALoopOverSlots) {
  for (const std::int64_t num_hashes : {1, 2, 7, 8, 9, 63, 64, 65, 1023, 1024, 1025, 2100}) {
    for (const auto& [units_a, units_b] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {0, 2}, {2, 0}, {1, 1}, {4, 4}, {5, 63}, {9, 65}, {65, 6}, {66, 130}}) {
      const std::vector<std::int32_t> a = random_sketches(units_a, num_hashes, 1);
      const std::vector<std::int32_t> b = random_sketches(units_b, num_hashes, 2);
      for (const ParallelFor& parallel_for : splits()) {
        std::vector<float> out(units_a * units_b, -7.0F);
        minhash_jaccard(a.data(), units_a, b.data(), units_b, num_hashes, out.data(), parallel_for);
        for (std::int64_t i = 0; i < units_a; ++i) {
          for (std::int64_t j = 0; j < units_b; ++j) {
            ASSERT_EQ(out[(i * units_b) + j], estimate(&a[i * num_hashes], &b[j * num_hashes], num_hashes))
                << num_hashes << " " << i << " " << j;
          }
        }
      }
    }
  }
}

TEST(MinhashJaccard, EmptySketchesAreEqualAndUnlikeOthers) {
  const std::vector<std::int32_t> sketches{empty_slot, empty_slot, 5, empty_slot};
  std::vector<float> out(4);
  minhash_jaccard(sketches.data(), 2, sketches.data(), 2, 2, out.data(), serial_for);
  EXPECT_EQ(out, (std::vector<float>{1, 0, 0, 1}));
}

TEST(MinhashJaccard, TakesAnyIntegersAsValues) {
  // Not what minhash() makes, but the answer is defined.
  const std::vector<std::int32_t> a{-1, std::numeric_limits<std::int32_t>::min(), empty_slot, 7};
  const std::vector<std::int32_t> b{-1, std::numeric_limits<std::int32_t>::min(), -1, empty_slot};
  float out = 0;
  minhash_jaccard(a.data(), 1, b.data(), 1, 4, &out, serial_for);
  EXPECT_EQ(out, 0.5F);
}

TEST(MinhashJaccard, CountsManySlots) {
  constexpr std::int64_t num_hashes = (1 << 24) + 5;
  std::vector<std::int32_t> a(num_hashes, 3);
  std::vector<std::int32_t> b(num_hashes, 3);
  b[num_hashes - 1] = 4;
  b[0] = 4;
  float out = 0;
  minhash_jaccard(a.data(), 1, b.data(), 1, num_hashes, &out, serial_for);
  EXPECT_EQ(out, static_cast<float>(static_cast<double>(num_hashes - 2) / num_hashes));
}

TEST(MinhashJaccard, DistancesOfSketchesObeyTheTriangleInequality) {
  constexpr std::int64_t units = 40;
  constexpr std::int64_t num_hashes = 16;
  const BoolRows rows = random_rows(std::vector<double>(units, 0.4), 24, 3);
  std::vector<std::int32_t> sketches(units * num_hashes, empty_slot);
  const PackedRows packed = pack(rows, 24);
  minhash(packed.bytes.data(), units, packed.row_bytes, sample_order(24, num_hashes, 1, 0), sketches.data(),
          serial_for);
  std::vector<float> out(units * units);
  minhash_jaccard(sketches.data(), units, sketches.data(), units, num_hashes, out.data(), serial_for);
  const auto distance = [&](std::int64_t i, std::int64_t j) { return 1.0 - out[(i * units) + j]; };
  for (std::int64_t i = 0; i < units; ++i) {
    EXPECT_EQ(distance(i, i), 0.0);
    for (std::int64_t j = 0; j < units; ++j) {
      EXPECT_EQ(distance(i, j), distance(j, i));
      for (std::int64_t k = 0; k < units; ++k) {
        EXPECT_LE(distance(i, k), distance(i, j) + distance(j, k) + 1e-7);  // each is rounded to float
      }
    }
  }
}

}  // namespace
}  // namespace funcsim
