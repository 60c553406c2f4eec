#include "kernels/jaccard/intersection_counts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <string>

#include "kernels/common/simd_level.h"
#include "packed_bits.h"

namespace funcsim {
namespace {

const std::vector<CountMethod>& methods() {
  static const std::vector<CountMethod> all{CountMethod::popcount, CountMethod::vertical, CountMethod::vertical_of_b};
  return all;
}

/// Rows of densities that go through `choice`; from half a byte of random bits per bit, so that many are quick.
PackedRows quick_rows(const std::vector<double>& choice, std::int64_t units, std::int64_t samples, unsigned seed) {
  std::mt19937 random(seed);
  PackedRows rows{(samples + 7) / 8, std::vector<std::uint8_t>(units * ((samples + 7) / 8))};
  for (std::int64_t u = 0; u < units; ++u) {
    const double threshold = choice[u % static_cast<std::int64_t>(choice.size())] * 0x1p32;
    for (std::int64_t s = 0; s < samples; ++s) {
      if (static_cast<double>(random()) < threshold) {
        rows.bytes[(u * rows.row_bytes) + (s / 8)] |= static_cast<std::uint8_t>(1U << (s % 8));
      }
    }
  }
  return rows;
}

const std::vector<double>& all_densities() {
  static const std::vector<double> all{0.25, 0.0, 0.5, 0.001, 1.0, 0.05, 0.75, 0.95};
  return all;
}

std::int32_t common_bits(const std::uint8_t* x, const std::uint8_t* y, std::int64_t bytes) {
  std::int32_t count = 0;
  for (std::int64_t c = 0; c < bytes; ++c) {
    count += std::popcount(static_cast<std::uint8_t>(x[c] & y[c]));
  }
  return count;
}

std::vector<std::int32_t> counts_of(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes) {
  std::vector<std::int32_t> counts(units);
  for (std::int64_t u = 0; u < units; ++u) {
    counts[u] = common_bits(rows + (u * row_bytes), rows + (u * row_bytes), row_bytes);
  }
  return counts;
}

/// The counts themselves, where kernels make similarities of them. Checks that the right sizes come along.
std::vector<std::int32_t> counted(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b,
                                  std::int64_t units_b, std::int64_t row_bytes, CountMethod method,
                                  const ParallelFor& parallel_for) {
  const std::vector<std::int32_t> counts_a = counts_of(a, units_a, row_bytes);
  const std::vector<std::int32_t> counts_b = counts_of(b, units_b, row_bytes);
  std::vector<float> out(units_a * units_b, -7.0F);
  const auto keep = [](const std::int32_t* common, std::int64_t columns, std::int32_t row_count,
                       const std::int32_t* column_counts, float* similarity) {
    for (std::int64_t c = 0; c < columns; ++c) {
      const bool possible = common[c] >= 0 && common[c] <= std::min(row_count, column_counts[c]);
      similarity[c] = std::bit_cast<float>(possible ? common[c] : -1);
    }
  };
  intersection_counts({a, units_a, counts_a.data()}, {b, units_b, counts_b.data()}, row_bytes, method, keep, out.data(),
                      parallel_for);
  std::vector<std::int32_t> common(out.size());
  std::ranges::transform(out, common.begin(), [](float count) { return std::bit_cast<std::int32_t>(count); });
  return common;
}

void expect_counts(const PackedRows& a, std::int64_t units_a, const PackedRows& b, std::int64_t units_b,
                   const std::string& what) {
  std::vector<std::int32_t> expected;
  for (std::int64_t i = 0; i < units_a; ++i) {
    for (std::int64_t j = 0; j < units_b; ++j) {
      expected.push_back(
          common_bits(a.bytes.data() + (i * a.row_bytes), b.bytes.data() + (j * b.row_bytes), a.row_bytes));
    }
  }
  for (const CountMethod method : methods()) {
    for (const ParallelFor& parallel_for : splits()) {
      EXPECT_EQ(counted(a.bytes.data(), units_a, b.bytes.data(), units_b, a.row_bytes, method, parallel_for), expected)
          << what << ", method " << static_cast<int>(method);
    }
  }
}

TEST(IntersectionCounts, OfEveryMethodAreThoseOfAPlainCount) {
  for (const std::int64_t samples : {0, 1, 7, 64, 513, 1030, 4099}) {
    for (const auto& [units_a, units_b] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {0, 3}, {3, 0}, {1, 1}, {5, 63}, {130, 70}, {17, 513}, {129, 257}}) {
      expect_counts(quick_rows(all_densities(), units_a, samples, 1), units_a,
                    quick_rows(all_densities(), units_b, samples, 2), units_b,
                    std::to_string(units_a) + " by " + std::to_string(units_b) + " by " + std::to_string(samples));
    }
  }
}

TEST(IntersectionCounts, AtTheEdgesOfWhatPopcountCountsTogether) {
  // Every number of rows and columns up to more than two registers of pairs.
  const PackedRows a = quick_rows(all_densities(), 21, 1030, 12);
  const PackedRows b = quick_rows(all_densities(), 45, 1030, 13);
  for (std::int64_t units_a = 1; units_a <= 21; ++units_a) {
    for (std::int64_t units_b = 1; units_b <= 45; ++units_b) {
      EXPECT_EQ(
          counted(a.bytes.data(), units_a, b.bytes.data(), units_b, a.row_bytes, CountMethod::popcount, serial_for),
          counted(a.bytes.data(), units_a, b.bytes.data(), units_b, a.row_bytes, CountMethod::vertical, serial_for))
          << units_a << " by " << units_b;
    }
  }
  // Parts of rows, and tiles of them.
  for (const std::int64_t bytes : {8, 9, 15, 63, 64, 65, 511, 512, 513, 1027, 3968, 4095, 4096, 4105}) {
    expect_counts(quick_rows(all_densities(), 11, 8 * bytes, 14), 11, quick_rows(all_densities(), 13, 8 * bytes, 15),
                  13, std::to_string(bytes) + " bytes");
  }
  for (const std::int64_t units : {255, 256, 257, 259}) {
    expect_counts(quick_rows(all_densities(), units, 77, 16), units, quick_rows(all_densities(), 35, 77, 17), 35,
                  std::to_string(units) + " rows");
  }
}

TEST(IntersectionCounts, OfMoreColumnsThanATileOrAPanel) {
  for (const std::int64_t units : {4100, 16500}) {
    const PackedRows few = quick_rows(all_densities(), 3, 9, 3);
    const PackedRows many = quick_rows(all_densities(), units, 9, 4);
    expect_counts(few, 3, many, units, "few by many");
    expect_counts(many, units, few, 3, "many by few");
  }
}

TEST(IntersectionCounts, OfMoreSamplesThanASlab) {
  for (const std::int64_t samples : {65535, 65536, 65537, 131072 + 7}) {
    expect_counts(quick_rows(all_densities(), 9, samples, 5), 9, quick_rows(all_densities(), 21, samples, 6), 21,
                  std::to_string(samples) + " samples");
  }
}

TEST(IntersectionCounts, FillEveryPlaneOfASlab) {
  // Rows that have all of the first slab but just less than half of the samples, so that each of them is added up.
  constexpr std::int64_t row_bytes = 2 * 8192;
  PackedRows rows{row_bytes, std::vector<std::uint8_t>(4 * row_bytes, 0xFF)};
  for (std::int64_t u = 0; u < 3; ++u) {
    std::fill_n(rows.bytes.begin() + (u * row_bytes) + row_bytes / 2 - u, row_bytes / 2 + u, std::uint8_t{0});
  }
  expect_counts(rows, 4, rows, 4, "half of the samples");
}

TEST(IntersectionCounts, OfRowsWithThemselvesAreThoseOfACopy) {
  for (const std::int64_t units : {1, 8, 15, 33, 70, 256, 300, 1100}) {
    for (const std::int64_t samples : {100, 700}) {
      const PackedRows rows = quick_rows(all_densities(), units, samples, 7);
      const std::vector<std::uint8_t> copy = rows.bytes;
      for (const CountMethod method : methods()) {
        for (const ParallelFor& parallel_for : splits()) {
          EXPECT_EQ(counted(rows.bytes.data(), units, rows.bytes.data(), units, rows.row_bytes, method, parallel_for),
                    counted(rows.bytes.data(), units, copy.data(), units, rows.row_bytes, method, parallel_for));
        }
      }
    }
  }
  const PackedRows long_rows = quick_rows(all_densities(), 150, 66000, 8);
  const std::vector<std::uint8_t> copy = long_rows.bytes;
  EXPECT_EQ(
      counted(long_rows.bytes.data(), 150, long_rows.bytes.data(), 150, long_rows.row_bytes, CountMethod::vertical,
              serial_for),
      counted(long_rows.bytes.data(), 150, copy.data(), 150, long_rows.row_bytes, CountMethod::popcount, serial_for));
}

TEST(IntersectionCounts, AtAnyAddress) {
  const PackedRows a = quick_rows(all_densities(), 20, 1000, 9);
  const PackedRows b = quick_rows(all_densities(), 70, 1000, 10);
  for (const CountMethod method : methods()) {
    const std::vector<std::int32_t> expected =
        counted(a.bytes.data(), 20, b.bytes.data(), 70, a.row_bytes, method, serial_for);
    for (std::int64_t shift = 1; shift < 8; ++shift) {
      std::vector<std::uint8_t> moved_a(shift);
      moved_a.insert(moved_a.end(), a.bytes.begin(), a.bytes.end());
      std::vector<std::uint8_t> moved_b(8 - shift);
      moved_b.insert(moved_b.end(), b.bytes.begin(), b.bytes.end());
      EXPECT_EQ(counted(moved_a.data() + shift, 20, moved_b.data() + 8 - shift, 70, a.row_bytes, method, serial_for),
                expected);
    }
  }
}

TEST(IntersectionCounts, SetCountsAreTheRowsBits) {
  for (const std::int64_t samples : odd_sizes) {
    const PackedRows rows = quick_rows(all_densities(), 21, samples, 11);
    for (const ParallelFor& parallel_for : splits()) {
      std::vector<std::int32_t> counts(21, -1);
      set_counts(rows.bytes.data(), 21, rows.row_bytes, counts.data(), parallel_for);
      EXPECT_EQ(counts, counts_of(rows.bytes.data(), 21, rows.row_bytes));
    }
  }
}

CountMethod chosen(std::int64_t units_a, double density_a, std::int64_t units_b, double density_b,
                   std::int64_t row_bytes) {
  const auto samples = static_cast<double>(8 * row_bytes);
  const std::vector<std::int32_t> counts_a(units_a, static_cast<std::int32_t>(density_a * samples));
  const std::vector<std::int32_t> counts_b(units_b, static_cast<std::int32_t>(density_b * samples));
  // Not read, but distinct.
  const std::vector<std::uint8_t> rows(2);
  return choose_count_method({rows.data(), units_a, counts_a.data()}, {rows.data() + 1, units_b, counts_b.data()},
                             row_bytes);
}

TEST(IntersectionCounts, AreCountedVerticallyWhereTransposingPays) {
  EXPECT_EQ(chosen(1, 0.3, 1, 0.3, 3), CountMethod::popcount);
  EXPECT_EQ(chosen(10, 0.3, 10, 0.3, 4096), CountMethod::popcount);
  EXPECT_EQ(chosen(1, 0.3, 100000, 0.3, 1024), CountMethod::popcount);
  EXPECT_EQ(chosen(4, 0.3, 4, 0.3, 0), CountMethod::popcount);
  EXPECT_EQ(chosen(2048, 0.25, 2048, 0.25, 4096), CountMethod::vertical);
  EXPECT_EQ(chosen(1024, 0.05, 1024, 0.05, 2500), CountMethod::vertical);
  // The rows nearer to constant are decoded.
  EXPECT_EQ(chosen(2048, 0.05, 2048, 0.5, 4096), CountMethod::vertical);
  EXPECT_EQ(chosen(2048, 0.5, 2048, 0.05, 4096), CountMethod::vertical_of_b);
  EXPECT_EQ(chosen(2048, 0.3, 2048, 0.95, 4096), CountMethod::vertical_of_b);
}

TEST(IntersectionCounts, AreCountedByPopcountWhereAnInstructionMakesItFast) {
  const bool fast = simd_level() == SimdLevel::avx512;
  for (const std::int64_t row_bytes : {512, 1024, 2500, 8192}) {
    for (const double density : {0.25, 0.5}) {
      EXPECT_EQ(chosen(16, density, 16, density, row_bytes), CountMethod::popcount);
      EXPECT_EQ(chosen(256, density, 256, density, row_bytes), fast ? CountMethod::popcount : CountMethod::vertical)
          << row_bytes << " bytes, density " << density;
    }
  }
  EXPECT_EQ(chosen(1024, 0.5, 1024, 0.5, 2500), fast ? CountMethod::popcount : CountMethod::vertical);
}

}  // namespace
}  // namespace funcsim
