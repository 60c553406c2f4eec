#include "kernels/minhash/minhash.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <thread>
#include <tuple>

#include "kernels/common/hash.h"
#include "packed_bits.h"

namespace funcsim {
namespace {

struct SlotValue {
  std::int64_t slot;
  std::int32_t value;
};

/// Slot and value of a sample, by the definition in docs/hash.md, with 128-bit products.
SlotValue hashed(std::int64_t sample, std::int64_t num_hashes, std::int64_t seed) {
  __extension__ using Wide = unsigned __int128;
  const std::uint64_t hash = HashStream(seed, HashPurpose::sample_order)(static_cast<std::uint64_t>(sample));
  const Wide high = hash / 0x100000000ULL;
  const Wide low = hash % 0x100000000ULL;
  return {static_cast<std::int64_t>(high * static_cast<Wide>(num_hashes) / 0x100000000ULL),
          static_cast<std::int32_t>(low * 0x7FFFFFFFULL / 0x100000000ULL)};
}

using Sketches = std::vector<std::int32_t>;

/// Visits every sample of every unit.
Sketches naive_sketches(const BoolRows& rows, std::int64_t num_hashes, std::int64_t seed, std::int64_t first_sample) {
  Sketches sketches(rows.size() * num_hashes, empty_slot);
  for (std::size_t u = 0; u < rows.size(); ++u) {
    for (std::size_t s = 0; s < rows[u].size(); ++s) {
      if (rows[u][s]) {
        const SlotValue h = hashed(first_sample + static_cast<std::int64_t>(s), num_hashes, seed);
        std::int32_t& slot = sketches[(u * num_hashes) + h.slot];
        slot = std::min(slot, h.value);
      }
    }
  }
  return sketches;
}

void merge(const BoolRows& rows, std::int64_t num_samples, std::int64_t num_hashes, std::int64_t seed,
           std::int64_t first_sample, Sketches& sketches, const ParallelFor& parallel_for = serial_for,
           std::int64_t slack = 0) {
  const PackedRows packed = pack(rows, num_samples, slack, 0xFF);
  minhash(packed.bytes.data(), static_cast<std::int64_t>(rows.size()), packed.row_bytes,
          sample_order(num_samples, num_hashes, seed, first_sample, serial_for), sketches.data(), parallel_for);
}

TEST(SampleOrder, SortsSamplesBySlotValueAndIndex) {
  for (const std::int64_t num_samples : {0, 1, 2, 65, 3000, 3001, 20000, 20001}) {
    // With the last, buckets are so many that they have no places.
    for (const std::int64_t num_hashes : {1, 2, 100, 1024, 5000, 70000}) {
      for (const auto& [seed, first] : std::vector<std::pair<std::int64_t, std::int64_t>>{
               {0, 0}, {-3, 1000}, {9, std::numeric_limits<std::int64_t>::max() - 20001}}) {
        std::vector<std::tuple<std::int64_t, std::int32_t, std::int64_t>> expected;
        for (std::int64_t s = 0; s < num_samples; ++s) {
          const SlotValue h = hashed(first + s, num_hashes, seed);
          expected.emplace_back(h.slot, h.value, s);
        }
        std::sort(expected.begin(), expected.end());
        const SampleOrder order = sample_order(num_samples, num_hashes, seed, first, splits()[num_samples % 2]);
        ASSERT_EQ(order.slot_begin.size(), static_cast<std::size_t>(num_hashes) + 1);
        ASSERT_EQ(order.samples.size(), expected.size());
        ASSERT_EQ(order.values.size(), expected.size());
        EXPECT_EQ(order.slot_begin.front(), 0);
        EXPECT_EQ(order.slot_begin.back(), num_samples);
        for (std::int64_t slot = 0; slot < num_hashes; ++slot) {
          for (std::int64_t k = order.slot_begin[slot]; k < order.slot_begin[slot + 1]; ++k) {
            ASSERT_EQ(std::tuple(slot, order.values[k], order.samples[k]), expected[k]);
          }
        }
      }
    }
  }
}

TEST(SampleOrder, GivesRowsToTheFirstSamplesOfEverySlot) {
  for (const auto& [num_samples, num_hashes, most] : std::vector<std::tuple<std::int64_t, std::int64_t, std::int64_t>>{
           {100000, 1000, 65}, {65001, 1000, 65}, {200000, 2000, 64}, {70000, 1, 65536}}) {
    const SampleOrder order = sample_order(num_samples, num_hashes, 1, 0, serial_for);
    std::int64_t row = 0;
    std::vector<std::int64_t> expected(num_samples, -1);
    for (std::int64_t slot = 0; slot < num_hashes; ++slot) {
      ASSERT_EQ(order.row_begin[slot], row);
      for (std::int64_t k = order.slot_begin[slot]; k < order.slot_begin[slot + 1]; ++k) {
        if (k - order.slot_begin[slot] < most) {
          expected[order.samples[k]] = row++;
        }
      }
    }
    ASSERT_EQ(order.row_begin[num_hashes], row);
    for (std::int64_t s = 0; s < num_samples; ++s) {
      ASSERT_EQ(order.rows[s], expected[s] < 0 ? row : expected[s]) << s;
    }
  }
}

TEST(SampleOrder, LeavesSamplesInOrderWhereAllHaveRows) {
  for (const auto& [num_samples, num_hashes] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{0, 3}, {500, 3}, {65000, 1000}, {128000, 2000}}) {
    const SampleOrder order = sample_order(num_samples, num_hashes, 1, 0, serial_for);
    EXPECT_TRUE(order.rows.empty());
    EXPECT_EQ(order.row_begin, order.slot_begin);
  }
}

TEST(SharedSampleOrder, IsTheSampleOrderAndKeptForTheNextCaller) {
  const auto expect_equal = [](const SampleOrder& a, const SampleOrder& b) {
    EXPECT_EQ(a.slot_begin, b.slot_begin);
    EXPECT_EQ(a.samples, b.samples);
    EXPECT_EQ(a.values, b.values);
    EXPECT_EQ(a.rows, b.rows);
  };
  const std::vector<std::array<std::int64_t, 4>> keys{{100, 7, 1, 5}, {101, 7, 1, 5}, {100, 8, 1, 5},
                                                      {100, 7, 2, 5}, {100, 7, 1, 6}, {(1 << 18) + 1, 7, 1, 5}};
  for (const auto& [samples, hashes, seed, first] : keys) {
    expect_equal(*shared_sample_order(samples, hashes, seed, first, serial_for),
                 sample_order(samples, hashes, seed, first, serial_for));
  }
  const auto kept = shared_sample_order(100, 7, 1, 5, serial_for);
  EXPECT_EQ(shared_sample_order(100, 7, 1, 5, serial_for), kept);
  for (std::int64_t seed = 100; seed < 104; ++seed) {
    static_cast<void>(shared_sample_order(100, 7, seed, 5, serial_for));
  }
  EXPECT_NE(shared_sample_order(100, 7, 1, 5, serial_for), kept);
  // Whoever has one may go on using it.
  expect_equal(*kept, sample_order(100, 7, 1, 5, serial_for));

  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&wrong, t] {
      for (std::int64_t i = 0; i < 200; ++i) {
        const std::int64_t seed = (i * (t + 1)) % 7;
        if (shared_sample_order(50, 3, seed, 0, serial_for)->samples !=
            sample_order(50, 3, seed, 0, serial_for).samples) {
          ++wrong;
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong, 0);
}

TEST(MinHash, FinishesSlotsWhoseFirstSamplesAreNotEnough) {
  constexpr std::int64_t samples = 150000;
  std::vector<double> densities{0.0, 0.00001, 0.0001, 0.001, 0.01, 0.03, 0.1, 0.3, 1.0};
  for (std::int64_t u = 0; u < 58; ++u) {
    densities.push_back(0.4);
  }
  densities.insert(densities.end(), {0.0, 0.00001, 0.02, 0.01});
  const BoolRows rows = random_rows(densities, samples, 6);
  const auto units = static_cast<std::int64_t>(rows.size());
  const PackedRows packed = pack(rows, samples, 1, 0xFF);
  std::vector<std::int64_t> indices(samples);
  std::iota(indices.begin(), indices.end(), 9);
  for (const std::int64_t num_hashes : {3, 400, 1000, 2500}) {
    const Sketches expected = naive_sketches(rows, num_hashes, 2, 9);
    for (const ParallelFor& parallel_for : splits()) {
      Sketches fresh(units * num_hashes, -1);
      new_minhash(packed.bytes.data(), units, packed.row_bytes, sample_order(samples, num_hashes, 2, 9, serial_for),
                  fresh.data(), parallel_for);
      ASSERT_EQ(fresh, expected) << num_hashes;
      Sketches merged(units * num_hashes, empty_slot);
      minhash(packed.bytes.data(), units, packed.row_bytes, sample_order(indices, num_hashes, 2, serial_for),
              merged.data(), parallel_for);
      ASSERT_EQ(merged, expected) << num_hashes;
    }
  }
}

TEST(MinHash, OfARunIsThatOfItsSamplesHoweverManyThereAre) {
  for (const std::int64_t samples : {std::int64_t{0}, std::int64_t{1000}, (2 * ordered_samples(9)) + 77}) {
    const BoolRows rows = random_rows({0.0, 0.00001, 0.5, 0.001}, samples, 8);
    const PackedRows packed = pack(rows, samples, 2, 0xFF);
    Sketches sketches(rows.size() * 9, -1);
    new_minhash_of_run(packed.bytes.data(), 4, packed.row_bytes, samples, 9, 4, 1, sketches.data(), serial_for);
    EXPECT_EQ(sketches, naive_sketches(rows, 9, 4, 1)) << samples;
  }
  for (const std::int64_t num_hashes : {1, 1000, 1 << 14, (1 << 14) + 1, 1 << 30}) {
    EXPECT_EQ(ordered_samples(num_hashes) % 64, 0);
    EXPECT_GE(ordered_samples(num_hashes), 16 * num_hashes);
  }
}

TEST(SampleOrder, ValuesNeverReachTheEmptySlot) {
  const SampleOrder order = sample_order(200000, 1, 4, 0, serial_for);
  EXPECT_TRUE(std::is_sorted(order.values.begin(), order.values.end()));
  EXPECT_GE(order.values.front(), 0);
  EXPECT_LT(order.values.back(), empty_slot);
  // Uniform: the mean of 200000 values is within 4 standard errors of the middle.
  const double mean = std::accumulate(order.values.begin(), order.values.end(), 0.0) / 200000;
  EXPECT_NEAR(mean / 0x1p31, 0.5, 4 / std::sqrt(12.0 * 200000));
}

TEST(MinHash, EqualsALookAtEverySample) {
  const std::vector<double> densities{0.0, 0.01, 0.2, 0.5, 0.9, 1.0};
  for (const std::int64_t samples : odd_sizes) {
    for (const std::int64_t num_hashes : {1, 2, 3, 7, 64, 100, 1024}) {
      const BoolRows rows = random_rows(densities, samples, static_cast<unsigned>(samples));
      for (const ParallelFor& parallel_for : splits()) {
        Sketches sketches(rows.size() * num_hashes, empty_slot);
        merge(rows, samples, num_hashes, -5, 77, sketches, parallel_for, 3);
        ASSERT_EQ(sketches, naive_sketches(rows, num_hashes, -5, 77)) << samples << " samples, " << num_hashes;
      }
    }
  }
}

TEST(MinHash, BatchesMergeToTheWhole) {
  constexpr std::int64_t samples = 3000;
  constexpr std::int64_t num_hashes = 50;
  const BoolRows rows = random_rows({0.001, 0.05, 0.5, 0.99, 0.0}, samples, 1);
  const Sketches whole = naive_sketches(rows, num_hashes, 3, 1000000);
  for (const std::int64_t batch : {1, 13, 64, 1000, 2999}) {
    std::vector<std::int64_t> starts;
    for (std::int64_t start = 0; start < samples; start += batch) {
      starts.push_back(start);
    }
    for (const bool backwards : {false, true}) {
      if (backwards) {
        std::reverse(starts.begin(), starts.end());
      }
      Sketches sketches(rows.size() * num_hashes, empty_slot);
      for (const std::int64_t start : starts) {
        const std::int64_t end = std::min(start + batch, samples);
        BoolRows part;
        for (const std::vector<bool>& row : rows) {
          part.emplace_back(row.begin() + start, row.begin() + end);
        }
        merge(part, end - start, num_hashes, 3, 1000000 + start, sketches);
      }
      EXPECT_EQ(sketches, whole) << "batches of " << batch;
    }
  }
}

TEST(MinHash, SketchOfAUnionIsTheMinimum) {
  constexpr std::int64_t samples = 2000;
  constexpr std::int64_t num_hashes = 128;
  const BoolRows x = random_rows({0.01, 0.3, 0.8}, samples, 2);
  const BoolRows y = random_rows({0.5, 0.02, 0.8}, samples, 3);
  BoolRows either = x;
  for (std::size_t u = 0; u < x.size(); ++u) {
    for (std::int64_t s = 0; s < samples; ++s) {
      either[u][s] = x[u][s] || y[u][s];
    }
  }
  Sketches a(3 * num_hashes, empty_slot);
  Sketches b = a;
  Sketches c = a;
  merge(x, samples, num_hashes, 1, 0, a);
  merge(y, samples, num_hashes, 1, 0, b);
  merge(either, samples, num_hashes, 1, 0, c);
  for (std::size_t k = 0; k < a.size(); ++k) {
    EXPECT_EQ(std::min(a[k], b[k]), c[k]);
  }
  merge(y, samples, num_hashes, 1, 0, a);
  EXPECT_EQ(a, c);
}

TEST(MinHash, EqualsALookAtEverySampleForAnyNumberOfUnits) {
  // Registers have 64 to 512 units; a slot has more samples than a byte counts, few enough for columns (up to 512),
  // or so many that units are walked through.
  for (const std::int64_t units : {1, 5, 6, 63, 64, 65, 130, 257, 513, 600}) {
    for (const auto& [samples, num_hashes] : std::vector<std::pair<std::int64_t, std::int64_t>>{
             {40, 100}, {700, 33}, {960, 30}, {513, 2}, {1000, 2}, {1500, 2}}) {
      std::vector<double> densities;
      for (std::int64_t u = 0; u < units; ++u) {
        densities.push_back(std::vector<double>{0.0, 0.002, 0.01, 0.1, 0.5, 1.0}[(u * 7) % 6]);
      }
      const BoolRows rows = random_rows(densities, samples, static_cast<unsigned>(units));
      const Sketches expected = naive_sketches(rows, num_hashes, 11, 5);
      const PackedRows packed = pack(rows, samples, 1, 0xFF);
      const SampleOrder order = sample_order(samples, num_hashes, 11, 5, serial_for);
      for (const ParallelFor& parallel_for : splits()) {
        Sketches fresh(units * num_hashes, -1);
        new_minhash(packed.bytes.data(), units, packed.row_bytes, order, fresh.data(), parallel_for);
        ASSERT_EQ(fresh, expected) << units << " units, " << samples << " samples, " << num_hashes;
        // What was there stays where it is smaller.
        Sketches merged(units * num_hashes);
        Sketches smaller(merged.size());
        for (std::size_t k = 0; k < merged.size(); ++k) {
          merged[k] = k % 3 == 0 ? empty_slot : static_cast<std::int32_t>((k * 2654435761U) >> 1);
          smaller[k] = std::min(merged[k], expected[k]);
        }
        minhash(packed.bytes.data(), units, packed.row_bytes, order, merged.data(), parallel_for);
        ASSERT_EQ(merged, smaller) << units << " units, " << samples << " samples, " << num_hashes;
      }
    }
  }
}

/// Squared and plain mean error of the estimate of one pair's Jaccard index over many seeds.
struct Errors {
  double bias = 0;
  double variance = 0;
  double bound = 0;
  std::int64_t estimates = 0;
};

/// Sets of the given densities, their intersection halfway between its limits, sketched with many seeds.
Errors estimate_errors(std::int64_t samples, double density_a, double density_b) {
  constexpr std::int64_t num_hashes = 64;
  constexpr std::int64_t seeds = 6000;
  const auto size = [samples](double density) {
    return std::max<std::int64_t>(1, std::llround(static_cast<double>(samples) * density));
  };
  const std::int64_t size_a = size(density_a);
  const std::int64_t size_b = size(density_b);
  const std::int64_t both = (std::max<std::int64_t>(0, size_a + size_b - samples) + std::min(size_a, size_b) + 1) / 2;
  BoolRows rows(2, std::vector<bool>(samples));
  for (std::int64_t s = 0; s < samples; ++s) {
    rows[0][s] = s < size_a;
    rows[1][s] = s < both || (s >= size_a && s < size_a + size_b - both);
  }
  const double jaccard = static_cast<double>(both) / static_cast<double>(size_a + size_b - both);
  Errors errors{0, 0, jaccard * (1 - jaccard) / num_hashes, seeds};
  for (std::int64_t seed = 0; seed < seeds; ++seed) {
    Sketches sketches(2 * num_hashes, empty_slot);
    merge(rows, samples, num_hashes, seed, 0, sketches);
    double used = 0;
    double equal = 0;
    for (std::int64_t k = 0; k < num_hashes; ++k) {
      const std::int32_t x = sketches[k];
      const std::int32_t y = sketches[num_hashes + k];
      used += x != empty_slot || y != empty_slot ? 1 : 0;
      equal += x == y && x != empty_slot ? 1 : 0;
    }
    const double error = (equal / used) - jaccard;
    errors.bias += error / seeds;
    errors.variance += error * error / seeds;
  }
  return errors;
}

TEST(MinHash, EstimatesAreUnbiasedWithAVarianceBelowThatOfIndependentHashes) {
  for (const std::int64_t samples : {20, 150, 2000}) {
    for (const auto& [a, b] : std::vector<std::pair<double, double>>{
             {0.01, 0.01}, {0.1, 0.1}, {0.5, 0.5}, {0.9, 0.9}, {0.99, 0.99}, {0.1, 0.5}, {0.3, 0.95}, {0.02, 0.9}}) {
      const Errors errors = estimate_errors(samples, a, b);
      // 4 standard errors of the mean; the variance of 6000 estimates is known to 2 %.
      EXPECT_LE(std::abs(errors.bias), (4 * std::sqrt(errors.bound / static_cast<double>(errors.estimates))) + 1e-12)
          << samples << " samples, densities " << a << " and " << b;
      EXPECT_LE(errors.variance, (1.05 * errors.bound) + 1e-12)
          << samples << " samples, densities " << a << " and " << b;
    }
  }
}

TEST(SampleOrder, DoesNotDependOnHowTheWorkIsSplit) {
  for (const std::int64_t num_hashes : {3, 1000}) {
    const SampleOrder expected = sample_order(150000, num_hashes, 2, 0, serial_for);
    const SampleOrder order = sample_order(150000, num_hashes, 2, 0, reversed_single_for);
    EXPECT_EQ(order.samples, expected.samples);
    EXPECT_EQ(order.values, expected.values);
    EXPECT_EQ(order.rows, expected.rows);
  }
}

TEST(SampleOrder, OfIndicesThatRepeatKeepsTheirOrder) {
  // Two indices fill a bucket each, however few entries it has room for.
  for (const std::int64_t num_hashes : {1, 1024, 70000}) {
    std::vector<std::int64_t> indices(5000);
    for (std::size_t s = 0; s < indices.size(); ++s) {
      indices[s] = s % 2 == 0 ? 17 : 4;
    }
    std::vector<std::tuple<std::int64_t, std::int32_t, std::uint32_t>> expected;
    for (std::size_t s = 0; s < indices.size(); ++s) {
      const SlotValue h = hashed(indices[s], num_hashes, 3);
      expected.emplace_back(h.slot, h.value, static_cast<std::uint32_t>(s));
    }
    std::sort(expected.begin(), expected.end());
    const SampleOrder order = sample_order(indices, num_hashes, 3, serial_for);
    for (std::size_t k = 0; k < expected.size(); ++k) {
      ASSERT_EQ(order.values[k], std::get<1>(expected[k])) << k;
      ASSERT_EQ(order.samples[k], std::get<2>(expected[k])) << k;
    }
  }
}

TEST(SampleOrder, OfGivenIndicesHashesThem) {
  const SampleOrder run = sample_order(100, 7, 3, 50, serial_for);
  std::vector<std::int64_t> indices(100);
  for (std::int64_t s = 0; s < 100; ++s) {
    indices[s] = 50 + s;
  }
  const SampleOrder same = sample_order(indices, 7, 3, serial_for);
  EXPECT_EQ(same.slot_begin, run.slot_begin);
  EXPECT_EQ(same.samples, run.samples);
  EXPECT_EQ(same.values, run.values);
  std::swap(indices[0], indices[99]);
  EXPECT_NE(sample_order(indices, 7, 3, serial_for).samples, run.samples);
}

}  // namespace
}  // namespace funcsim
