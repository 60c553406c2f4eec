#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <string>

#include "../packed_bits.h"
#include "device_under_test.h"
#include "kernels/common/error.h"
#include "kernels/jaccard/jaccard.h"

namespace funcsim {
namespace {

/// Sets FUNCSIM_CUDA_JACCARD while it lives.
class ForcedPath {
 public:
  explicit ForcedPath(const char* name) { setenv("FUNCSIM_CUDA_JACCARD", name, 1); }
  ~ForcedPath() { unsetenv("FUNCSIM_CUDA_JACCARD"); }
  ForcedPath(const ForcedPath&) = delete;
  ForcedPath& operator=(const ForcedPath&) = delete;
};

/// Calls `test` with each path forced that the device has; an emulated one has all, with one capability or another.
void for_each_path(const std::function<void()>& test) {
  const std::vector<std::pair<const char*, int>> paths{
      {"popcount", 75}, {"mma_b1", 80}, {"mma_s8", 120}, {"wgmma_b1", 90}};
  for (const auto& [name, capability] : paths) {
    const ForcedPath forced(name);
    SCOPED_TRACE(name);
    for_each_capability({capability}, [&] {
      const DeviceArray<std::uint8_t> row{1};
      const DeviceArray<float> out(1);
      try {
        device_kernels().jaccard(row.data(), 1, row.data(), 1, 1, out.data(), device_queue());
      } catch (const Error& error) {
        EXPECT_NE(std::string(error.what()).find("must name a way to count"), std::string::npos) << error.what();
#ifdef EMULATED_CUDA
        FAIL() << error.what();
#endif
        return;
      }
      test();
    });
  }
}

/// Rows in host and device memory.
struct Rows {
  std::int64_t units;
  PackedRows packed;
  DeviceArray<std::uint8_t> there;

