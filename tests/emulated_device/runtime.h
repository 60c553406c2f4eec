#pragma once

#include <c10/core/Device.h>
#include <cuda_runtime.h>

namespace emulated_device {

/// Of this thread.
cudaStream_t current_stream(int device);

/// Waits for the work of the device's current stream.
void finish_work(c10::Device device);

}  // namespace emulated_device
