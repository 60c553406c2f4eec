#include "kernels/jaccard/jaccard.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernels/common/error.h"
#include "packed_bits.h"

namespace funcsim {
namespace {

struct Counts {
  std::int64_t both = 0;
  std::int64_t a = 0;
  std::int64_t b = 0;
};

Counts counted(const std::vector<bool>& a, const std::vector<bool>& b) {
  Counts counts;
  for (std::size_t s = 0; s < a.size(); ++s) {
    counts.both += a[s] && b[s] ? 1 : 0;
    counts.a += a[s] ? 1 : 0;
    counts.b += b[s] ? 1 : 0;
  }
  return counts;
}

float jaccard_of(const Counts& counts) {
  const std::int64_t either = counts.a + counts.b - counts.both;
  return either == 0 ? 1.0F : static_cast<float>(static_cast<double>(counts.both) / static_cast<double>(either));
}

/// Pearson's correlation from means and deviations of the bits, in long double.
float phi_of(const std::vector<bool>& a, const std::vector<bool>& b) {
  const auto n = static_cast<long double>(a.size());
  const Counts counts = counted(a, b);
  const auto size = static_cast<std::int64_t>(a.size());
  if (counts.a == 0 || counts.a == size || counts.b == 0 || counts.b == size) {
    return a == b ? 1.0F : 0.0F;
  }
  const long double mean_a = static_cast<long double>(counts.a) / n;
  const long double mean_b = static_cast<long double>(counts.b) / n;
  long double covariance = 0;
  long double variance_a = 0;
  long double variance_b = 0;
  for (std::size_t s = 0; s < a.size(); ++s) {
    const long double x = (a[s] ? 1.0L : 0.0L) - mean_a;
    const long double y = (b[s] ? 1.0L : 0.0L) - mean_b;
    covariance += x * y;
    variance_a += x * x;
    variance_b += y * y;
  }
  return static_cast<float>(covariance / std::sqrt(variance_a * variance_b));
}

std::vector<double> densities(std::int64_t units) {
  const std::vector<double> choice{0.5, 0.0, 0.02, 1.0, 0.9, 0.3};
  std::vector<double> some;
  for (std::int64_t u = 0; u < units; ++u) {
    some.push_back(choice[u % 6]);
  }
  return some;
}

std::vector<float> jaccard_matrix(const PackedRows& a, std::int64_t units_a, const PackedRows& b, std::int64_t units_b,
                                  const ParallelFor& parallel_for) {
  std::vector<float> out(units_a * units_b, -7.0F);
  jaccard(a.bytes.data(), units_a, b.bytes.data(), units_b, a.row_bytes, out.data(), parallel_for);
  return out;
}

TEST(Jaccard, EqualsCountsOfAllPairs) {
  for (const std::int64_t samples : odd_sizes) {
    for (const auto& [units_a, units_b] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {0, 3}, {3, 0}, {1, 1}, {5, 63}, {7, 64}, {13, 65}, {66, 7}}) {
      const BoolRows x = random_rows(densities(units_a), samples, 1);
      const BoolRows y = random_rows(densities(units_b), samples, 2);
      for (const ParallelFor& parallel_for : splits()) {
        const std::vector<float> out =
            jaccard_matrix(pack(x, samples), units_a, pack(y, samples), units_b, parallel_for);
        for (std::int64_t i = 0; i < units_a; ++i) {
          for (std::int64_t j = 0; j < units_b; ++j) {
            ASSERT_EQ(out[(i * units_b) + j], jaccard_of(counted(x[i], y[j]))) << samples << " " << i << " " << j;
          }
        }
      }
    }
  }
}

TEST(Jaccard, CountsMoreUnitsAndSamplesThanABlock) {
  constexpr std::int64_t samples = 4000;
  const BoolRows x = random_rows(densities(520), samples, 3);
  const BoolRows y = random_rows(densities(70), samples, 4);
  const std::vector<float> out = jaccard_matrix(pack(x, samples), 520, pack(y, samples), 70, serial_for);
  EXPECT_EQ(out, jaccard_matrix(pack(x, samples), 520, pack(y, samples), 70, reversed_single_for));
  for (std::int64_t i = 0; i < 520; i += 7) {
    for (std::int64_t j = 0; j < 70; ++j) {
      ASSERT_EQ(out[(i * 70) + j], jaccard_of(counted(x[i], y[j])));
    }
  }
  for (const std::int64_t i : {511, 512, 519}) {
    ASSERT_EQ(out[(i * 70) + 69], jaccard_of(counted(x[i], y[69])));
  }
}

TEST(Jaccard, CountsFullRowsWithoutOverflowAndRoundsOnce) {
  // Every partial count takes its largest value, and totals pass 2^16 and 2^24, what a float counts exactly.
  constexpr std::int64_t row_bytes = (std::int64_t{1} << 21) + (1 << 13) + 3;
  constexpr std::int64_t units = 8;
  std::vector<std::uint8_t> ones(units * row_bytes, 0xFF);
  for (std::int64_t u = 0; u < units; ++u) {
    ones[((u + 1) * row_bytes) - 1] = static_cast<std::uint8_t>(0xFF >> u);
  }
  std::vector<std::uint8_t> half(row_bytes, 0xFF);
  std::fill(half.begin() + (row_bytes / 2), half.end(), std::uint8_t{0});
  std::vector<float> out(units);
  jaccard(ones.data(), units, half.data(), 1, row_bytes, out.data(), serial_for);
  for (std::int64_t u = 0; u < units; ++u) {
    EXPECT_EQ(out[u],
              static_cast<float>(static_cast<double>(row_bytes / 2 * 8) / static_cast<double>((8 * row_bytes) - u)));
  }
}

TEST(Jaccard, EveryByteCountsItsBits) {
  BoolRows every;
  for (int byte = 0; byte < 256; ++byte) {
    std::vector<bool> row;
    for (int bit = 0; bit < 8; ++bit) {
      row.push_back(((byte >> bit) & 1) != 0);
    }
    every.push_back(row);
  }
  const PackedRows packed = pack(every, 8);
  const std::vector<float> out = jaccard_matrix(packed, 256, packed, 256, serial_for);
  for (int i = 0; i < 256; ++i) {
    for (int j = 0; j < 256; ++j) {
      ASSERT_EQ(out[(i * 256) + j], jaccard_of(counted(every[i], every[j])));
    }
  }
}

TEST(Jaccard, ReadsRowsAtAnyAddress) {
  constexpr std::int64_t samples = 1000;
  const BoolRows x = random_rows(densities(9), samples, 5);
  const PackedRows packed = pack(x, samples);
  const std::vector<float> expected = jaccard_matrix(packed, 9, packed, 9, serial_for);
  for (std::int64_t shift = 1; shift < 8; ++shift) {
    std::vector<std::uint8_t> moved(shift + static_cast<std::int64_t>(packed.bytes.size()));
    std::copy(packed.bytes.begin(), packed.bytes.end(), moved.begin() + shift);
    std::vector<float> out(81);
    jaccard(moved.data() + shift, 9, packed.bytes.data(), 9, packed.row_bytes, out.data(), serial_for);
    EXPECT_EQ(out, expected);
  }
}

TEST(Jaccard, EmptySetsAreEqualAndUnlikeOthers) {
  const std::vector<std::uint8_t> rows{0, 0, 1, 0};
  std::vector<float> out(4);
  jaccard(rows.data(), 2, rows.data(), 2, 2, out.data(), serial_for);
  EXPECT_EQ(out, (std::vector<float>{1, 0, 0, 1}));
  jaccard(nullptr, 2, nullptr, 2, 0, out.data(), serial_for);
  EXPECT_EQ(out, (std::vector<float>{1, 1, 1, 1}));
}

TEST(Jaccard, RefusesMoreSamplesThanCountsHold) {
  constexpr std::int64_t row_bytes = std::int64_t{1} << 28;
  jaccard(nullptr, 0, nullptr, 0, row_bytes - 1, nullptr, serial_for);
  EXPECT_THROW(jaccard(nullptr, 0, nullptr, 0, row_bytes, nullptr, serial_for), Error);
  EXPECT_THROW(phi(nullptr, 0, nullptr, 0, row_bytes, 1, nullptr, serial_for), Error);
}

TEST(Jaccard, IsSymmetricAndOneMinusItAMetric) {
  constexpr std::int64_t samples = 40;
  constexpr std::int64_t units = 30;
  const BoolRows x = random_rows(densities(units), samples, 6);
  const PackedRows packed = pack(x, samples);
  const std::vector<float> out = jaccard_matrix(packed, units, packed, units, serial_for);
  const auto distance = [&](std::int64_t i, std::int64_t j) { return 1.0 - out[(i * units) + j]; };
  for (std::int64_t i = 0; i < units; ++i) {
    EXPECT_EQ(distance(i, i), 0.0);
    for (std::int64_t j = 0; j < units; ++j) {
      EXPECT_EQ(distance(i, j), distance(j, i));
      EXPECT_GE(distance(i, j), 0.0);
      EXPECT_LE(distance(i, j), 1.0);
      for (std::int64_t k = 0; k < units; ++k) {
        EXPECT_LE(distance(i, k), distance(i, j) + distance(j, k) + 1e-7);  // each is rounded to float
      }
    }
  }
}

TEST(Phi, EqualsPearsonsCorrelationOfTheBits) {
  for (const std::int64_t samples : odd_sizes) {
    const BoolRows x = random_rows(densities(13), samples, 7);
    const BoolRows y = random_rows(densities(70), samples, 8);
    const PackedRows a = pack(x, samples);
    const PackedRows b = pack(y, samples);
    for (const ParallelFor& parallel_for : splits()) {
      std::vector<float> out(13 * 70);
      phi(a.bytes.data(), 13, b.bytes.data(), 70, a.row_bytes, samples, out.data(), parallel_for);
      for (std::int64_t i = 0; i < 13; ++i) {
        for (std::int64_t j = 0; j < 70; ++j) {
          ASSERT_NEAR(out[(i * 70) + j], phi_of(x[i], y[j]), 1e-7) << samples << " " << i << " " << j;
        }
      }
    }
  }
}

TEST(Phi, IsExactlyOneForEqualAndMinusOneForOpposedRows) {
  std::vector<double> many;
  for (int i = 0; i < 200; ++i) {
    many.push_back(0.005 * i);
  }
  for (const std::int64_t samples : {3, 100, 20011}) {
    const BoolRows x = random_rows(many, samples, 9);
    BoolRows opposed = x;
    for (std::vector<bool>& row : opposed) {
      row.flip();
    }
    const PackedRows a = pack(x, samples);
    const PackedRows b = pack(opposed, samples);
    std::vector<float> equal(200 * 200);
    std::vector<float> against(200 * 200);
    phi(a.bytes.data(), 200, a.bytes.data(), 200, a.row_bytes, samples, equal.data(), serial_for);
    phi(a.bytes.data(), 200, b.bytes.data(), 200, a.row_bytes, samples, against.data(), serial_for);
    for (std::int64_t i = 0; i < 200; ++i) {
      const Counts counts = counted(x[i], x[i]);
      const bool constant = counts.a == 0 || counts.a == samples;
      EXPECT_EQ(equal[(i * 200) + i], 1.0F);
      EXPECT_EQ(against[(i * 200) + i], constant ? 0.0F : -1.0F);
    }
    for (const float value : equal) {
      EXPECT_LE(std::abs(value), 1.0F);
    }
  }
}

TEST(Phi, OfConstantRows) {
  // Samples 0 and 1 of a byte: never, always, once.
  const std::vector<std::uint8_t> rows{0b00, 0b11, 0b01};
  std::vector<float> out(9);
  phi(rows.data(), 3, rows.data(), 3, 1, 2, out.data(), serial_for);
  EXPECT_EQ(out, (std::vector<float>{1, 0, 0, 0, 1, 0, 0, 0, 1}));
  phi(nullptr, 3, nullptr, 3, 0, 0, out.data(), serial_for);
  EXPECT_EQ(out, std::vector<float>(9, 1.0F));
}

TEST(Phi, StaysExactUpToTwoToThe31Samples) {
  // Only the products see the number of samples: a row of few bits among 2^31 samples that the rows needn't hold.
  const std::vector<std::uint8_t> a{0b0111};
  const std::vector<std::uint8_t> b{0b1110};
  float out = 0;
  phi(a.data(), 1, b.data(), 1, 1, std::int64_t{1} << 31, &out, serial_for);
  const double n = 0x1p31;
  EXPECT_FLOAT_EQ(out, static_cast<float>(((2 * n) - 9) / (3 * (n - 3))));
}

}  // namespace
}  // namespace funcsim