  explicit Rows(std::int64_t unit_count, const PackedRows& rows, std::int64_t offset = 0)
      : units(unit_count), packed(rows), there(rows.bytes, offset) {}
};

/// Units of all densities: some that never fire, some that always do.
Rows some_rows(std::int64_t units, std::int64_t samples, unsigned seed, std::int64_t offset = 0) {
  const std::vector<double> choice{0.5, 0.0, 0.02, 1.0, 0.9, 0.3};
  std::vector<double> densities;
  for (std::int64_t u = 0; u < units; ++u) {
    densities.push_back(choice[static_cast<std::size_t>((u + seed) % 6)]);
  }
  PackedRows packed = pack(random_rows(densities, samples, seed), samples);
  packed.row_bytes = (samples + 7) / 8;
  return Rows(units, packed, offset);
}

void expect_equal(const std::vector<float>& got, const std::vector<float>& expected, std::int64_t columns) {
  ASSERT_EQ(got.size(), expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    // As bits: the sign of zero counts, and what was never written is no number.
    std::uint32_t bits[2];
    std::memcpy(&bits[0], &got[i], 4);
    std::memcpy(&bits[1], &expected[i], 4);
    ASSERT_EQ(bits[0], bits[1]) << got[i] << " instead of " << expected[i] << " in row "
                                << static_cast<std::int64_t>(i) / columns << ", column "
                                << static_cast<std::int64_t>(i) % columns;
  }
}

/// Compares both similarities with those of the CPU.
void expect_same_as_cpu(const Rows& a, const Rows& b, std::int64_t samples) {
  SCOPED_TRACE(std::to_string(a.units) + " and " + std::to_string(b.units) + " units, " + std::to_string(samples) +
               " samples");
  const std::int64_t size = a.units * b.units;
  const std::int64_t row_bytes = a.packed.row_bytes;
  // One pointer where it is one array, which the kernels look for.
  const std::uint8_t* const host_a = a.packed.bytes.data();
  const std::uint8_t* const host_b = &a == &b ? host_a : b.packed.bytes.data();
  std::vector<float> expected(static_cast<std::size_t>(size));
  const DeviceArray<float> out(size);
  jaccard(host_a, a.units, host_b, b.units, row_bytes, expected.data(), serial_for);
  device_kernels().jaccard(a.there.data(), a.units, b.there.data(), b.units, row_bytes, out.data(), device_queue());
  expect_equal(out.download(), expected, b.units);
  const DeviceArray<float> phi_out(size);
  phi(host_a, a.units, host_b, b.units, row_bytes, samples, expected.data(), serial_for);
  device_kernels().phi(a.there.data(), a.units, b.there.data(), b.units, row_bytes, samples, phi_out.data(),
                       device_queue());
  expect_equal(phi_out.download(), expected, b.units);
}

using JaccardCuda = DeviceTest;

TEST_F(JaccardCuda, EqualsTheCpuOnEveryPath) {
  struct Shape {
    std::int64_t units_a, units_b, samples;
  };
  for_each_path([] {
    // Up to the last row, column, sample of a tile and a piece of rows, and beyond.
    for (const Shape& shape : std::vector<Shape>{{1, 1, 1},
                                                 {1, 300, 77},
                                                 {300, 1, 129},
                                                 {63, 65, 1030},
                                                 {64, 64, 1024},
                                                 {65, 63, 1025},
                                                 {128, 128, 2048},
                                                 {129, 257, 2049},
                                                 {127, 255, 2047},
                                                 {5, 3, 4999},
                                                 {260, 290, 5000}}) {
      expect_same_as_cpu(some_rows(shape.units_a, shape.samples, 1), some_rows(shape.units_b, shape.samples, 2),
                         shape.samples);
    }
  });
}

TEST_F(JaccardCuda, EqualsTheCpuOnRandomShapes) {
  std::mt19937_64 random(3);
  const auto up_to = [&](std::uint64_t most) { return static_cast<std::int64_t>(1 + (random() % most)); };
  for_each_path([&] {
    for (int k = 0; k < 6; ++k) {
      const std::int64_t samples = up_to(5000);
      expect_same_as_cpu(some_rows(up_to(300), samples, 4), some_rows(up_to(300), samples, 5), samples);
    }
  });
}

TEST_F(JaccardCuda, CountsEachPairOnceWhereBothAreOne) {
  for_each_path([] {
    for (const std::int64_t units : {1, 2, 64, 65, 127, 129, 300}) {
      const Rows rows = some_rows(units, 1100, 6);
      expect_same_as_cpu(rows, rows, 1100);
    }
    // The same memory, but not as many units.
    const Rows rows = some_rows(130, 900, 7);
    const DeviceArray<float> out(130 * 70);
    std::vector<float> expected(130 * 70);
    const std::uint8_t* const host = rows.packed.bytes.data();
    jaccard(host, 130, host, 70, rows.packed.row_bytes, expected.data(), serial_for);
    device_kernels().jaccard(rows.there.data(), 130, rows.there.data(), 70, rows.packed.row_bytes, out.data(),
                             device_queue());
    expect_equal(out.download(), expected, 70);
  });
}

TEST_F(JaccardCuda, ReadsRowsOfAnySizeAtAnyAddress) {
  for_each_path([] {
    for (std::int64_t offset = 0; offset < 17; ++offset) {
      const std::int64_t samples = 8 * (120 + offset);
      expect_same_as_cpu(some_rows(7, samples, 8, offset), some_rows(9, samples, 9), samples);
      expect_same_as_cpu(some_rows(7, 1024, 10, offset), some_rows(9, 1024, 11, offset / 2), 1024);
    }
  });
}

TEST_F(JaccardCuda, CutsLongRowsOfFewUnits) {
  for_each_path([] {
    for (const std::int64_t row_bytes : {2048, 2049, 5003}) {
      const Rows a = some_rows(5, 8 * row_bytes, 12);
      expect_same_as_cpu(a, some_rows(3, 8 * row_bytes, 13), 8 * row_bytes);
      expect_same_as_cpu(a, a, 8 * row_bytes);
    }
  });
}

TEST_F(JaccardCuda, CountsSetsOfMoreBytesThanAWarpTakes) {
  for (const std::int64_t row_bytes : {33000, 32768, 16384}) {
    const Rows a = some_rows(3, 8 * row_bytes, 18);
    expect_same_as_cpu(a, some_rows(2, 8 * row_bytes, 19, row_bytes % 16 == 0 ? 0 : 5), 8 * row_bytes);
  }
}

TEST_F(JaccardCuda, EveryByteCountsItsBits) {
  std::vector<std::uint8_t> every(256);
  for (std::size_t byte = 0; byte < 256; ++byte) {
    every[byte] = static_cast<std::uint8_t>(byte);
  }
  for_each_path([&] {
    const Rows rows(256, {1, every});
    const Rows others(256, {1, every});
    expect_same_as_cpu(rows, others, 8);
  });
}

TEST_F(JaccardCuda, WantsNothingWhereThereIsNothing) {
  for_each_path([] {
    device_kernels().jaccard(nullptr, 0, nullptr, 3, 5, nullptr, device_queue());
    device_kernels().phi(nullptr, 3, nullptr, 0, 5, 40, nullptr, device_queue());
    // No samples: empty sets, which are equal.
    const DeviceArray<float> out(6);
    device_kernels().jaccard(nullptr, 2, nullptr, 3, 0, out.data(), device_queue());
    expect_equal(out.download(), std::vector<float>(6, 1.0F), 3);
    const DeviceArray<float> square(9);
    device_kernels().phi(nullptr, 3, nullptr, 3, 0, 0, square.data(), device_queue());
    expect_equal(square.download(), std::vector<float>(9, 1.0F), 3);
  });
}

TEST_F(JaccardCuda, PhiIsExactUpToTwoToThe31Samples) {
  // Only the products see the number of samples.
  const Rows a(2, {1, {0b0111, 0b1111}});
  const Rows b(1, {1, {0b1110}});
  for (const std::int64_t samples : {std::int64_t{1} << 26, (std::int64_t{1} << 26) + 1, std::int64_t{1} << 31}) {
    expect_same_as_cpu(a, b, samples);
  }
}

TEST_F(JaccardCuda, IsRecordedIntoAGraph) {
  const auto stream = static_cast<cudaStream_t>(device_queue().stream);
  for_each_path([&] {
    const Rows a = some_rows(70, 20000, 14, 1);  // copied, and cut into slices
    const Rows b = some_rows(130, 20000, 15);
    const std::int64_t size = a.units * b.units;
    const DeviceArray<float> out(size);
    wait_for_device();
    // Relaxed, because this queue's scratch memory is allocated as it is asked for.
    ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), cudaSuccess);
    device_kernels().jaccard(a.there.data(), a.units, b.there.data(), b.units, a.packed.row_bytes, out.data(),
                             device_queue());
    cudaGraph_t graph = nullptr;
    ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
    cudaGraphExec_t executable = nullptr;
    ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
    std::vector<float> expected(static_cast<std::size_t>(size));
    jaccard(a.packed.bytes.data(), a.units, b.packed.bytes.data(), b.units, a.packed.row_bytes, expected.data(),
            serial_for);
    for (int launch = 0; launch < 2; ++launch) {
      device_kernels().fill(out.data(), 0xFF, size * static_cast<std::int64_t>(sizeof(float)), device_queue());
      ASSERT_EQ(cudaGraphLaunch(executable, stream), cudaSuccess);
      expect_equal(out.download(), expected, b.units);
    }
    ASSERT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
    ASSERT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  });
}

