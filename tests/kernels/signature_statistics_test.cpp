#include "kernels/signature_statistics/signature_statistics.h"

#include <gtest/gtest.h>

#include <set>

#include "kernels/common/hash.h"
#include "packed_bits.h"

namespace funcsim {
namespace {

struct Statistics {
  std::vector<std::int64_t> counts;
  std::vector<std::uint64_t> fingerprints;

  bool operator==(const Statistics&) const = default;
};

Statistics of(const BoolRows& rows, std::int64_t samples, std::int64_t first_sample,
              const ParallelFor& parallel_for = serial_for, std::int64_t slack = 0) {
  const PackedRows packed = pack(rows, samples, slack, 0xFF);
  Statistics result{std::vector<std::int64_t>(rows.size(), -7), std::vector<std::uint64_t>(rows.size(), 7)};
  signature_statistics(packed.bytes.data(), static_cast<std::int64_t>(rows.size()), packed.row_bytes, samples,
                       first_sample, result.counts.data(), result.fingerprints.data(), parallel_for);
  return result;
}

/// Bit by bit, after the definition.
Statistics naive(const BoolRows& rows, std::int64_t samples, std::int64_t first_sample) {
  Statistics result;
  const HashStream stream(0, HashPurpose::fingerprint);
  for (const std::vector<bool>& row : rows) {
    std::int64_t count = 0;
    std::uint64_t fingerprint = 0;
    for (std::int64_t start = 0; start < samples; start += 64) {
      std::uint64_t word = 0;
      for (std::int64_t s = start; s < std::min(start + 64, samples); ++s) {
        word |= row[s] ? std::uint64_t{1} << (s - start) : 0;
        count += row[s] ? 1 : 0;
      }
      if (word != 0) {
        fingerprint += mix64(word ^ stream(static_cast<std::uint64_t>((first_sample + start) / 64)));
      }
    }
    result.counts.push_back(count);
    result.fingerprints.push_back(fingerprint);
  }
  return result;
}

TEST(SignatureStatistics, EqualsADefinitionBitByBit) {
  const std::vector<double> densities{0.0, 0.01, 0.5, 0.5, 1.0, 0.9};
  std::vector<std::int64_t> sizes = odd_sizes;
  sizes.insert(sizes.end(), {(512 * 64) - 1, 512 * 64, (512 * 64) + 1, 40000});
  for (const std::int64_t samples : sizes) {
    const BoolRows rows = random_rows(densities, samples, static_cast<unsigned>(samples));
    for (const std::int64_t first_sample : {std::int64_t{0}, std::int64_t{64}, std::int64_t{1} << 40}) {
      for (const ParallelFor& parallel_for : splits()) {
        EXPECT_EQ(of(rows, samples, first_sample, parallel_for, 3), naive(rows, samples, first_sample)) << samples;
      }
    }
  }
}

TEST(SignatureStatistics, HasTheDocumentedFingerprints) {
  // docs/hash.md
  const std::vector<std::vector<std::int64_t>> fires{{}, {0}, {63}, {64}, {0, 1, 2, 64, 65}};
  BoolRows rows(fires.size(), std::vector<bool>(66));
  for (std::size_t u = 0; u < fires.size(); ++u) {
    for (const std::int64_t s : fires[u]) {
      rows[u][s] = true;
    }
  }
  EXPECT_EQ(of(rows, 66, 0).fingerprints, (std::vector<std::uint64_t>{0, 0x8437BF974ABEBD4EULL, 0x44636170A08637F4ULL,
                                                                      0x7BF4E998E73A9EDAULL, 0x5A9A6EAB07B61AD6ULL}));
}

TEST(SignatureStatistics, AddsUpOverBatches) {
  constexpr std::int64_t samples = 1000;
  const BoolRows rows = random_rows({0.0, 0.3, 0.9}, samples, 1);
  const Statistics whole = naive(rows, samples, 6400);
  for (const std::int64_t cut : {64, 512, 960}) {
    BoolRows left;
    BoolRows right;
    for (const std::vector<bool>& row : rows) {
      left.emplace_back(row.begin(), row.begin() + cut);
      right.emplace_back(row.begin() + cut, row.end());
    }
    Statistics sum = of(left, cut, 6400);
    const Statistics rest = of(right, samples - cut, 6400 + cut);
    for (std::size_t u = 0; u < rows.size(); ++u) {
      sum.counts[u] += rest.counts[u];
      sum.fingerprints[u] += rest.fingerprints[u];
    }
    EXPECT_EQ(sum, whole) << cut;
  }
}

TEST(SignatureStatistics, FingerprintsTellSingleSamplesAndPairsApart) {
  constexpr std::int64_t samples = 200;
  BoolRows rows;
  for (std::int64_t s = 0; s < samples; ++s) {
    for (std::int64_t t = s; t < samples; ++t) {
      std::vector<bool> row(samples);
      row[s] = true;
      row[t] = true;
      rows.push_back(row);
    }
  }
  const Statistics result = of(rows, samples, 0);
  const std::set<std::uint64_t> different(result.fingerprints.begin(), result.fingerprints.end());
  EXPECT_EQ(different.size(), rows.size());
}

}  // namespace
}  // namespace funcsim
