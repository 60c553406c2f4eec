#include "../packed_bits.h"
#include "device_under_test.h"
#include "kernels/signature_statistics/signature_statistics.h"

namespace funcsim {
namespace {

using SignatureStatisticsCuda = DeviceTest;

struct Statistics {
  std::vector<std::int64_t> counts;
  std::vector<std::uint64_t> fingerprints;

  bool operator==(const Statistics&) const = default;
};

Statistics on_host(const PackedRows& rows, std::int64_t units, std::int64_t samples, std::int64_t first_sample) {
  Statistics result{std::vector<std::int64_t>(units), std::vector<std::uint64_t>(units)};
  signature_statistics(rows.bytes.data(), units, rows.row_bytes, samples, first_sample, result.counts.data(),
                       result.fingerprints.data(), serial_for);
  return result;
}

Statistics on_device(const PackedRows& rows, std::int64_t units, std::int64_t samples, std::int64_t first_sample,
                     std::int64_t offset) {
  const DeviceArray<std::uint8_t> signatures(rows.bytes, offset);
  const DeviceArray<std::int64_t> counts(units);
  const DeviceArray<std::uint64_t> fingerprints(units);
  device_kernels().signature_statistics(signatures.data(), units, rows.row_bytes, samples, first_sample, counts.data(),
                                        fingerprints.data(), device_queue());
  return {counts.download(), fingerprints.download()};
}

TEST_F(SignatureStatisticsCuda, AreThoseOfTheHost) {
  constexpr std::int64_t block_samples = 2048 * 64;
  std::vector<std::int64_t> sizes = odd_sizes;
  sizes.insert(sizes.end(), {(256 * 64) - 1, (256 * 64) + 1, 40000, block_samples - 1, block_samples + 1,
                             block_samples + 64, (2 * block_samples) + 1000});
  const std::vector<double> densities{0.0, 0.01, 0.5, 0.5, 1.0, 0.9};
  for (const std::int64_t samples : sizes) {
    const BoolRows rows = random_rows(densities, samples, static_cast<unsigned>(samples));
    for (const std::int64_t slack : {0, 3}) {
      const PackedRows packed = pack(rows, samples, slack, 0xFF);
      for (const std::int64_t first_sample : {std::int64_t{0}, std::int64_t{64}, std::int64_t{1} << 40}) {
        EXPECT_EQ(on_device(packed, 6, samples, first_sample, slack), on_host(packed, 6, samples, first_sample))
            << samples;
      }
    }
  }
}

TEST_F(SignatureStatisticsCuda, TakesAnyNumberOfUnitsAtAnyAddress) {
  for (const std::int64_t units : {0, 1, 7, 8, 9, 16, 21}) {
    for (const std::int64_t samples : {1, 100, 640, 1000}) {
      for (const std::int64_t offset : {0, 1, 2, 3, 4, 5}) {
        const std::vector<double> densities(units, 0.4);
        const PackedRows packed = pack(random_rows(densities, samples, 1), samples, offset % 4);
        EXPECT_EQ(on_device(packed, units, samples, 6400, offset), on_host(packed, units, samples, 6400)) << units;
      }
    }
  }
}

TEST_F(SignatureStatisticsCuda, HasTheDocumentedFingerprints) {
  // docs/hash.md
  const std::vector<std::vector<std::int64_t>> fires{{}, {0}, {63}, {64}, {0, 1, 2, 64, 65}};
  BoolRows rows(fires.size(), std::vector<bool>(66));
  for (std::size_t u = 0; u < fires.size(); ++u) {
    for (const std::int64_t s : fires[u]) {
      rows[u][s] = true;
    }
  }
  const Statistics found = on_device(pack(rows, 66), 5, 66, 0, 0);
  EXPECT_EQ(found.counts, (std::vector<std::int64_t>{0, 1, 1, 1, 5}));
  EXPECT_EQ(found.fingerprints, (std::vector<std::uint64_t>{0, 0x8437BF974ABEBD4EULL, 0x44636170A08637F4ULL,
                                                            0x7BF4E998E73A9EDAULL, 0x5A9A6EAB07B61AD6ULL}));
}

}  // namespace
}  // namespace funcsim
