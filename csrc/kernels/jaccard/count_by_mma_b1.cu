#include "kernels/jaccard/mma_tiles.cuh"

namespace funcsim {

namespace {

// From compute capability 10.0 on the instruction is made of eight for bytes, which count_by_mma_s8() does with less.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800 && __CUDA_ARCH__ < 1000

struct MmaB1 {
  static constexpr int unrolled = 4;

  __device__ static void add(MmaSums& sums, const MmaRowsOfA& a, const MmaRowsOfB& b) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        ptx::mma_b1(sums[i][j], a[i], b[j]);
      }
    }
  }

  __device__ static std::int32_t count(std::int32_t sum) { return sum; }
};

__device__ void count_tile(const SetPairs& pairs, const Slices& slices, std::uint8_t* shared) {
  count_tile_by_mma<MmaB1>(pairs, slices, shared);
}

#else

__device__ void count_tile(const SetPairs& /*pairs*/, const Slices& /*slices*/, std::uint8_t* /*shared*/) {}

#endif

__global__ void __launch_bounds__(MmaShape::threads) count_tiles_by_mma_b1(SetPairs pairs, Slices slices) {
  FUNCSIM_DYNAMIC_SHARED(std::uint8_t, shared);
  count_tile(pairs, slices, shared);
}

}  // namespace

void count_by_mma_b1(const SetPairs& pairs, const DeviceQueue& queue) {
  launch_tiles<MmaShape>(count_tiles_by_mma_b1, pairs, queue);
}

}  // namespace funcsim
