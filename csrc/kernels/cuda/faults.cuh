#pragma once

#include <cuda_runtime.h>

#include "kernels/common/device_kernels.h"
#include "kernels/cuda/warp.cuh"

namespace funcsim {

/// Leaves the smallest index of a warp's lanes in the cell, if it is smaller than what is there. For all lanes of a
/// warp at once: the cell may be in the host's memory, where one access takes long.
///
/// @param index no_fault in lanes that have found nothing
__device__ inline void report_fault(FaultCell* cell, FaultCell index) {
  if (__any_sync(all_lanes, index != no_fault) == 0) {
    return;
  }
  for (int lanes = warp_lanes / 2; lanes > 0; lanes /= 2) {
    const FaultCell other = __shfl_xor_sync(all_lanes, index, lanes);
    index = other < index ? other : index;
  }
  if (threadIdx.x % warp_lanes == 0) {
    atomicMin(reinterpret_cast<unsigned long long*>(cell), static_cast<unsigned long long>(index));
  }
}

}  // namespace funcsim
