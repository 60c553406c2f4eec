#pragma once

#include <c10/core/Device.h>
#include <c10/util/Exception.h>
#include <cuda_runtime.h>

namespace emulated_device {

inline void check(cudaError_t status) {
  TORCH_CHECK(status == cudaSuccess, "emulated device: ", cudaGetErrorString(status));
}

/// Of this thread.
cudaStream_t current_stream(int device);
void set_current_stream(int device, cudaStream_t stream);

/// Waits for the work of the device's current stream.
void finish_work(c10::Device device);

}  // namespace emulated_device
