#include "kernels/activation_signatures/activation_signatures.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "elements.h"
#include "kernels/common/bits.h"
#include "packed_bits.h"

namespace funcsim {
namespace {

/// Packs the view for every split and compares each bit, the padding and what lies between the rows.
void expect_right_bits(const Memory& memory, const Activations& view, const std::vector<double>& thresholds,
                       std::int64_t slack = 3) {
  BoolRows expected(view.units, std::vector<bool>(view.samples));
  for (std::int64_t u = 0; u < view.units; ++u) {
    for (std::int64_t s = 0; s < view.samples; ++s) {
      expected[u][s] = memory.get(place(view, s, u)) > (thresholds.empty() ? 0.0 : thresholds[u]);
    }
  }
  const PackedRows packed = pack(expected, view.samples, slack);
  for (const ParallelFor& parallel_for : splits()) {
    std::vector<std::uint8_t> out(packed.bytes.size(), 0xA5);
    const std::optional<NanPosition> found = activation_signatures(
        view, thresholds.empty() ? nullptr : thresholds.data(), out.data(), packed.row_bytes, parallel_for);
    EXPECT_FALSE(found.has_value());
    EXPECT_EQ(out, packed.bytes) << view.samples << " x " << view.units;
  }
}

TEST(ActivationSignatures, PacksEverySizeAndTypeAlongUnitsAndAlongSamples) {
  for (const ScalarType type : all_types) {
    for (const std::int64_t samples : odd_sizes) {
      for (const std::int64_t units : {0, 1, 3, 8, 9, 17}) {
        const Memory memory = random_memory(type, samples * units, 1);
        std::vector<double> thresholds;
        for (std::int64_t u = 0; u < units; ++u) {
          thresholds.push_back(u % 3 == 0 ? 0.0 : u % 3 == 1 ? 0.1 * static_cast<double>(u) : -0.3);
        }
        const Activations rows{memory.data(), type, samples, units, units, 1};
        const Activations columns{memory.data(), type, samples, units, 1, samples};
        expect_right_bits(memory, rows, {});
        expect_right_bits(memory, columns, {});
        expect_right_bits(memory, rows, thresholds);
        expect_right_bits(memory, columns, thresholds);
      }
    }
  }
}

TEST(ActivationSignatures, PacksMoreUnitsAndSamplesThanATile) {
  const Memory memory = random_memory(ScalarType::float32, 1000 * 1100, 2);
  std::vector<double> thresholds;
  for (int u = 0; u < 1100; ++u) {
    thresholds.push_back(0.002 * u);
  }
  expect_right_bits(memory, {memory.data(), ScalarType::float32, 1000, 1100, 1100, 1}, thresholds);
  expect_right_bits(memory, {memory.data(), ScalarType::float32, 1000, 1100, 1, 1000}, thresholds);
  expect_right_bits(memory, {memory.data(), ScalarType::float32, 70000, 7, 7, 1}, {});
  expect_right_bits(memory, {memory.data(), ScalarType::float32, 70000, 7, 1, 70000}, {});
}

TEST(ActivationSignatures, PacksMoreUnitsThanATileOfWholeRows) {
  // Tiles are 2048 units wide from 8 x 512 samples on.
  const Memory memory = random_memory(ScalarType::float32, 3700 * 2100, 9);
  const std::vector<double> thresholds(2100, 0.3);
  expect_right_bits(memory, {memory.data(), ScalarType::float32, 3700, 2100, 2100, 1}, thresholds);
}

TEST(ActivationSignatures, ReadsUnitsAFewElementsApart) {
  for (const ScalarType type : all_types) {
    for (const std::int64_t stride : {2, 3, 4, 5}) {
      for (const std::int64_t units : {1, 2, 31, 64, 77}) {
        constexpr std::int64_t samples = 70;
        const std::int64_t row = units * stride;
        // Nothing beyond the last unit of the last sample may be read.
        const Memory memory = random_memory(type, ((samples - 1) * row) + ((units - 1) * stride) + 1, 4);
        expect_right_bits(memory, {memory.data(), type, samples, units, row, stride}, {});
      }
    }
  }
}

TEST(ActivationSignatures, ReadsAnyStrides) {
  const Memory memory = random_memory(ScalarType::float32, 200 * 90, 3);
  const auto* data = static_cast<const float*>(memory.data());
  const std::vector<double> thresholds(30, 0.25);
  for (const auto& [sample_stride, unit_stride] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {90, 2}, {90, 3}, {2, 400}, {0, 1}, {1, 0}, {0, 0}, {3, 3}, {1, 1}, {7, 5}}) {
    const Activations view{data, ScalarType::float32, 150, 30, sample_stride, unit_stride};
    expect_right_bits(memory, view, thresholds);
  }
  // Backwards: the view starts at its last element, which the reference reads through a copy of the reversed memory.
  Memory reversed(ScalarType::float32, 150 * 30);
  for (std::int64_t i = 0; i < 150 * 30; ++i) {
    reversed.set(i, memory.get((150 * 30) - 1 - i));
  }
  for (const auto& [sample_stride, unit_stride] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{{30, 1}, {1, 150}}) {
    const float* last = data + (150 * 30) - 1;
    std::vector<std::uint8_t> forwards(30 * 19);
    std::vector<std::uint8_t> backwards(30 * 19);
    activation_signatures({reversed.data(), ScalarType::float32, 150, 30, sample_stride, unit_stride}, nullptr,
                          forwards.data(), 19, serial_for);
    activation_signatures({last, ScalarType::float32, 150, 30, -sample_stride, -unit_stride}, nullptr, backwards.data(),
                          19, serial_for);
    EXPECT_EQ(forwards, backwards);
  }
}

TEST(ActivationSignatures, ReadsSamplesAtOffsets) {
  // A convolution's output [images, channels, positions], or with channels last: all positions, and some out of order.
  constexpr std::int64_t images = 7;
  constexpr std::int64_t channels = 5;
  for (const std::int64_t positions : {1, 10, 64, 196, 640}) {
    const Memory memory = random_memory(ScalarType::float32, images * channels * positions, 4);
    for (const bool channels_last : {false, true}) {
      std::vector<std::int64_t> all;
      std::vector<std::int64_t> some;
      for (std::int64_t n = 0; n < images; ++n) {
        for (std::int64_t p = 0; p < positions; ++p) {
          all.push_back((n * channels * positions) + (channels_last ? p * channels : p));
          some.push_back(((images - 1 - n) * channels * positions) +
                         ((p * 7) % positions * (channels_last ? channels : 1)));
        }
      }
      for (const std::vector<std::int64_t>& offsets : {all, some}) {
        const Activations view{memory.data(), ScalarType::float32,           images * positions, channels,
                               -999,          channels_last ? 1 : positions, offsets.data()};
        expect_right_bits(memory, view, {});
        expect_right_bits(memory, view, {0.1, -0.1, 0.0, 2.0, -2.0});
      }
    }
  }
}

TEST(ActivationSignatures, ComparesEveryNarrowValueExactlyWithThresholdsBetweenValues) {
  for (const ScalarType type : {ScalarType::float16, ScalarType::bfloat16}) {
    std::vector<std::uint16_t> numbers;
    for (unsigned bits = 0; bits <= 0xFFFF; ++bits) {
      if (!std::isnan(widened(static_cast<std::uint16_t>(bits), type))) {
        numbers.push_back(static_cast<std::uint16_t>(bits));
      }
    }
    const auto samples = static_cast<std::int64_t>(numbers.size());
    Memory memory(type, samples);
    for (std::int64_t s = 0; s < samples; ++s) {
      memory.set_bits(s, numbers[s]);
    }
    std::vector<double> thresholds{0.0,      -0.0,    1e-300,   -1e-300, 1e300,    -1e300, 0.1,   -0.1,  65504.0,
                                   -65504.0, 65505.0, -65505.0, 65536.0, -65536.0, 6e-8,   -6e-8, 1e-40, -1e-40};
    std::mt19937 random(5);
    for (int i = 0; i < 40; ++i) {  // values of the type, and their neighbours among doubles
      const double value = memory.get(random() % samples);
      if (std::isfinite(value)) {
        thresholds.insert(thresholds.end(), {value, std::nextafter(value, infinity), std::nextafter(value, -infinity)});
      }
    }
    const auto units = static_cast<std::int64_t>(thresholds.size());
    expect_right_bits(memory, {memory.data(), type, samples, units, 1, 0}, thresholds);
    expect_right_bits(memory, {memory.data(), type, samples, units, 1, 0}, {});
  }
}

TEST(ActivationSignatures, DoesNotRoundThresholdsToTheElementType) {
  using Float = std::numeric_limits<float>;
  const std::vector<double> values{0.0,
                                   -0.0,
                                   0.1F,
                                   -0.1F,
                                   Float::denorm_min(),
                                   -Float::denorm_min(),
                                   Float::min(),
                                   Float::max(),
                                   Float::lowest(),
                                   infinity,
                                   -infinity,
                                   1.0,
                                   std::nextafter(1.0F, 2.0F)};
  std::vector<double> thresholds{0.1, -0.1, 1e-300, -1e-300, 1e300, -1e300, 1e-46, -1e-46, 1.0 + 1e-12};
  for (const double value : values) {
    if (std::isfinite(value)) {
      thresholds.insert(thresholds.end(), {value, std::nextafter(value, infinity), std::nextafter(value, -infinity)});
    }
  }
  for (const ScalarType type : {ScalarType::float32, ScalarType::float64}) {
    Memory memory(type, static_cast<std::int64_t>(values.size()));
    for (std::size_t i = 0; i < values.size(); ++i) {
      memory.set(static_cast<std::int64_t>(i), values[i]);
    }
    const Activations view{memory.data(),
                           type,
                           static_cast<std::int64_t>(values.size()),
                           static_cast<std::int64_t>(thresholds.size()),
                           1,
                           0};
    expect_right_bits(memory, view, thresholds);
  }
}

/// Where activation_signatures finds a NaN, which must not depend on the split.
std::optional<NanPosition> found_nan(const Activations& view) {
  std::optional<NanPosition> first;
  for (const ParallelFor& parallel_for : splits()) {
    std::vector<std::uint8_t> out(view.units * signature_bytes(view.samples));
    const std::optional<NanPosition> found =
        activation_signatures(view, nullptr, out.data(), signature_bytes(view.samples), parallel_for);
    if (!first.has_value()) {
      first = found;
    }
    EXPECT_TRUE(found.has_value());
    EXPECT_EQ(found->sample, first->sample);
    EXPECT_EQ(found->unit, first->unit);
  }
  return first;
}

TEST(ActivationSignatures, ReportsTheNanOfTheSmallestUnitAndSample) {
  constexpr std::int64_t samples = 700;
  constexpr std::int64_t units = 600;
  for (const ScalarType type : all_types) {
    for (const bool along_units : {true, false}) {
      Memory memory(type, samples * units);
      const Activations view{memory.data(), type, samples, units, along_units ? units : 1, along_units ? 1 : samples};
      memory.set(place(view, 3, 599), nan);
      EXPECT_EQ(found_nan(view)->unit, 599);
      memory.set(place(view, 699, 5), nan);
      memory.set(place(view, 651, 5), nan);
      memory.set(place(view, 0, 6), nan);
      const std::optional<NanPosition> found = found_nan(view);
      EXPECT_EQ(found->unit, 5);
      EXPECT_EQ(found->sample, 651);
    }
  }
}

TEST(ActivationSignatures, FindsANanWhereverItIs) {
  for (const ScalarType type : all_types) {
    for (const bool along_units : {true, false}) {
      for (std::int64_t at = 0; at < 77 * 9; ++at) {
        Memory memory(type, 77 * 9);
        memory.set(at, at % 2 == 0 ? nan : -nan);
        const Activations view{memory.data(), type, 77, 9, along_units ? 9 : 1, along_units ? 1 : 77};
        std::vector<std::uint8_t> out(9 * 10);
        const std::optional<NanPosition> found = activation_signatures(view, nullptr, out.data(), 10, serial_for);
        ASSERT_TRUE(found.has_value()) << at;
        EXPECT_EQ(place(view, found->sample, found->unit), at);
      }
    }
  }
}

TEST(ActivationSignatures, ReadsAndWritesNothingWhereThereIsNothing) {
  const Activations no_samples{nullptr, ScalarType::float32, 0, 5, 5, 1};
  const std::vector<std::int64_t> too_short(1);
  const Activations no_units{nullptr, ScalarType::float16, 5, 0, 1, 5, too_short.data()};
  EXPECT_FALSE(activation_signatures(no_samples, nullptr, nullptr, 0, serial_for).has_value());
  EXPECT_FALSE(activation_signatures(no_units, nullptr, nullptr, 1, serial_for).has_value());
}

TEST(AnyOfGroups, IsSetWhereAnyBitOfAGroupIs) {
  for (const std::int64_t group_size : {1, 2, 3, 7, 8, 9, 49, 64, 65, 200}) {
    for (const std::int64_t groups : {0, 1, 7, 8, 9, 30}) {
      const std::int64_t samples = groups * group_size;
      const double sparse = 0.5 / static_cast<double>(group_size);
      const BoolRows rows = random_rows({0.0, sparse, sparse, 0.3, 1.0}, samples, static_cast<unsigned>(samples));
      BoolRows expected(rows.size(), std::vector<bool>(groups));
      for (std::size_t u = 0; u < rows.size(); ++u) {
        for (std::int64_t s = 0; s < samples; ++s) {
          expected[u][s / group_size] = expected[u][s / group_size] || rows[u][s];
        }
      }
      // What is beyond the last sample, here all ones, is not looked at.
      PackedRows packed = pack(rows, samples, 2, 0xFF);
      for (std::size_t u = 0; samples % 8 != 0 && u < rows.size(); ++u) {
        packed.bytes[(u * packed.row_bytes) + (samples / 8)] |= static_cast<std::uint8_t>(0xFFU << (samples % 8));
      }
      const PackedRows wanted = pack(expected, groups, 1);
      for (const ParallelFor& parallel_for : splits()) {
        std::vector<std::uint8_t> out(wanted.bytes.size(), 0xA5);
        any_of_groups(packed.bytes.data(), static_cast<std::int64_t>(rows.size()), packed.row_bytes, groups, group_size,
                      out.data(), wanted.row_bytes, parallel_for);
        EXPECT_EQ(out, wanted.bytes) << groups << " groups of " << group_size;
      }
    }
  }
}

}  // namespace
}  // namespace funcsim
