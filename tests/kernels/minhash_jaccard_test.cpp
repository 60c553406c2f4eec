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

/// Sketches whose slots have from 1 to `most` different values, some of them empty.
std::vector<std::int32_t> sketches_of_many_values(std::int64_t units, std::int64_t num_hashes, std::int64_t most,
                                                  std::int32_t step, unsigned seed) {
  std::mt19937_64 random(seed);
  std::vector<std::int32_t> sketches;
  for (std::int64_t u = 0; u < units; ++u) {
    for (std::int64_t k = 0; k < num_hashes; ++k) {
      const std::uint64_t values = 1 + (static_cast<std::uint64_t>(k * k) % static_cast<std::uint64_t>(most));
      const auto value = static_cast<std::int32_t>((random() % values) * static_cast<std::uint64_t>(step));
      sketches.push_back(random() % 8 == 0 && u % 3 == 0 ? empty_slot : value);
    }
  }
  return sketches;
}

TEST(MinhashJaccard, EqualsALoopOverSlotsHoweverManyValuesASlotHas) {
  // 128 units a side and more are compared by codes: one byte for up to 256 values a slot, two for more. Steps of 2^22
  // give values that a multiplicative hash puts into the same place.
  for (const auto& [most, step] :
       std::vector<std::pair<std::int64_t, std::int32_t>>{{1, 1}, {40, 1}, {250, 104729}, {255, 1 << 22}, {600, 7}}) {
    for (const std::int64_t num_hashes : {1, 17, 100}) {
      for (const auto& [units_a, units_b] :
           std::vector<std::pair<std::int64_t, std::int64_t>>{{128, 128}, {131, 203}}) {
        const std::vector<std::int32_t> a = sketches_of_many_values(units_a, num_hashes, most, step, 1);
        const std::vector<std::int32_t> b = sketches_of_many_values(units_b, num_hashes, most, step, 2);
        for (const bool symmetric : {false, true}) {
          const std::vector<std::int32_t>& other = symmetric ? a : b;
          const std::int64_t units_other = symmetric ? units_a : units_b;
          for (const ParallelFor& parallel_for : splits()) {
            std::vector<float> out(units_a * units_other, -7.0F);
            minhash_jaccard(a.data(), units_a, other.data(), units_other, num_hashes, out.data(), parallel_for);
            for (std::int64_t i = 0; i < units_a; ++i) {
              for (std::int64_t j = 0; j < units_other; ++j) {
                ASSERT_EQ(out[(i * units_other) + j], estimate(&a[i * num_hashes], &other[j * num_hashes], num_hashes))
                    << most << " values, " << num_hashes << " hashes, pair " << i << " " << j;
              }
            }
          }
        }
      }
    }
  }
}

TEST(MinhashJaccard, TellsValuesApartWhereTheyJustFillTheirCodes) {
  for (const auto& [units_a, units_b, most] :
       std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>>{{130, 135, 256}, {100, 65500, 65536}}) {
    for (std::int64_t values = most - 1; values <= most + 2; ++values) {
      for (const bool with_empty : {false, true}) {
        // Units of both sides have one value after the other; those beyond `values`, the last.
        std::vector<std::int32_t> sketches;
        for (std::int64_t u = 0; u < units_a + units_b; ++u) {
          const std::int64_t value = std::min(u, values - 1);
          sketches.push_back(with_empty && value == 1 ? empty_slot : static_cast<std::int32_t>(3 * value));
        }
        std::vector<float> out(units_a * units_b);
        minhash_jaccard(sketches.data(), units_a, sketches.data() + units_a, units_b, 1, out.data(), serial_for);
        for (std::int64_t i = 0; i < units_a; ++i) {
          for (std::int64_t j = 0; j < units_b; ++j) {
            ASSERT_EQ(out[(i * units_b) + j], estimate(&sketches[i], &sketches[units_a + j], 1))
                << values << " values, pair " << i << " " << j;
          }
        }
      }
    }
  }
}

TEST(MinhashJaccard, ComparesManyEqualSlots) {
  // More equal places than a byte or 16 bits count.
  constexpr std::int64_t num_hashes = 70000;
  constexpr std::int64_t units = 128;
  std::vector<std::int32_t> a(units * num_hashes, 5);
  for (std::int64_t u = 0; u < units; ++u) {
    a[u * num_hashes] = static_cast<std::int32_t>(u);
  }
  std::vector<float> out(units * units);
  minhash_jaccard(a.data(), units, std::vector<std::int32_t>(a).data(), units, num_hashes, out.data(), serial_for);
  EXPECT_EQ(out[0], 1.0F);
  EXPECT_EQ(out[1], static_cast<float>((num_hashes - 1.0) / num_hashes));
}

TEST(MinhashJaccard, ComparesMoreValuesThanSixteenBitsNumber) {
  constexpr std::int64_t units_a = 66000;
  constexpr std::int64_t units_b = 66;
  std::vector<std::int32_t> a(units_a);
  for (std::int64_t u = 0; u < units_a; ++u) {
    a[u] = static_cast<std::int32_t>(3 * u);
  }
  std::vector<std::int32_t> b(units_b);
  for (std::int64_t u = 0; u < units_b; ++u) {
    b[u] = static_cast<std::int32_t>(3 * 1000 * u);
  }
  std::vector<float> out(units_a * units_b, -7.0F);
  minhash_jaccard(a.data(), units_a, b.data(), units_b, 1, out.data(), serial_for);
  for (std::int64_t i = 0; i < units_a; ++i) {
    for (std::int64_t j = 0; j < units_b; ++j) {
      ASSERT_EQ(out[(i * units_b) + j], i == 1000 * j ? 1.0F : 0.0F) << i << " " << j;
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
  minhash(packed.bytes.data(), units, packed.row_bytes, sample_order(24, num_hashes, 1, 0, serial_for), sketches.data(),
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