TEST_F(JaccardCuda, RunsOnItsDeviceWhicheverIsCurrent) {
  int devices = 0;
  ASSERT_EQ(cudaGetDeviceCount(&devices), cudaSuccess);
  if (devices < 2) {
    GTEST_SKIP() << "there is one device";
  }
  for_each_path([] {
    const Rows a = some_rows(5, 30000, 16, 3);
    const Rows b = some_rows(70, 30000, 17);
    const DeviceArray<float> out(350);
    ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
    device_kernels().jaccard(a.there.data(), 5, b.there.data(), 70, a.packed.row_bytes, out.data(), device_queue());
    int current = 0;
    ASSERT_EQ(cudaGetDevice(&current), cudaSuccess);
    EXPECT_EQ(current, 1);
    ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
    std::vector<float> expected(350);
    jaccard(a.packed.bytes.data(), 5, b.packed.bytes.data(), 70, a.packed.row_bytes, expected.data(), serial_for);
    expect_equal(out.download(), expected, 70);
  });
}

TEST_F(JaccardCuda, UnionsAboveTwoToThe24AreRoundedOnce) {
#ifdef EMULATED_CUDA
  GTEST_SKIP() << "takes a minute without a GPU";
#endif
  constexpr std::int64_t row_bytes = (std::int64_t{1} << 21) + (1 << 13) + 3;
  std::vector<std::uint8_t> ones(3 * row_bytes, 0xFF);
  ones[row_bytes - 1] = 0x7F;
  std::vector<std::uint8_t> half(row_bytes, 0xFF);
  std::fill(half.begin() + (row_bytes / 2), half.end(), std::uint8_t{0});
  for_each_path([&] { expect_same_as_cpu(Rows(3, {row_bytes, ones}), Rows(1, {row_bytes, half}), 8 * row_bytes); });
}

TEST_F(JaccardCuda, LargeProblemsEqualTheCpuToo) {
#ifdef EMULATED_CUDA
  GTEST_SKIP() << "takes an hour without a GPU";
#endif
  // The first large one tries the paths, the second takes the one that was chosen.
  const Rows a = some_rows(1500, 40001, 20);
  const Rows b = some_rows(1400, 40001, 21);
  expect_same_as_cpu(a, b, 40001);
  expect_same_as_cpu(a, a, 40001);
  // Several groups of tiles, whose order isn't that of the result.
  expect_same_as_cpu(some_rows(3000, 5000, 22), some_rows(2900, 5000, 23), 5000);
}

TEST_F(JaccardCuda, RefusesMoreSamplesThanCountsHold) {
  constexpr std::int64_t row_bytes = std::int64_t{1} << 28;
  device_kernels().jaccard(nullptr, 0, nullptr, 0, row_bytes - 1, nullptr, device_queue());
  EXPECT_THROW(device_kernels().jaccard(nullptr, 0, nullptr, 0, row_bytes, nullptr, device_queue()), Error);
  EXPECT_THROW(device_kernels().phi(nullptr, 0, nullptr, 0, row_bytes, 1, nullptr, device_queue()), Error);
}

TEST_F(JaccardCuda, RefusesToForceWhatThereIsNot) {
  const ForcedPath forced("tensor");
  const DeviceArray<std::uint8_t> row{1};
  const DeviceArray<float> out(1);
  try {
    device_kernels().jaccard(row.data(), 1, row.data(), 1, 1, out.data(), device_queue());
    FAIL();
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("FUNCSIM_CUDA_JACCARD must name a way to count that device 0 has (popcount"), std::string::npos)
        << text;
    EXPECT_NE(text.find("got \"tensor\""), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace funcsim
