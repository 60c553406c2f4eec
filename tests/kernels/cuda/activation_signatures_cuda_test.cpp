#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "../elements.h"
#include "../packed_bits.h"
#include "device_under_test.h"
#include "kernels/activation_signatures/thresholds.h"
#include "kernels/common/bits.h"

namespace funcsim {
namespace {

using ActivationSignaturesCuda = DeviceTest;

/// Where things lie that may lie anywhere.
struct Layout {
  std::int64_t data_offset = 0;  ///< elements
  std::int64_t out_offset = 0;   ///< bytes
  std::int64_t slack = 3;        ///< bytes between rows
};

/// Preactivations on the host that are on the device as well.
class OnDevice {
 public:
  OnDevice(const Memory& memory, const Activations& view, std::int64_t offset = 0)
      : elements_(memory.bytes(), offset * element_size(view.type)),
        offsets_(view.sample_offsets != nullptr ? view.samples : 0),
        view_(view) {
    const auto* first = static_cast<const std::uint8_t*>(memory.data());
    view_.data = elements_.data() + (static_cast<const std::uint8_t*>(view.data) - first);
    if (view.sample_offsets != nullptr) {
      device_kernels().copy_to_device(view.sample_offsets, offsets_.data(), view.samples * 8, device_queue());
      view_.sample_offsets = offsets_.data();
    }
  }

  const Activations& view() const { return view_; }

