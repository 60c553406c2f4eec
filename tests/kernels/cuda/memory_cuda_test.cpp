// Memory and order, and the helpers of these tests.

#include <gtest/gtest-spi.h>

#include <numeric>
#include <thread>

#include "device_under_test.h"
#include "kernels/common/error.h"

extern "C" const funcsim::DeviceKernels* funcsim_device_kernels(std::int64_t interface_version);

namespace funcsim {
namespace {

using MemoryCuda = DeviceTest;

constexpr std::int64_t size = 1000;
constexpr auto bytes = static_cast<std::int64_t>(size * sizeof(int));

int* new_shared_numbers() {
  return static_cast<int*>(device_kernels().new_shared_memory(bytes, device_queue()));
}

std::vector<int> numbers_from(int first) {
  std::vector<int> numbers(size);
  std::iota(numbers.begin(), numbers.end(), first);
  return numbers;
}

TEST_F(MemoryCuda, AnotherInterfaceHasNoKernels) {
  EXPECT_EQ(funcsim_device_kernels(DeviceKernels::interface_version + 1), nullptr);
  EXPECT_EQ(funcsim_device_kernels(DeviceKernels::interface_version), &device_kernels());
}

TEST_F(MemoryCuda, CopiesThereAndBack) {
  std::vector<int> values = numbers_from(1);
  const DeviceArray<int> there(size);
  device_kernels().copy_to_device(values.data(), there.data(), bytes, device_queue());
  std::fill(values.begin(), values.end(), 0);  // it isn't pinned: the copy has what was there
  int* const back = new_shared_numbers();
  device_kernels().copy_to_host(there.data(), back, bytes, device_queue());
  wait_for_device();
  EXPECT_EQ(std::vector<int>(back, back + size), numbers_from(1));
  EXPECT_EQ(there.download(), numbers_from(1));
}

TEST_F(MemoryCuda, CopiesNothing) {
  const DeviceArray<int> there(0);
  device_kernels().copy_to_device(nullptr, there.data(), 0, device_queue());
  device_kernels().copy_to_host(there.data(), nullptr, 0, device_queue());
  device_kernels().fill(there.data(), 1, 0, device_queue());
  wait_for_device();
}

TEST_F(MemoryCuda, FillsBytes) {
  const DeviceArray<std::uint8_t> there({1, 2, 3, 4});
  device_kernels().fill(there.data() + 1, 0xAB, 2, device_queue());
  EXPECT_EQ(there.download(), (std::vector<std::uint8_t>{1, 0xAB, 0xAB, 4}));
}

TEST_F(MemoryCuda, PointsComeWithTheWorkBeforeThem) {
  const DeviceArray<int> there(numbers_from(7));
  int* const back = new_shared_numbers();
  device_kernels().copy_to_host(there.data(), back, bytes, device_queue());
  void* const point = device_kernels().record(device_queue());
  device_kernels().fill(there.data(), 0, bytes, device_queue());
  std::thread([point] { device_kernels().wait(point); }).join();
  EXPECT_EQ(std::vector<int>(back, back + size), numbers_from(7));
}

TEST_F(MemoryCuda, CopiesBesideTheWorkThatFollows) {
  const DeviceArray<int> there(size);
  device_kernels().copy_to_device(numbers_from(9).data(), there.data(), bytes, device_queue());
  int* const back = new_shared_numbers();
  void* const point = device_kernels().copy_to_host_aside(there.data(), back, bytes, device_queue());
  const DeviceArray<int> other(size);
  device_kernels().fill(other.data(), 0, bytes, device_queue());
  device_kernels().wait(point);
  EXPECT_EQ(std::vector<int>(back, back + size), numbers_from(9));
  EXPECT_EQ(other.download(), std::vector<int>(size, 0));
}

TEST_F(MemoryCuda, DeviceAndHostReachSharedMemoryByOneAddress) {
  int* const shared = new_shared_numbers();
  shared[0] = 5;
  const DeviceArray<int> there(1);
  device_kernels().copy_to_device(shared, there.data(), sizeof(int), device_queue());
  device_kernels().fill(shared + 1, 0xFF, sizeof(int), device_queue());
  EXPECT_EQ(there.download(), std::vector<int>{5});
  EXPECT_EQ(shared[1], -1);
}

TEST_F(MemoryCuda, KnowsThatAGraphIsRecorded) {
  const auto stream = static_cast<cudaStream_t>(device_queue().stream);
  const DeviceArray<std::uint8_t> there({1, 2, 3});
  wait_for_device();
  EXPECT_FALSE(device_kernels().is_capturing(device_queue()));
  ASSERT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), cudaSuccess);
  EXPECT_TRUE(device_kernels().is_capturing(device_queue()));
  device_kernels().fill(there.data(), 4, 2, device_queue());
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  EXPECT_FALSE(device_kernels().is_capturing(device_queue()));
  EXPECT_EQ(there.download(), (std::vector<std::uint8_t>{1, 2, 3}));
  cudaGraphExec_t executable = nullptr;
  ASSERT_EQ(cudaGraphInstantiate(&executable, graph, 0), cudaSuccess);
  ASSERT_EQ(cudaGraphLaunch(executable, stream), cudaSuccess);
  EXPECT_EQ(there.download(), (std::vector<std::uint8_t>{4, 4, 3}));
  EXPECT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
}

TEST_F(MemoryCuda, WorksOnTheQueuesDeviceAndLeavesTheCurrentOne) {
  int devices = 0;
  ASSERT_EQ(cudaGetDeviceCount(&devices), cudaSuccess);
  if (devices < 2) {
    GTEST_SKIP() << "there is one GPU only";
  }
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  const DeviceQueue second{1, stream, nullptr};
  device_kernels().wait(device_kernels().record(second));
  device_kernels().synchronize(second);
  int current = -1;
  EXPECT_EQ(cudaGetDevice(&current), cudaSuccess);
  EXPECT_EQ(current, 0);
  EXPECT_EQ(cudaStreamDestroy(stream), cudaSuccess);
}

TEST_F(MemoryCuda, SaysWhatTheDeviceRefuses) {
  try {
    device_kernels().synchronize({1000, nullptr, nullptr});
    FAIL() << "there is no such device";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "CUDA: choosing the device failed: invalid device ordinal");
  }
  EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "the next call would be blamed";
}

TEST_F(MemoryCuda, ScratchMemoryIsAlignedAndKept) {
  const void* const first = device_queue().scratch(3);
  const void* const second = device_queue().scratch(3);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 256, 0);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(second) % 256, 0);
  EXPECT_NE(first, second);
}

#ifndef __SANITIZE_ADDRESS__  // has no guards
TEST_F(MemoryCuda, GuardsShowWhatIsWrittenOutOfBounds) {
  EXPECT_NONFATAL_FAILURE(
      {
        const DeviceArray<std::uint8_t> memory(10, 3);
        device_kernels().fill(memory.data(), 0, 11, device_queue());
        memory.download();
      },
      "wrote 0 bytes after the memory of 10 bytes");
  EXPECT_NONFATAL_FAILURE(
      {
        const DeviceArray<std::uint8_t> memory(10, 3);
        device_kernels().fill(memory.data() - 2, 0, 11, device_queue());
        memory.download();
      },
      "wrote 2 bytes before the memory of 10 bytes");
  const DeviceArray<std::uint8_t> memory(10, 3);
  device_kernels().fill(memory.data(), 0, 10, device_queue());
  memory.download();
}
#endif

}  // namespace
}  // namespace funcsim
