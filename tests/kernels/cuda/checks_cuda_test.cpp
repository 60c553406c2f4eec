#include <limits>

#include "device_under_test.h"

namespace funcsim {
namespace {

using ChecksCuda = DeviceTest;

FaultCell padding_fault(const std::vector<std::uint8_t>& rows, std::int64_t units, std::int64_t row_bytes,
                        std::int64_t samples, FaultCell before = no_fault) {
  const DeviceArray<std::uint8_t> signatures(rows, 1);
  const DeviceArray<FaultCell> cell{before};
  device_kernels().find_padding_bits(signatures.data(), units, row_bytes, samples, cell.data(), device_queue());
  return cell.download().front();
}

TEST_F(ChecksCuda, FindsTheFirstUnitWithPaddingBits) {
  constexpr std::int64_t units = 700;
  for (std::int64_t used = 1; used <= 8; ++used) {
    const std::int64_t samples = 16 + used;
    constexpr std::int64_t row_bytes = 5;  // three are looked at
    std::vector<std::uint8_t> rows(units * row_bytes, 0xFF);
    for (std::int64_t u = 0; u < units; ++u) {
      rows[(u * row_bytes) + 2] = static_cast<std::uint8_t>((1U << used) - 1);
    }
    EXPECT_EQ(padding_fault(rows, units, row_bytes, samples), no_fault) << used;
    for (const std::int64_t bad : {699, 301, 300, 0}) {
      const std::int64_t bit = bad % 2 == 0 ? used : 7;
      rows[(bad * row_bytes) + 2] |= static_cast<std::uint8_t>(1U << bit);
      EXPECT_EQ(padding_fault(rows, units, row_bytes, samples), used == 8 ? no_fault : static_cast<FaultCell>(bad));
    }
    EXPECT_EQ(padding_fault(rows, 300, row_bytes, samples, 0), 0);
  }
  EXPECT_EQ(padding_fault({}, 0, 1, 3), no_fault);
  EXPECT_EQ(padding_fault({}, 5, 0, 0), no_fault);
}

FaultCell index_fault(const std::vector<std::int64_t>& indices, std::int64_t end, FaultCell before = no_fault) {
  const DeviceArray<std::int64_t> on_device(indices);
  const DeviceArray<FaultCell> cell{before};
  device_kernels().find_bad_indices(on_device.data(), on_device.size(), end, cell.data(), device_queue());
  return cell.download().front();
}

TEST_F(ChecksCuda, FindsTheFirstBadIndex) {
  constexpr std::int64_t end = std::int64_t{1} << 40;
  std::vector<std::int64_t> indices(1500, 0);
  indices[7] = end - 1;
  EXPECT_EQ(index_fault(indices, end), no_fault);
  EXPECT_EQ(index_fault(indices, end - 1), 7);
  EXPECT_EQ(index_fault(indices, end - 1, 3), 3);
  indices[1499] = end;
  EXPECT_EQ(index_fault(indices, end), 1499);
  indices[900] = -1;
  EXPECT_EQ(index_fault(indices, end), 900);
  indices[899] = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(index_fault(indices, end), 899);
  indices[31] = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(index_fault(indices, end), 31);
  EXPECT_EQ(index_fault({}, 0), no_fault);
  EXPECT_EQ(index_fault({0}, 0), 0);
}

TEST_F(ChecksCuda, LooksAtMoreThanItsThreads) {
  // 4096 blocks of 256 threads look at a million each.
  std::vector<std::int64_t> indices(2'200'000, 1);
  EXPECT_EQ(index_fault(indices, 2), no_fault);
  indices[2'199'999] = 2;
  EXPECT_EQ(index_fault(indices, 2), 2'199'999);
  indices[1'048'576] = 2;
  EXPECT_EQ(index_fault(indices, 2), 1'048'576);
}

}  // namespace
}  // namespace funcsim