 private:
  DeviceArray<std::uint8_t> elements_;
  DeviceArray<std::int64_t> offsets_;
  Activations view_;
};

/// Thresholds in the type that the device compares in.
DeviceArray<std::uint8_t> thresholds_for(ScalarType type, const std::vector<double>& thresholds) {
  std::vector<std::uint8_t> bytes;
  const auto append = [&](auto number) {
    const auto* first = reinterpret_cast<const std::uint8_t*>(&number);
    bytes.insert(bytes.end(), first, first + sizeof(number));
  };
  for (const double t : thresholds) {
    if (type == ScalarType::float64) {
      append(t);
    } else {
      append(floor_to_float(t));
    }
  }
  return DeviceArray<std::uint8_t>(bytes);
}

/// Packs on the host and on the device and compares all bytes, those between rows too.
void expect_bits_of_host(const Memory& memory, const Activations& view, const std::vector<double>& thresholds,
                         const Layout& layout = {}) {
  SCOPED_TRACE(testing::Message() << view.samples << " samples, " << view.units << " units, type "
                                  << static_cast<int>(view.type) << ", strides " << view.sample_stride << ", "
                                  << view.unit_stride << ", slack " << layout.slack << ", at " << layout.data_offset);
  const std::int64_t row_bytes = signature_bytes(view.samples) + layout.slack;
  const std::int64_t bytes = view.units == 0 ? 0 : (view.units * row_bytes) - layout.slack;
  std::vector<std::uint8_t> expected(static_cast<std::size_t>(bytes), 0xCD);
  const double* host_thresholds = thresholds.empty() ? nullptr : thresholds.data();
  ASSERT_FALSE(activation_signatures(view, host_thresholds, expected.data(), row_bytes, serial_for).has_value());

  const OnDevice preactivations(memory, view, layout.data_offset);
  const DeviceArray<std::uint8_t> device_thresholds = thresholds_for(view.type, thresholds);
  const DeviceArray<std::uint8_t> out(std::vector<std::uint8_t>(expected.size(), 0xCD), layout.out_offset);
  const DeviceArray<FaultCell> cell{no_fault};
  device_kernels().activation_signatures(preactivations.view(), thresholds.empty() ? nullptr : device_thresholds.data(),
                                         out.data(), row_bytes, {cell.data(), view.samples, 0}, device_queue());
  EXPECT_EQ(out.download(), expected);
  EXPECT_EQ(cell.download().front(), no_fault);
}

std::vector<double> some_thresholds(std::int64_t units) {
  std::vector<double> thresholds;
  for (std::int64_t u = 0; u < units; ++u) {
    thresholds.push_back(u % 3 == 0 ? 0.0 : u % 3 == 1 ? 0.1 * static_cast<double>(u) : -0.3);
  }
  return thresholds;
}

TEST_F(ActivationSignaturesCuda, PacksEverySizeAndTypeAlongUnitsAndAlongSamples) {
  for (const ScalarType type : all_types) {
    for (const std::int64_t samples : odd_sizes) {
      for (const std::int64_t units : {0, 1, 3, 8, 9, 17}) {
        const Memory memory = random_memory(type, samples * units, 1);
        const Activations rows{memory.data(), type, samples, units, units, 1};
        const Activations columns{memory.data(), type, samples, units, 1, samples};
        for (const std::vector<double>& thresholds : {std::vector<double>{}, some_thresholds(units)}) {
          expect_bits_of_host(memory, rows, thresholds);
          expect_bits_of_host(memory, columns, thresholds);
        }
      }
    }
  }
}

TEST_F(ActivationSignaturesCuda, PacksTilesOfEveryWidthAndPartsOfThem) {
  // Whole vectors of 16 bytes at aligned addresses, or units too many; rows of 2, 4, 8 and 16 of them, and more.
  for (const ScalarType type : all_types) {
    const std::int64_t vector = 16 / element_size(type);
    for (const std::int64_t vectors : {2, 3, 4, 5, 8, 11, 16, 17, 33}) {
      for (const std::int64_t samples : {255, 256, 700}) {
        for (const std::int64_t units : {vectors * vector, (vectors * vector) - 1}) {
          const std::int64_t stride = vectors * vector;
          const Memory memory = random_memory(type, samples * stride, 2);
          const Activations rows{memory.data(), type, samples, units, stride, 1};
          expect_bits_of_host(memory, rows, some_thresholds(units), {0, 0, 0});
        }
      }
    }
  }
}

TEST_F(ActivationSignaturesCuda, PacksMoreUnitsAndSamplesThanATile) {
  const Memory memory = random_memory(ScalarType::float32, 3100 * 300, 2);
  std::vector<double> thresholds;
  for (int u = 0; u < 300; ++u) {
    thresholds.push_back(0.005 * u);
  }
  expect_bits_of_host(memory, {memory.data(), ScalarType::float32, 3100, 300, 300, 1}, thresholds);
  expect_bits_of_host(memory, {memory.data(), ScalarType::float32, 3100, 300, 1, 3100}, thresholds);
  expect_bits_of_host(memory, {memory.data(), ScalarType::float32, 70000, 7, 7, 1}, {});
  expect_bits_of_host(memory, {memory.data(), ScalarType::float32, 70000, 7, 1, 70000}, {});
}

TEST_F(ActivationSignaturesCuda, ReadsAndWritesAtAnyAddress) {
  for (const ScalarType type : all_types) {
    for (const bool along_units : {true, false}) {
      constexpr std::int64_t samples = 1100;
      constexpr std::int64_t units = 24;
      const Memory memory = random_memory(type, samples * units, 3);
      const Activations view{memory.data(), type, samples, units, along_units ? units : 1, along_units ? 1 : samples};
      for (const std::int64_t offset : {0, 1, 2, 3, 5}) {
        for (const std::int64_t slack : {0, 1, 2, 3}) {
          expect_bits_of_host(memory, view, some_thresholds(units), {offset, offset, slack});
        }
      }
    }
  }
}

TEST_F(ActivationSignaturesCuda, WritesIntoTheMiddleOfLongerRows) {
  const Memory memory = random_memory(ScalarType::float32, 600 * 40, 3);
  for (const bool along_units : {true, false}) {
    for (const std::int64_t before : {8, 9, 10, 11}) {
      const Activations view{memory.data(), ScalarType::float32, 600, 40, along_units ? 40 : 1, along_units ? 1 : 600};
      expect_bits_of_host(memory, view, {}, {0, before, 51});
    }
  }
}

TEST_F(ActivationSignaturesCuda, ReadsUnitsAFewElementsApart) {
  for (const ScalarType type : all_types) {
    for (const std::int64_t stride : {2, 3, 4, 5}) {
      for (const std::int64_t units : {1, 2, 31, 64, 77}) {
        constexpr std::int64_t samples = 70;
        const std::int64_t row = units * stride;
        // Nothing beyond the last unit of the last sample may be read.
        const Memory memory = random_memory(type, ((samples - 1) * row) + ((units - 1) * stride) + 1, 4);
        expect_bits_of_host(memory, {memory.data(), type, samples, units, row, stride}, {});
      }
    }
  }
}

TEST_F(ActivationSignaturesCuda, ReadsAnyStrides) {
  const Memory memory = random_memory(ScalarType::float32, 200 * 90, 3);
  const std::vector<double> thresholds(30, 0.25);
  for (const auto& [sample_stride, unit_stride] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {90, 2}, {90, 3}, {2, 400}, {0, 1}, {1, 0}, {0, 0}, {3, 3}, {1, 1}, {7, 5}}) {
    expect_bits_of_host(memory, {memory.data(), ScalarType::float32, 150, 30, sample_stride, unit_stride}, thresholds);
  }
  // Backwards, from an element on that is far enough from both ends.
  const float* middle = static_cast<const float*>(memory.data()) + (100 * 90);
  for (const auto& [sample_stride, unit_stride] : std::vector<std::pair<std::int64_t, std::int64_t>>{
           {-30, -1}, {-1, -150}, {-30, 1}, {30, -1}, {1, -150}, {-1, 150}, {-60, 2}}) {
    expect_bits_of_host(memory, {middle, ScalarType::float32, 150, 30, sample_stride, unit_stride}, thresholds);
  }
}

TEST_F(ActivationSignaturesCuda, ReadsSamplesAtOffsets) {
  // A convolution's output [images, channels, positions], or with channels last: all positions, and some out of order.
  constexpr std::int64_t images = 7;
  for (const std::int64_t channels : {5, 24}) {
    for (const std::int64_t positions : {1, 10, 64, 196}) {
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
          expect_bits_of_host(memory, view, {});
          expect_bits_of_host(memory, view, some_thresholds(channels));
        }
      }
    }
  }
}

