// That memory is as strict as a device's, and shows more.

#include "memory.h"

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

namespace {

// Death tests of AddressSanitizer see its report, others the emulator's.
#ifdef __SANITIZE_ADDRESS__
constexpr const char* touched = "use-after-poison";
constexpr const char* overrun = "use-after-poison";
#else
constexpr const char* touched = "host access to device memory at 0x";
constexpr const char* overrun = "written after the end of device memory";
#endif

__global__ void write_at(int* memory, int index) {
  memory[index] = 7;
}

void start(int* memory, int index, cudaStream_t stream = nullptr) {
  cudaLaunchConfig_t config{};
  config.stream = stream;
  ASSERT_EQ(cudaLaunchKernelEx(&config, &write_at, memory, index), cudaSuccess);
}

class EmulatedMemory : public testing::Test {
 protected:
  static constexpr int size = 100;

  void SetUp() override { ASSERT_EQ(cudaMalloc(&memory_, size * sizeof(int)), cudaSuccess); }
  void TearDown() override { EXPECT_EQ(cudaFree(memory_), cudaSuccess); }

  int* memory_ = nullptr;
};

TEST_F(EmulatedMemory, HostCannotTouchIt) {
  EXPECT_DEATH(memory_[3] = 1, touched);
  start(memory_, 3);
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_DEATH(static_cast<void>(*static_cast<volatile int*>(memory_)), touched);
}

TEST_F(EmulatedMemory, WritesPastItsEndShow) {
  start(memory_, size - 1);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  const auto write_past_end = [&](int index) {
    start(memory_, index);
    cudaFree(memory_);
  };
  EXPECT_DEATH(write_past_end(size), overrun);
  EXPECT_DEATH(write_past_end(size + 20), overrun);
}

TEST_F(EmulatedMemory, IsGarbageAtFirstAndWhenItIsUsedAgain) {
  for (int round = 0; round < 2; ++round) {
    int* again = nullptr;
    ASSERT_EQ(cudaMalloc(&again, 1000), cudaSuccess);
    std::vector<unsigned char> bytes(1000);
    ASSERT_EQ(cudaMemcpy(bytes.data(), again, 1000, cudaMemcpyDeviceToHost), cudaSuccess);
    EXPECT_EQ(bytes, std::vector<unsigned char>(1000, emulated_cuda::garbage));
    ASSERT_EQ(cudaMemset(again, 0, 1000), cudaSuccess);
    ASSERT_EQ(cudaFree(again), cudaSuccess);
  }
}

TEST_F(EmulatedMemory, ManySizesComeAndGo) {
  std::vector<void*> held;
  for (int i = 0; i < 1000; ++i) {
    void* memory = nullptr;
    ASSERT_EQ(cudaMalloc(&memory, 1 + (i * 7919) % 5000), cudaSuccess);
    ASSERT_EQ(cudaMemset(memory, i, 1 + (i * 7919) % 5000), cudaSuccess);
    held.push_back(memory);
    if (i % 3 != 0) {
      std::swap(held[(i * 31) % held.size()], held.back());
      ASSERT_EQ(cudaFree(held.back()), cudaSuccess);
      held.pop_back();
    }
  }
  for (void* memory : held) {
    ASSERT_EQ(cudaFree(memory), cudaSuccess);
  }
}

TEST_F(EmulatedMemory, CopiesOfMemoryThatWasFreedFail) {
  void* pinned = nullptr;
  ASSERT_EQ(cudaHostAlloc(&pinned, size, cudaHostAllocDefault), cudaSuccess);
  ASSERT_EQ(cudaMemcpyAsync(pinned, memory_, size, cudaMemcpyDeviceToHost), cudaSuccess);
  ASSERT_TRUE(emulated_cuda::delete_memory(pinned, emulated_cuda::Place::pinned));  // cudaFreeHost would wait
  EXPECT_EQ(cudaStreamSynchronize(nullptr), cudaErrorLaunchFailure);
  EXPECT_STREQ(cudaGetErrorString(cudaErrorLaunchFailure), "memory was freed before it was copied");
  cudaGetLastError();
}

TEST_F(EmulatedMemory, HostFunctionsRunInTheirTurn) {
  std::vector<int> calls;
  const auto call = [](void* list) { static_cast<std::vector<int>*>(list)->push_back(1); };
  ASSERT_EQ(cudaLaunchHostFunc(nullptr, call, &calls), cudaSuccess);
  EXPECT_TRUE(calls.empty());
  ASSERT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(calls.size(), 1);
}

TEST_F(EmulatedMemory, ThreadsHaveTheirOwnDeviceAndWaitForOthersWork) {
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  cudaStream_t stream = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), cudaSuccess);
  cudaEvent_t event = nullptr;
  ASSERT_EQ(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), cudaSuccess);
  start(memory_, 5, stream);
  ASSERT_EQ(cudaEventRecord(event, stream), cudaSuccess);
  std::thread([&] {
    int device = -1;
    EXPECT_EQ(cudaGetDevice(&device), cudaSuccess);
    EXPECT_EQ(device, 0);
    EXPECT_EQ(cudaEventSynchronize(event), cudaSuccess);
  }).join();
  EXPECT_EQ(cudaStreamQuery(stream), cudaSuccess);  // nothing is left to do
  ASSERT_EQ(cudaEventDestroy(event), cudaSuccess);
  ASSERT_EQ(cudaStreamDestroy(stream), cudaSuccess);
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
}

TEST_F(EmulatedMemory, ThreadsWorkAtTheSameTime) {
  const auto work = [] {
    for (int round = 0; round < 200; ++round) {
      int* memory = nullptr;
      ASSERT_EQ(cudaMalloc(&memory, size * sizeof(int)), cudaSuccess);
      start(memory, round % size);
      int value = 0;
      ASSERT_EQ(cudaMemcpy(&value, memory + (round % size), sizeof(int), cudaMemcpyDeviceToHost), cudaSuccess);
      ASSERT_EQ(value, 7);
      ASSERT_EQ(cudaFree(memory), cudaSuccess);
    }
  };
  std::thread other(work);
  work();
  other.join();
}

}  // namespace
