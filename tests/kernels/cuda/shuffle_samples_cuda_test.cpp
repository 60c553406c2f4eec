#include <algorithm>
#include <numeric>
#include <string>

#include "../packed_bits.h"
#include "device_under_test.h"
#include "kernels/shuffle_samples/shuffle_samples.h"

namespace funcsim {
namespace {

using ShufflePartnersCuda = DeviceTest;
using ShuffleSamplesCuda = DeviceTest;

TEST_F(ShufflePartnersCuda, EqualTheCpus) {
  // Up to a tile of buckets, and beyond.
  for (const std::int64_t inputs : {0, 1, 2, 3, 4, 5, 8, 100, 101, 5001, 65'000, 65'600, 140'001}) {
    for (const std::int64_t first : {std::int64_t{0}, std::int64_t{4096}, std::int64_t{1} << 62}) {
      std::vector<std::int64_t> expected = shuffle_partners(inputs, -7, first, serial_for);
      for (std::int64_t& partner : expected) {
        partner += first;
      }
      const DeviceArray<std::int64_t> partners(inputs);
      device_kernels().shuffle_partners(inputs, -7, first, partners.data(), device_queue());
      ASSERT_EQ(partners.download(), expected) << inputs << " inputs from " << first;
    }
  }
}

TEST_F(ShufflePartnersCuda, HaveTheDocumentedValues) {
  // docs/hash.md
  const DeviceArray<std::int64_t> partners(7);
  device_kernels().shuffle_partners(7, 0, 0, partners.data(), device_queue());
  EXPECT_EQ(partners.download(), (std::vector<std::int64_t>{4, 5, 6, 3, 0, 1, 2}));
  const DeviceArray<std::int64_t> later(6);
  device_kernels().shuffle_partners(6, 0, 4096, later.data(), device_queue());
  EXPECT_EQ(later.download(), (std::vector<std::int64_t>{4101, 4099, 4100, 4097, 4098, 4096}));
}

/// Compares with the CPU, where the bytes between rows stay as they are.
///
/// @param offset bytes from an aligned address to the first row
void expect_same_as_cpu(std::int64_t units, const std::vector<std::int64_t>& partners, std::int64_t samples_per_input,
                        std::int64_t slack, std::int64_t offset) {
  const auto inputs = static_cast<std::int64_t>(partners.size());
  SCOPED_TRACE(std::to_string(units) + " units, " + std::to_string(inputs) + " inputs of " +
               std::to_string(samples_per_input) + ", rows at " + std::to_string(offset));
  const std::int64_t samples = inputs * samples_per_input;
  const BoolRows rows = random_rows(std::vector<double>(static_cast<std::size_t>(units), 0.4), samples,
                                    static_cast<unsigned>(samples + units));
  const PackedRows packed = pack(rows, samples, slack, 0xFF);
  std::vector<std::uint8_t> expected(packed.bytes.size(), 0x5A);
  shuffle_samples(packed.bytes.data(), units, packed.row_bytes, partners, samples_per_input, expected.data(),
                  serial_for);

  constexpr std::int64_t first_input = 1000;
  std::vector<std::int64_t> from_first = partners;
  for (std::int64_t& partner : from_first) {
    partner += first_input;
  }
  const DeviceArray<std::int64_t> there(from_first);
  const DeviceArray<std::uint8_t> signatures(packed.bytes, offset);
  const DeviceArray<std::uint8_t> out(std::vector<std::uint8_t>(packed.bytes.size(), 0x5A), (offset * 3) % 4);
  device_kernels().shuffle_samples(signatures.data(), units, packed.row_bytes, there.data(), inputs, first_input,
                                   samples_per_input, out.data(), device_queue());
  ASSERT_EQ(out.download(), expected);
}

/// Any exchange of inputs will do: here each goes one place on.
std::vector<std::int64_t> one_place_on(std::int64_t inputs) {
  std::vector<std::int64_t> partners;
  for (std::int64_t i = 0; i < inputs; ++i) {
    partners.push_back((i + 1) % inputs);
  }
  return partners;
}

TEST_F(ShuffleSamplesCuda, EqualsTheCpu) {
  std::int64_t offset = 0;
  for (const std::int64_t inputs : {0, 1, 2, 7, 8, 9, 63, 64, 65, 130}) {
    for (const std::int64_t samples_per_input : {1, 2, 3, 8, 12, 16, 32, 49, 64}) {
      for (const std::int64_t units : {0, 1, 9}) {
        offset = (offset + 1) % 4;
        expect_same_as_cpu(units, one_place_on(inputs), samples_per_input, 2, offset);
      }
    }
  }
}

TEST_F(ShuffleSamplesCuda, EqualsTheCpuForAnyNumberOfUnits) {
  for (const std::int64_t units : {31, 32, 33, 64, 65, 128, 129, 256, 257, 300}) {
    expect_same_as_cpu(units, shuffle_partners(70, 3, 0, serial_for), 1, units % 3, units % 4);
  }
}

TEST_F(ShuffleSamplesCuda, EqualsTheCpuForAnyNumberOfSamples) {
  for (const std::int64_t samples : {31, 32, 33, 1000, 1016, 1020, 1023, 1024, 1025, 1032, 1100, 2048, 3100}) {
    for (const std::int64_t offset : {0, 1, 2, 3}) {
      for (const std::int64_t slack : {0, 1}) {
        expect_same_as_cpu(3, shuffle_partners(samples, 3, 0, serial_for), 1, slack, offset);
      }
    }
  }
  expect_same_as_cpu(40, shuffle_partners(500, 3, 0, serial_for), 7, 0, 0);
}

TEST_F(ShuffleSamplesCuda, TakesMoreThanItTurnsAtATime) {
  // Columns of 256 units would take more memory than is wanted, and those of 128 are all that does.
  const std::int64_t inputs = 1'060'000;
  const std::vector<std::int64_t> partners = shuffle_partners(inputs, 3, 0, serial_for);
  std::vector<std::uint8_t> rows(static_cast<std::size_t>(150 * inputs / 8));
  std::mt19937_64 random(1);
  std::generate(rows.begin(), rows.end(), [&] { return static_cast<std::uint8_t>(random()); });
  std::vector<std::uint8_t> expected(rows.size());
  shuffle_samples(rows.data(), 150, inputs / 8, partners, 1, expected.data(), serial_for);
  const DeviceArray<std::uint8_t> out(static_cast<std::int64_t>(rows.size()));
  const DeviceArray<std::uint8_t> there(rows);
  const DeviceArray<std::int64_t> there_partners(partners);
  device_kernels().shuffle_samples(there.data(), 150, inputs / 8, there_partners.data(), inputs, 0, 1, out.data(),
                                   device_queue());
  EXPECT_TRUE(out.download() == expected);
}

}  // namespace
}  // namespace funcsim
