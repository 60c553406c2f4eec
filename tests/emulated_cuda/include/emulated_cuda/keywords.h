#pragma once

#include "emulated_cuda/vector_types.h"

// The names that CUDA adds to C++. The reserved ones among them are CUDA's.

#define EMULATED_CUDA  // is defined nowhere else

#define __host__
#define __device__
#define __global__
#define __constant__ static
#define __grid_constant__
#define __forceinline__ inline
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(...)
// The threads of a block are fibers of one thread of the host.
#define __shared__ static thread_local
#define FUNCSIM_DYNAMIC_SHARED(Type, name) Type* const name = static_cast<Type*>(emulated_cuda::dynamic_shared())

extern uint3 threadIdx;
extern uint3 blockIdx;
extern dim3 blockDim;
extern dim3 gridDim;
inline constexpr int warpSize = 32;

namespace emulated_cuda {

/// The running block's dynamic shared memory.
void* dynamic_shared();

}  // namespace emulated_cuda
