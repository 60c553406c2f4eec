#pragma once

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "kernels/common/device_kernels.h"

namespace funcsim {

// The same tests run in two programs: cuda_kernels_emulated_test has kernels that were compiled for the host
// (tests/emulated_cuda), cuda_kernels_test those of libfuncsim_cuda.so and needs a GPU.

/// The kernels that are tested.
const DeviceKernels& device_kernels();

/// A queue on a stream of its own. Its scratch memory is garbage at first, is kept until the test ends, and is then
/// checked: whoever writes past its end fails the test.
const DeviceQueue& device_queue();

/// Waits for the queue. Tests call it before they look at anything but a DeviceArray.
inline void wait_for_device() {
  device_kernels().synchronize(device_queue());
}

/// Memory of the device that starts as garbage, with guards around it that show writes out of bounds. (With
/// AddressSanitizer there is nothing around it, so that reads show as well.)
class DeviceMemory {
 public:
  /// @param offset the memory begins so many bytes after an address that is a multiple of 256
  explicit DeviceMemory(std::int64_t bytes, std::int64_t offset = 0);
  ~DeviceMemory();
  DeviceMemory(DeviceMemory&& other) noexcept;
  DeviceMemory& operator=(DeviceMemory&&) = delete;
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;

  void* data() const;
  void upload(const void* host);
  /// Waits for the queue, and fails the test if a guard has changed.
  void download(void* host) const;
  void check_guards() const;

 private:
  std::vector<unsigned char> everything() const;

  unsigned char* memory_ = nullptr;
  std::int64_t bytes_;
  std::int64_t before_;  // bytes of the guard there
};

/// DeviceMemory of numbers.
template <typename Number>
class DeviceArray {
 public:
  explicit DeviceArray(std::int64_t size, std::int64_t offset = 0)
      : size_(size), memory_(size * static_cast<std::int64_t>(sizeof(Number)), offset) {}
  explicit DeviceArray(const std::vector<Number>& values, std::int64_t offset = 0)
      : DeviceArray(static_cast<std::int64_t>(values.size()), offset) {
    memory_.upload(values.data());
  }
  DeviceArray(std::initializer_list<Number> values) : DeviceArray(std::vector<Number>(values)) {}

  Number* data() const { return static_cast<Number*>(memory_.data()); }
  std::int64_t size() const { return size_; }

  /// What is there once the queue's work is done.
  std::vector<Number> download() const {
    std::vector<Number> values(static_cast<std::size_t>(size_));
    memory_.download(values.data());
    return values;
  }

 private:
  std::int64_t size_;
  DeviceMemory memory_;
};

/// Base of tests of kernels. Where there is no GPU they are skipped, or fail if FUNCSIM_REQUIRE_CUDA is 1.
class DeviceTest : public testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

 private:
  bool has_device_ = false;
};

/// Calls `test` as often as there are compute capabilities (80 is 8.0), for those that the device is no older than. An
/// emulated device says that it has just this one; of a real one the first call is all there is.
template <typename Test>
void for_each_capability(std::initializer_list<int> capabilities, const Test& test) {
#ifdef EMULATED_CUDA
  for (const int capability : capabilities) {
    SCOPED_TRACE("compute capability " + std::to_string(capability));
    emulated_cuda::set_compute_capability(capability);
    test();
  }
  emulated_cuda::set_compute_capability(90);
#else
  static_cast<void>(capabilities);
  test();
#endif
}

}  // namespace funcsim
