#include <numeric>

#include "device_under_test.h"

namespace funcsim {
namespace {

using MemoryCuda = DeviceTest;

TEST_F(MemoryCuda, CopiesThereAndBack) {
  std::vector<int> values(1000);
  std::iota(values.begin(), values.end(), 1);
  const std::vector<int> expected = values;
  const auto bytes = static_cast<std::int64_t>(values.size() * sizeof(int));
  const DeviceArray<int> there(1000);
  device_kernels().copy_to_device(values.data(), there.data(), bytes, device_queue());
  std::fill(values.begin(), values.end(), 0);  // it isn't pinned: the copy has what was there
  auto* const back = static_cast<int*>(device_kernels().new_shared_memory(bytes, device_queue()));
  device_kernels().copy_to_host(there.data(), back, bytes, device_queue());
  wait_for_device();
  EXPECT_EQ(std::vector<int>(back, back + 1000), expected);
}

}  // namespace
}  // namespace funcsim
