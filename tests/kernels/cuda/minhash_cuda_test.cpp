#include <algorithm>
#include <limits>
#include <numeric>
#include <string>

#include "../packed_bits.h"
#include "device_under_test.h"
#include "kernels/common/bits.h"
#include "kernels/common/hash.h"
#include "kernels/minhash/minhash.h"
#include "kernels/minhash/slot_value.h"

namespace funcsim {
namespace {

using Sketches = std::vector<std::int32_t>;

/// Rows in host and device memory.
struct Rows {
  std::int64_t units;
  PackedRows packed;
  DeviceArray<std::uint8_t> there;

  /// @param slack  bytes between rows
  /// @param offset bytes from an aligned address to the first row
  Rows(const std::vector<double>& densities, std::int64_t samples, std::int64_t slack = 0, std::int64_t offset = 0)
      : units(static_cast<std::int64_t>(densities.size())),
        packed(pack(random_rows(densities, samples, static_cast<unsigned>(samples)), samples, slack, 0xFF)),
        there(packed.bytes, offset) {}
};

/// Densities of so many units: some that never fire, some that always do.
std::vector<double> some_densities(std::int64_t units) {
  const std::vector<double> choice{0.5, 0.0, 0.001, 0.05, 1.0, 0.2, 0.01};
  std::vector<double> densities;
  for (std::int64_t u = 0; u < units; ++u) {
    densities.push_back(choice[static_cast<std::size_t>(u) % choice.size()]);
  }
  return densities;
}

/// What merge is given: anything, also empty slots.
Sketches some_sketches(std::int64_t slots) {
  Sketches sketches;
  for (std::int64_t k = 0; k < slots; ++k) {
    sketches.push_back(k % 3 == 0 ? empty_slot : static_cast<std::int32_t>((k * 2654435761) & 0x7FFFFFFF));
  }
  return sketches;
}

/// The smaller of two sketches, slot by slot.
Sketches smaller(const Sketches& x, const Sketches& y) {
  Sketches smallest(x.size());
  std::transform(x.begin(), x.end(), y.begin(), smallest.begin(), [](auto a, auto b) { return std::min(a, b); });
  return smallest;
}

/// The device's sketches of rows, new or merged into those that are given.
Sketches device_sketches(const Rows& rows, std::int64_t num_samples, const HashedSamples& samples,
                         std::int64_t num_hashes, std::int64_t seed, const Sketches* before = nullptr) {
  const DeviceArray<std::int32_t> sketches =
      before == nullptr ? DeviceArray<std::int32_t>(rows.units * num_hashes) : DeviceArray<std::int32_t>(*before);
  device_kernels().minhash(rows.there.data(), rows.units, rows.packed.row_bytes, num_samples, samples, num_hashes, seed,
                           before != nullptr, sketches.data(), device_queue());
  return sketches.download();
}

HashedSamples run_from(std::int64_t first_sample) {
  return {.first_sample = first_sample, .inputs = nullptr, .samples_per_input = 1};
}

/// Compares new and merged sketches of a run with those of the CPU.
void expect_same_as_cpu(const Rows& rows, std::int64_t num_samples, std::int64_t num_hashes, std::int64_t seed,
                        std::int64_t first_sample) {
  SCOPED_TRACE(std::to_string(rows.units) + " units, " + std::to_string(num_samples) + " samples, " +
               std::to_string(num_hashes) + " hashes");
  Sketches expected(static_cast<std::size_t>(rows.units * num_hashes));
  new_minhash_of_run(rows.packed.bytes.data(), rows.units, rows.packed.row_bytes, num_samples, num_hashes, seed,
                     first_sample, expected.data(), serial_for);
  ASSERT_EQ(device_sketches(rows, num_samples, run_from(first_sample), num_hashes, seed), expected);
  const Sketches before = some_sketches(rows.units * num_hashes);
  ASSERT_EQ(device_sketches(rows, num_samples, run_from(first_sample), num_hashes, seed, &before),
            smaller(before, expected));
}

using MinHashCuda = DeviceTest;

TEST_F(MinHashCuda, EqualsTheCpu) {
  std::int64_t units = 0;
  for (const std::int64_t num_hashes : {1, 2, 7, 64, 100, 512, 1000, 1024, 5000}) {
    for (const std::int64_t samples : {0, 1, 7, 31, 33, 64, 100, 129, 513, 1030, 1100, 5200}) {
      units = (units % 20) + 1;
      const Rows rows(some_densities(units), samples, units % 5, units % 4);
      expect_same_as_cpu(rows, samples, num_hashes, -5 + units, 77 * units);
    }
  }
}

TEST_F(MinHashCuda, EqualsTheCpuForAnySizeOfSharedMemory) {
  // Around the 48 KiB that a block has without asking, and from the most that is asked for down.
  for (const std::int64_t samples : {47 << 10, (47 << 10) + 1, (48 << 10) - 200, 48 << 10, (48 << 10) + 1, 63 << 10}) {
    expect_same_as_cpu(Rows({0.5, 0.001}, samples), samples, 3, 0, 0);
  }
}

TEST_F(MinHashCuda, EqualsTheCpuForAnyAlignmentOfRows) {
  for (const std::int64_t slack : {0, 1, 2, 3, 4}) {
    for (const std::int64_t offset : {0, 1, 2, 3}) {
      for (const std::int64_t samples : {40, 250, 257}) {
        expect_same_as_cpu(Rows({0.0, 0.1, 0.5, 1.0, 0.9, 0.02, 0.3, 0.7, 0.5}, samples, slack, offset), samples, 16, 3,
                           0);
      }
    }
  }
}

TEST_F(MinHashCuda, EqualsTheCpuForAnyNumberOfUnits) {
  for (const std::int64_t units : {0, 1, 7, 8, 9, 31, 32, 33, 65, 100}) {
    for (const std::int64_t num_hashes : {33, 1000}) {
      expect_same_as_cpu(Rows(some_densities(units), 700, 1), 700, num_hashes, 11, 5);
    }
  }
}

TEST_F(MinHashCuda, TakesManyPartsOfSamples) {
  // Two parts, and a few samples that are fewer than most slots. Of so many slots there is room for the lists of two.
  constexpr std::int64_t part = 63 << 10;
  const Rows rows({0.5, 0.0, 0.00001, 0.0005, 1.0}, (2 * part) + 77, 1, 1);
  for (const std::int64_t num_hashes : {1, 9, 100, 1000, 60000}) {
    expect_same_as_cpu(rows, (2 * part) + 77, num_hashes, 4, 1);
  }
}

TEST_F(MinHashCuda, TakesMoreSlotsThanSamplesInOrder) {
  const Rows rows({0.5, 0.0, 0.001}, 70000);
  expect_same_as_cpu(rows, 70000, 1 << 16, 2, 0);
  expect_same_as_cpu(Rows({0.5, 0.001}, 100), 100, 1 << 20, 2, 0);
}

TEST_F(MinHashCuda, IndicesWrapAroundAsTheyDoOnTheCpu) {
  for (const std::int64_t num_hashes : {7, 1000}) {
    expect_same_as_cpu(Rows({0.5, 0.1}, 300), 300, num_hashes, std::numeric_limits<std::int64_t>::min(),
                       std::numeric_limits<std::int64_t>::max() - 299);
  }
}

TEST_F(MinHashCuda, BatchesMergeToTheWhole) {
  constexpr std::int64_t samples = 3000;
  constexpr std::int64_t num_hashes = 50;
  const BoolRows bits = random_rows({0.001, 0.05, 0.5, 0.99, 0.0}, samples, 1);
  const PackedRows packed = pack(bits, samples);
  Sketches whole(5 * num_hashes);
  new_minhash_of_run(packed.bytes.data(), 5, packed.row_bytes, samples, num_hashes, 3, 1000000, whole.data(),
                     serial_for);
  const DeviceArray<std::uint8_t> rows(packed.bytes);
  for (const std::int64_t batch : {40, 64, 1000}) {
    for (const bool backwards : {false, true}) {
      std::vector<std::int64_t> starts;
      for (std::int64_t start = 0; start < samples; start += batch) {
        starts.push_back(start);
      }
      if (backwards) {
        std::reverse(starts.begin(), starts.end());
      }
      const DeviceArray<std::int32_t> sketches(5 * num_hashes);
      for (const std::int64_t start : starts) {
        device_kernels().minhash(rows.data() + (start / 8), 5, packed.row_bytes, std::min(batch, samples - start),
                                 run_from(1000000 + start), num_hashes, 3, start != starts.front(), sketches.data(),
                                 device_queue());
      }
      EXPECT_EQ(sketches.download(), whole) << "batches of " << batch;
    }
  }
}

/// Compares with the CPU for samples of any inputs.
void expect_same_as_cpu(const Rows& rows, const std::vector<std::int64_t>& inputs, std::int64_t samples_per_input,
                        std::int64_t num_hashes) {
  SCOPED_TRACE(std::to_string(inputs.size()) + " inputs of " + std::to_string(samples_per_input) + ", " +
               std::to_string(num_hashes) + " hashes");
  std::vector<std::int64_t> indices;
  for (const std::int64_t input : inputs) {
    for (std::int64_t p = 0; p < samples_per_input; ++p) {
      indices.push_back((input * samples_per_input) + p);
    }
  }
  const auto samples = static_cast<std::int64_t>(indices.size());
  Sketches expected(static_cast<std::size_t>(rows.units * num_hashes));
  new_minhash(rows.packed.bytes.data(), rows.units, rows.packed.row_bytes,
              sample_order(indices, num_hashes, 8, serial_for), expected.data(), serial_for);
  const DeviceArray<std::int64_t> there(inputs);
  // Where there are inputs, nothing else says which samples they are.
  const HashedSamples hashed = {.first_sample = 12345, .inputs = there.data(), .samples_per_input = samples_per_input};
  ASSERT_EQ(device_sketches(rows, samples, hashed, num_hashes, 8), expected);
  const Sketches before = some_sketches(rows.units * num_hashes);
  ASSERT_EQ(device_sketches(rows, samples, hashed, num_hashes, 8, &before), smaller(before, expected));
}

TEST_F(MinHashCuda, TakesSamplesOfAnyInputs) {
  for (const std::int64_t samples_per_input : {1, 3, 49}) {
    for (const std::int64_t num_inputs : {1, 20, 700}) {
      std::vector<std::int64_t> inputs(static_cast<std::size_t>(num_inputs));
      std::iota(inputs.begin(), inputs.end(), 1000);
      std::shuffle(inputs.begin(), inputs.end(), std::mt19937_64(1));
      const Rows rows(some_densities(9), num_inputs * samples_per_input, 1);
      for (const std::int64_t num_hashes : {3, 64, 1000}) {
        expect_same_as_cpu(rows, inputs, samples_per_input, num_hashes);
      }
    }
  }
  // More than are put in order at a time; some are there several times.
  std::vector<std::int64_t> many(24000);
  for (std::size_t i = 0; i < many.size(); ++i) {
    many[i] = static_cast<std::int64_t>((i * i) % 20011);
  }
  const Rows rows({0.5, 0.0001}, 72000 * 2);
  expect_same_as_cpu(rows, many, 3, 200);
  expect_same_as_cpu(rows, many, 6, 60000);
}

TEST_F(MinHashCuda, FindsSamplesFarDownTheirLists) {
  // All but a few samples are of the same slot, whose list so is longer than those of which ranks are side by side.
  constexpr std::int64_t num_hashes = 600;
  const HashStream stream(8, HashPurpose::sample_order);
  std::vector<std::int64_t> inputs;
  for (std::int64_t i = 0; inputs.size() < 1000; ++i) {
    if (slot_value(stream(static_cast<std::uint64_t>(i)), num_hashes).slot == 17 || i % 1000 == 0) {
      inputs.push_back(i);
    }
  }
  expect_same_as_cpu(Rows({0.5, 0.0, 0.001, 0.003, 0.01, 0.05, 0.2, 1.0, 0.002}, 1000), inputs, 1, num_hashes);
  // The same sample over and over.
  expect_same_as_cpu(Rows({0.5, 0.0, 0.001, 1.0}, 2000), std::vector<std::int64_t>(2000, 5), 1, num_hashes);
}

}  // namespace
}  // namespace funcsim