TEST_F(ActivationSignaturesCuda, LooksAtTheAlignmentOfEverySample) {
  // Offsets of whole vectors but for one sample.
  constexpr std::int64_t units = 32;
  for (const ScalarType type : all_types) {
    const Memory memory = random_memory(type, 101 * units, 5);
    for (const std::int64_t odd : {-1, 0, 57, 99}) {
      std::vector<std::int64_t> offsets;
      for (std::int64_t s = 0; s < 100; ++s) {
        offsets.push_back((s * units) + (s == odd ? 1 : 0));
      }
      expect_bits_of_host(memory, {memory.data(), type, 100, units, 0, 1, offsets.data()}, {});
    }
  }
}

TEST_F(ActivationSignaturesCuda, ComparesEveryNarrowValueExactlyWithThresholdsBetweenValues) {
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
    for (int i = 0; i < 6; ++i) {  // values of the type, and their neighbours among doubles
      const double value = memory.get(random() % samples);
      if (std::isfinite(value)) {
        thresholds.insert(thresholds.end(), {value, std::nextafter(value, infinity), std::nextafter(value, -infinity)});
      }
    }
    const auto units = static_cast<std::int64_t>(thresholds.size());
    expect_bits_of_host(memory, {memory.data(), type, samples, units, 1, 0}, thresholds);
    expect_bits_of_host(memory, {memory.data(), type, samples, 1, 1, 0}, {});
    expect_bits_of_host(memory, {memory.data(), type, samples / 64, 64, 64, 1}, {});
  }
}

TEST_F(ActivationSignaturesCuda, DoesNotRoundThresholdsToTheElementType) {
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
  const auto samples = static_cast<std::int64_t>(values.size());
  const auto units = static_cast<std::int64_t>(thresholds.size());
  for (const ScalarType type : {ScalarType::float32, ScalarType::float64}) {
    Memory memory(type, samples * units);
    for (std::int64_t i = 0; i < samples * units; ++i) {
      memory.set(i, values[i / units]);
    }
    expect_bits_of_host(memory, {memory.data(), type, samples, units, units, 1}, thresholds);
    expect_bits_of_host(memory, {memory.data(), type, samples, units, units, 0}, thresholds);
  }
}

#ifdef EMULATED_CUDA
TEST_F(ActivationSignaturesCuda, CountsElementsAndBytesIn64Bits) {
  // Addresses alone: most of this memory is never touched, and so is none.
  constexpr std::int64_t far = (std::int64_t{1} << 31) + 64;
  constexpr std::int64_t rows = 3;
  const auto bytes = static_cast<std::size_t>(((rows - 1) * far * 4) + 4096);
  const auto map = [&] {
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    EXPECT_NE(memory, MAP_FAILED);
    return memory;
  };
  auto* const elements = static_cast<float*>(map());
  auto* const out = static_cast<std::uint8_t*>(map());
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t i = 0; i < 40; ++i) {
      elements[(row * far) + i] = (row * 7 + i * 5) % 3 == 0 ? 1.0F : -1.0F;
    }
  }
  const std::vector<std::int64_t> far_offsets{2 * far, 0, far};
  const DeviceArray<std::int64_t> offsets(far_offsets);
  for (const bool at_offsets : {false, true}) {
    for (const bool along_units : {true, false}) {
      const std::int64_t samples = along_units || at_offsets ? rows : 40;
      const std::int64_t units = along_units ? 40 : rows;
      const std::int64_t unit_stride = along_units ? 1 : at_offsets ? 2 : far;
      const Activations view{elements,
                             ScalarType::float32,
                             samples,
                             units,
                             along_units ? far : 1,
                             unit_stride,
                             at_offsets ? offsets.data() : nullptr};
      const std::int64_t row_bytes = units > rows ? 8 : far;
      const DeviceArray<FaultCell> cell{no_fault};
      device_kernels().activation_signatures(view, nullptr, out, row_bytes, {cell.data(), samples, 0}, device_queue());
      wait_for_device();
      for (std::int64_t u = 0; u < units; ++u) {
        for (std::int64_t s = 0; s < samples; ++s) {
          const std::int64_t place = (at_offsets ? far_offsets[s] : s * view.sample_stride) + (u * unit_stride);
          EXPECT_EQ(((out[(u * row_bytes) + (s / 8)] >> (s % 8)) & 1) != 0, elements[place] > 0) << u << ", " << s;
        }
      }
    }
  }
  munmap(elements, bytes);
  munmap(out, bytes);
}
#endif

