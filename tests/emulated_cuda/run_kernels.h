#pragma once

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <string>
#include <vector>

namespace emulated_cuda {

struct Shape {
  dim3 blocks;
  dim3 threads;
  std::size_t shared_bytes = 0;
};

template <typename... Parameters, typename... Arguments>
cudaError_t start(const Shape& shape, void (*kernel)(Parameters...), Arguments... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = shape.blocks;
  config.blockDim = shape.threads;
  config.dynamicSmemBytes = shape.shared_bytes;
  return cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...);
}

// Device memory that a kernel fills.
template <typename Number>
class Output {
 public:
  explicit Output(std::size_t size) : values_(size) { EXPECT_EQ(cudaMalloc(&memory_, bytes()), cudaSuccess); }
  ~Output() { EXPECT_EQ(cudaFree(memory_), cudaSuccess); }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  Number* data() const { return memory_; }
  const std::vector<Number>& download() {
    EXPECT_EQ(cudaMemcpy(values_.data(), memory_, bytes(), cudaMemcpyDeviceToHost), cudaSuccess);
    return values_;
  }

 private:
  std::size_t bytes() const { return values_.size() * sizeof(Number); }

  std::vector<Number> values_;
  Number* memory_ = nullptr;
};

// What waiting for the kernel says, "" if all is well.
inline std::string outcome() {
  const cudaError_t error = cudaDeviceSynchronize();
  std::string text = error == cudaSuccess ? "" : cudaGetErrorString(error);
  cudaGetLastError();
  return text;
}

}  // namespace emulated_cuda
