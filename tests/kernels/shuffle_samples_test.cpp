#include "kernels/shuffle_samples/shuffle_samples.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "kernels/activation_signatures/grid_points.h"
#include "kernels/common/hash.h"
#include "packed_bits.h"

namespace funcsim {
namespace {

TEST(ShufflePartners, AreNeighboursInTheOrderOfHashes) {
  // The last are sorted in parts.
  for (const std::int64_t inputs : {0, 1, 2, 3, 100, 101, 5000, 5001, 40'000, 140'001}) {
    for (const std::int64_t first : {std::int64_t{0}, std::int64_t{4096}, std::int64_t{1} << 62}) {
      const HashStream stream(-7, HashPurpose::shuffle);
      std::vector<std::int64_t> order(inputs);
      std::iota(order.begin(), order.end(), 0);
      std::sort(order.begin(), order.end(), [&](std::int64_t x, std::int64_t y) {
        return stream(static_cast<std::uint64_t>(first + x)) < stream(static_cast<std::uint64_t>(first + y));
      });
      std::vector<std::int64_t> expected(inputs);
      for (std::int64_t k = 0; k < inputs; ++k) {
        const bool stays = k == inputs - 1 && inputs % 2 == 1;
        expected[order[k]] = stays ? order[k] : order[k % 2 == 0 ? k + 1 : k - 1];
      }
      for (const ParallelFor& parallel_for : splits()) {
        ASSERT_EQ(shuffle_partners(inputs, -7, first, parallel_for), expected) << inputs << " inputs";
      }
    }
  }
}

TEST(ShufflePartners, HaveTheDocumentedValues) {
  // docs/hash.md
  EXPECT_EQ(shuffle_partners(6, 0, 0, serial_for), (std::vector<std::int64_t>{4, 5, 3, 2, 0, 1}));
  EXPECT_EQ(shuffle_partners(7, 0, 0, serial_for), (std::vector<std::int64_t>{4, 5, 6, 3, 0, 1, 2}));
  EXPECT_EQ(shuffle_partners(6, 1, 0, serial_for), (std::vector<std::int64_t>{5, 2, 1, 4, 3, 0}));
  EXPECT_EQ(shuffle_partners(6, 0, 4096, serial_for), (std::vector<std::int64_t>{5, 3, 4, 1, 2, 0}));
}

TEST(ShufflePartnersAgain, AreThoseOfTheSeedItself) {
  EXPECT_EQ(shuffle_partners_again(1001, 5, 5, serial_for), shuffle_partners(1001, 5, 0, serial_for));
}

TEST(ShufflePartnersAgain, AreLookedAtTheSamePoints) {
  constexpr std::int64_t inputs = 1001;
  const PointSets sets(5);
  for (const std::int64_t its_seed : {0, 1, 2, 3}) {
    const std::vector<std::int64_t> partners = shuffle_partners_again(inputs, 5, its_seed, serial_for);
    EXPECT_NE(partners, shuffle_partners_again(inputs, 5, its_seed + 1, serial_for));
    std::int64_t elsewhere = 0;
    for (std::int64_t i = 0; i < inputs; ++i) {
      ASSERT_EQ(partners[partners[i]], i);
      elsewhere += sets(i) == sets(partners[i]) ? 0 : 1;
    }
    EXPECT_LE(elsewhere, 6) << "three pairs";
  }
}

TEST(ShufflePartners, AreEachOthersPartners) {
  const std::vector<std::int64_t> partners = shuffle_partners(1001, 5, 0, serial_for);
  std::int64_t stayed = 0;
  for (std::int64_t i = 0; i < 1001; ++i) {
    EXPECT_EQ(partners[partners[i]], i);
    stayed += partners[i] == i ? 1 : 0;
  }
  EXPECT_EQ(stayed, 1);
}

TEST(ShuffleSamples, MovesWholeInputs) {
  for (const std::int64_t inputs : {0, 1, 2, 7, 8, 9, 63, 64, 65, 130}) {
    for (const std::int64_t samples_per_input : {1, 2, 3, 4, 7, 8, 9, 12, 16, 24, 49, 64}) {
      for (const std::int64_t units : {0, 1, 7, 8, 9, 20}) {
        const std::int64_t samples = inputs * samples_per_input;
        const BoolRows rows = random_rows(std::vector<double>(units, 0.4), samples, 1);
        // Any exchange of inputs will do: here each goes one place on.
        std::vector<std::int64_t> partners;
        for (std::int64_t i = 0; i < inputs; ++i) {
          partners.push_back((i + 1) % inputs);
        }
        BoolRows expected = rows;
        for (std::int64_t u = 0; u < units; ++u) {
          for (std::int64_t s = 0; s < samples; ++s) {
            const std::int64_t p = s % samples_per_input;
            expected[u][s] = rows[u][(partners[s / samples_per_input] * samples_per_input) + p];
          }
        }
        const PackedRows packed = pack(rows, samples, 2, 0xFF);
        const PackedRows wanted = pack(expected, samples, 2, 0x5A);
        for (const ParallelFor& parallel_for : splits()) {
          std::vector<std::uint8_t> out(packed.bytes.size(), 0x5A);
          shuffle_samples(packed.bytes.data(), units, packed.row_bytes, partners, samples_per_input, out.data(),
                          parallel_for);
          ASSERT_EQ(out, wanted.bytes) << inputs << " inputs of " << samples_per_input << ", " << units << " units";
        }
      }
    }
  }
}

TEST(ShuffleSamples, MovesBitsOfAnyNumberOfUnits) {
  for (const std::int64_t units : {63, 64, 65, 130}) {
    for (const auto& [inputs, samples_per_input] :
         std::vector<std::pair<std::int64_t, std::int64_t>>{{511, 1}, {512, 1}, {513, 1}, {1100, 1}, {400, 3}}) {
      const std::int64_t samples = inputs * samples_per_input;
      const BoolRows rows = random_rows(std::vector<double>(units, 0.4), samples, 5);
      const std::vector<std::int64_t> partners = shuffle_partners(inputs, 3, 0, serial_for);
      BoolRows expected = rows;
      for (std::int64_t u = 0; u < units; ++u) {
        for (std::int64_t s = 0; s < samples; ++s) {
          expected[u][s] = rows[u][(partners[s / samples_per_input] * samples_per_input) + (s % samples_per_input)];
        }
      }
      const PackedRows packed = pack(rows, samples, 1, 0xFF);
      const PackedRows wanted = pack(expected, samples, 1, 0x5A);
      for (const ParallelFor& parallel_for : splits()) {
        std::vector<std::uint8_t> out(packed.bytes.size(), 0x5A);
        shuffle_samples(packed.bytes.data(), units, packed.row_bytes, partners, samples_per_input, out.data(),
                        parallel_for);
        ASSERT_EQ(out, wanted.bytes) << inputs << " inputs of " << samples_per_input << ", " << units << " units";
      }
    }
  }
}

TEST(ShuffleSamples, TwiceIsNothing) {
  const BoolRows rows = random_rows({0.1, 0.5, 0.9}, 999 * 5, 2);
  const PackedRows packed = pack(rows, 999 * 5);
  const std::vector<std::int64_t> partners = shuffle_partners(999, 3, 0, serial_for);
  std::vector<std::uint8_t> once(packed.bytes.size());
  std::vector<std::uint8_t> twice(packed.bytes.size());
  shuffle_samples(packed.bytes.data(), 3, packed.row_bytes, partners, 5, once.data(), serial_for);
  shuffle_samples(once.data(), 3, packed.row_bytes, partners, 5, twice.data(), serial_for);
  EXPECT_NE(once, packed.bytes);
  EXPECT_EQ(twice, packed.bytes);
}

}  // namespace
}  // namespace funcsim
