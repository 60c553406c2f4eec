#include "kernels/common/bits.h"
#include "kernels/common/ceil_div.h"
#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/faults.cuh"
#include "kernels/cuda/launch.h"

namespace funcsim {

namespace {

constexpr int block_threads = 256;
/// Enough to fill any card. Threads look at every grid_threads-th entry and report once.
constexpr std::int64_t most_blocks = 4096;

/// Calls is_bad(i) for every i below count, and reports the first of which it holds.
template <typename IsBad>
__device__ void report_first(std::int64_t count, FaultCell* fault, const IsBad& is_bad) {
  const std::int64_t step = std::int64_t{gridDim.x} * blockDim.x;
  FaultCell found = no_fault;
  for (std::int64_t i = (std::int64_t{blockIdx.x} * blockDim.x) + threadIdx.x; i < count && found == no_fault;
       i += step) {
    if (is_bad(i)) {
      found = static_cast<FaultCell>(i);
    }
  }
  report_fault(fault, found);
}

__global__ void __launch_bounds__(block_threads) find_padding(const std::uint8_t* last_bytes, std::int64_t units,
                                                              std::int64_t row_bytes, int used_bits, FaultCell* fault) {
  report_first(units, fault, [=](std::int64_t u) { return (last_bytes[u * row_bytes] >> used_bits) != 0; });
}

__global__ void __launch_bounds__(block_threads)
    find_outside(const std::int64_t* indices, std::int64_t count, std::int64_t end, FaultCell* fault) {
  report_first(count, fault, [=](std::int64_t i) { return indices[i] < 0 || indices[i] >= end; });
}

LaunchShape shape_for(std::int64_t count) {
  return {grid_blocks(ceil_div(count, block_threads), most_blocks), block_threads};
}

}  // namespace

void CudaKernels::find_padding_bits(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                                    std::int64_t num_samples, FaultCell* fault, const DeviceQueue& queue) const {
  if (units > 0 && num_samples % 8 != 0) {
    launch(find_padding, shape_for(units), queue, signatures + signature_bytes(num_samples) - 1, units, row_bytes,
           num_samples % 8, fault);
  }
}

void CudaKernels::find_bad_indices(const std::int64_t* indices, std::int64_t count, std::int64_t end, FaultCell* fault,
                                   const DeviceQueue& queue) const {
  if (count > 0) {
    launch(find_outside, shape_for(count), queue, indices, count, end, fault);
  }
}

}  // namespace funcsim