/// What is in the cell after packing.
FaultCell found_nan(const Memory& memory, const Activations& view, std::int64_t all_samples, std::int64_t first_sample,
                    FaultCell before = no_fault) {
  const OnDevice preactivations(memory, view);
  const DeviceArray<std::uint8_t> out(view.units * signature_bytes(view.samples));
  const DeviceArray<FaultCell> cell{before};
  device_kernels().activation_signatures(preactivations.view(), nullptr, out.data(), signature_bytes(view.samples),
                                         {cell.data(), all_samples, first_sample}, device_queue());
  return cell.download().front();
}

TEST_F(ActivationSignaturesCuda, ReportsTheNanOfTheSmallestUnitAndSample) {
  constexpr std::int64_t samples = 700;
  constexpr std::int64_t units = 160;
  for (const ScalarType type : all_types) {
    for (const bool along_units : {true, false}) {
      Memory memory(type, samples * units);
      const Activations view{memory.data(), type, samples, units, along_units ? units : 1, along_units ? 1 : samples};
      EXPECT_EQ(found_nan(memory, view, samples, 0), no_fault);
      memory.set(place(view, 3, 159), nan);
      EXPECT_EQ(found_nan(memory, view, samples, 0), (159 * samples) + 3);
      memory.set(place(view, 699, 5), nan);
      memory.set(place(view, 651, 5), nan);
      memory.set(place(view, 0, 6), nan);
      EXPECT_EQ(found_nan(memory, view, samples, 0), (5 * samples) + 651);
      // As a part of a run, which may have found a smaller one before.
      EXPECT_EQ(found_nan(memory, view, 10'000'000'000, 3'000'000'000), 53'000'000'651);
      EXPECT_EQ(found_nan(memory, view, samples, 0, 5), 5);
    }
  }
}

TEST_F(ActivationSignaturesCuda, FindsANanWhereverItIs) {
  for (const ScalarType type : all_types) {
    const std::int64_t vector = 16 / element_size(type);
    for (const std::int64_t units : {3 * vector, std::int64_t{9}}) {
      for (const bool along_units : {true, false}) {
        for (std::int64_t at = 0; at < 77 * units; at += 5) {
          Memory memory(type, 77 * units);
          memory.set(at, at % 2 == 0 ? nan : -nan);
          const Activations view{memory.data(), type, 77, units, along_units ? units : 1, along_units ? 1 : 77};
          const FaultCell found = found_nan(memory, view, 77, 0);
          ASSERT_NE(found, no_fault) << at;
          EXPECT_EQ(place(view, static_cast<std::int64_t>(found % 77), static_cast<std::int64_t>(found / 77)), at);
        }
      }
    }
  }
}

TEST_F(ActivationSignaturesCuda, FindsANanInWholeTilesOfSamplesAndAtOffsets) {
  for (const ScalarType type : all_types) {
    for (const std::int64_t at : {0, 7, 8, 31, 255, 256, 500, 1023, 1024, 1029}) {
      Memory memory(type, 2 * 1030);
      memory.set(1030 + at, nan);
      EXPECT_EQ(found_nan(memory, {memory.data(), type, 1030, 2, 1, 1030}, 1030, 0), 1030 + at);
      std::vector<std::int64_t> offsets;
      for (std::int64_t s = 0; s < 1030; ++s) {
        offsets.push_back(1029 - s);
      }
      const Activations view{memory.data(), type, 1030, 2, 0, 1030, offsets.data()};
      EXPECT_EQ(found_nan(memory, view, 1030, 0), 1030 + 1029 - at);
    }
  }
}

TEST_F(ActivationSignaturesCuda, ReadsAndWritesNothingWhereThereIsNothing) {
  const NanReport nowhere{nullptr, 5, 0};
  const Activations no_samples{nullptr, ScalarType::float32, 0, 5, 5, 1};
  const Activations no_units{nullptr, ScalarType::float16, 5, 0, 1, 5};
  device_kernels().activation_signatures(no_samples, nullptr, nullptr, 0, nowhere, device_queue());
  device_kernels().activation_signatures(no_units, nullptr, nullptr, 1, nowhere, device_queue());
  wait_for_device();
}

}  // namespace
}  // namespace funcsim
