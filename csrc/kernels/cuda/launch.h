#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "kernels/common/device_kernels.h"
#include "kernels/common/error.h"

namespace funcsim {

/// @throws Error naming what was tried, unless the call of the CUDA runtime succeeded
inline void check_cuda(cudaError_t status, const char* what) {
  if (status != cudaSuccess) {
    static_cast<void>(cudaGetLastError());  // else the next launch would be blamed
    fail("CUDA: ", what, " failed: ", cudaGetErrorString(status));
  }
}

/// Makes the queue's device the current one of this thread while it lives.
class CurrentDevice {
 public:
  explicit CurrentDevice(const DeviceQueue& queue) {
    check_cuda(cudaGetDevice(&before_), "reading the current device");
    if (queue.device != before_) {
      check_cuda(cudaSetDevice(queue.device), "choosing the device");
    }
    is_other_ = queue.device != before_;
  }
  ~CurrentDevice() {
    if (is_other_) {
      static_cast<void>(cudaSetDevice(before_));
    }
  }
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;
  CurrentDevice(CurrentDevice&&) = delete;
  CurrentDevice& operator=(CurrentDevice&&) = delete;

 private:
  int before_ = 0;
  bool is_other_ = false;
};

inline cudaStream_t stream_of(const DeviceQueue& queue) {
  return static_cast<cudaStream_t>(queue.stream);
}

/// Declares `Type* name`: the block's dynamic shared memory, which a kernel can declare once. The tests' emulator has
/// its own.
#ifndef FUNCSIM_DYNAMIC_SHARED
#define FUNCSIM_DYNAMIC_SHARED(Type, name)                                         \
  extern __shared__ __align__(1024) unsigned char funcsim_dynamic_shared_memory[]; \
  Type* const name = reinterpret_cast<Type*>(funcsim_dynamic_shared_memory)
#endif

/// Threads of a launch. No side of the grid may be 0; `blocks.y` and `blocks.z` are at most 65535.
struct LaunchShape {
  dim3 blocks;
  dim3 threads;
  std::int64_t shared_bytes = 0;  ///< dynamic shared memory of a block
  /// The most that any launch of the kernel asks for, where that differs: what is allowed holds for all threads of the
  /// process, one of which may be between allowing and launching.
  std::int64_t most_shared_bytes = shared_bytes;
};

/// Starts a kernel on the queue's stream.
template <typename... Parameters, typename... Arguments>
void launch(void (*kernel)(Parameters...), const LaunchShape& shape, const DeviceQueue& queue,
            const Arguments&... arguments) {
  const CurrentDevice current(queue);
  // 48 KiB may be used without asking, of which a kernel's own variables and the alignment of what follows them take
  // their part.
  constexpr std::int64_t usual_shared_bytes = 32 << 10;
  if (shape.most_shared_bytes > usual_shared_bytes) {
    check_cuda(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(shape.most_shared_bytes)),
               "asking for shared memory");
  }
  cudaLaunchConfig_t config{};
  config.gridDim = shape.blocks;
  config.blockDim = shape.threads;
  config.dynamicSmemBytes = static_cast<std::size_t>(shape.shared_bytes);
  config.stream = stream_of(queue);
  check_cuda(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), "starting a kernel");
}

/// Blocks for `work` pieces that loop over the rest with the grid's size as the step: no more than fit a dimension.
inline unsigned grid_blocks(std::int64_t work, std::int64_t most = std::int64_t{1} << 20) {
  return static_cast<unsigned>(std::clamp<std::int64_t>(work, 1, most));
}

}  // namespace funcsim
