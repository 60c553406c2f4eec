#include <limits>
#include <random>
#include <string>
#include <tuple>

#include "device_under_test.h"
#include "kernels/common/parallel.h"
#include "kernels/minhash/minhash.h"
#include "kernels/minhash_jaccard/minhash_jaccard.h"

namespace funcsim {
namespace {

using Sketches = std::vector<std::int32_t>;

/// Sketches of few different values, each slot of unit u empty with the u-th of some probabilities, so that equal,
/// unequal, one-sided and jointly empty slots all occur.
///
/// @param first where in the probabilities unit 0 is
Sketches random_sketches(std::int64_t units, std::int64_t num_hashes, unsigned seed, std::size_t first = 0) {
  const std::vector<double> empty_share{0.0, 0.5, 0.95, 1.0, 0.0, 0.02};
  const std::vector<std::int32_t> values{0, 1, empty_slot - 1};
  std::mt19937_64 random(seed);
  Sketches sketches;
  for (std::int64_t u = 0; u < units; ++u) {
    const double share = empty_share[(first + static_cast<std::size_t>(u)) % empty_share.size()];
    for (std::int64_t k = 0; k < num_hashes; ++k) {
      const bool empty = static_cast<double>(random() >> 11) * 0x1p-53 < share;
      sketches.push_back(empty ? empty_slot : values[random() % 3]);
    }
  }
  return sketches;
}

void expect_same_as_cpu(const Sketches& a, const Sketches& b, std::int64_t num_hashes) {
  const auto units_a = static_cast<std::int64_t>(a.size()) / num_hashes;
  const auto units_b = static_cast<std::int64_t>(b.size()) / num_hashes;
  SCOPED_TRACE(std::to_string(units_a) + " and " + std::to_string(units_b) + " units, " + std::to_string(num_hashes) +
               " hashes");
  const DeviceArray<std::int32_t> there_a(a);
  const DeviceArray<std::int32_t> there_b(b);
  const auto expect = [&](const Sketches& other, const DeviceArray<std::int32_t>& there_other, std::int64_t units) {
    std::vector<float> expected(static_cast<std::size_t>(units_a * units));
    minhash_jaccard(a.data(), units_a, other.data(), units, num_hashes, expected.data(), serial_for);
    const DeviceArray<float> out(units_a * units);
    device_kernels().minhash_jaccard(there_a.data(), units_a, there_other.data(), units, num_hashes, out.data(),
                                     device_queue());
    const std::vector<float> got = out.download();
    for (std::size_t k = 0; k < got.size(); ++k) {
      ASSERT_EQ(got[k], expected[k]) << "pair " << static_cast<std::int64_t>(k) / units << " "
                                     << static_cast<std::int64_t>(k) % units;
    }
  };
  expect(b, there_b, units_b);
  expect(a, there_a, units_a);  // one array on both sides
}

using MinhashJaccardCuda = DeviceTest;

TEST_F(MinhashJaccardCuda, EqualsTheCpu) {
  for (const std::int64_t num_hashes : {1, 2, 7, 31, 32, 33, 64, 65, 250, 1024}) {
    for (const auto& [units_a, units_b] :
         std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 2}, {2, 0}, {1, 1}, {4, 4}, {8, 63}, {9, 130}}) {
      expect_same_as_cpu(random_sketches(units_a, num_hashes, 1), random_sketches(units_b, num_hashes, 2, 1),
                         num_hashes);
    }
  }
}

TEST_F(MinhashJaccardCuda, EqualsTheCpuOnManyTiles) {
  for (const auto& [units_a, units_b, num_hashes] : std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>>{
           {128, 128, 33}, {127, 129, 64}, {200, 200, 40}, {300, 260, 70}, {129, 600, 9}, {500, 3, 100}}) {
    expect_same_as_cpu(random_sketches(units_a, num_hashes, 3), random_sketches(units_b, num_hashes, 4, 1), num_hashes);
  }
}

TEST_F(MinhashJaccardCuda, EqualsTheCpuOnSoManyTilesThatEachHasAllSlots) {
  expect_same_as_cpu(random_sketches(2050, 40, 5), random_sketches(2040, 40, 6, 1), 40);
}

TEST_F(MinhashJaccardCuda, CountsBothEmptyOnlyWhereBothHaveAny) {
  // Units of A without an empty slot and of B with some, the other way round, and neither.
  constexpr std::int64_t num_hashes = 100;
  const Sketches full(20 * num_hashes, 3);
  Sketches gaps(300 * num_hashes, 3);
  for (std::size_t k = 0; k < gaps.size(); k += 7) {
    gaps[k] = empty_slot;
  }
  expect_same_as_cpu(full, gaps, num_hashes);
  expect_same_as_cpu(gaps, full, num_hashes);
  expect_same_as_cpu(full, full, num_hashes);
}

TEST_F(MinhashJaccardCuda, TakesAnyIntegersAsValues) {
  constexpr std::int32_t smallest = std::numeric_limits<std::int32_t>::min();
  expect_same_as_cpu({-1, smallest, empty_slot, 7, 0, 1}, {-1, smallest, -1, empty_slot, 1, 0}, 6);
  // What stands in where a tile has no slot or unit is no match for anything.
  expect_same_as_cpu({0, 1, 0}, {1, 0, 0}, 1);
}

TEST_F(MinhashJaccardCuda, RoundsAsTheCpu) {
  // All quotients of 1 to 80.
  for (const std::int64_t num_hashes : {3, 7, 41, 80}) {
    Sketches a;
    for (std::int64_t equal = 0; equal <= num_hashes; ++equal) {
      for (std::int64_t k = 0; k < num_hashes; ++k) {
        a.push_back(k < equal ? 5 : 6);
      }
    }
    Sketches b;
    for (std::int64_t empty = 0; empty <= num_hashes; ++empty) {
      for (std::int64_t k = 0; k < num_hashes; ++k) {
        b.push_back(k < num_hashes - empty ? 5 : empty_slot);
      }
    }
    a.insert(a.end(), b.begin(), b.end());
    expect_same_as_cpu(a, b, num_hashes);
  }
}

#ifndef EMULATED_CUDA  // too much for it
TEST_F(MinhashJaccardCuda, CountsMoreSlotsThanAFloat) {
  constexpr std::int64_t num_hashes = (1 << 24) + 5;
  Sketches a(2 * num_hashes, 3);
  Sketches b(3 * num_hashes, 3);
  b[0] = 4;
  b[num_hashes - 1] = 4;
  b[num_hashes + 1] = empty_slot;
  a[(2 * num_hashes) - 1] = empty_slot;
  b[(3 * num_hashes) - 1] = empty_slot;
  expect_same_as_cpu(a, b, num_hashes);
}
#endif

}  // namespace
}  // namespace funcsim
