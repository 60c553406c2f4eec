#include "kernels/jaccard/mma_tiles.cuh"

namespace funcsim {

namespace {

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800

/// Bits as bytes: of each byte of a row, one bit in each of eight steps. A lane's words hold the same bytes of rows for
/// mma_s8() as for mma_b1(), and which bytes of A meet which of B is all that matters.
///
/// A bit that is masked where it stands counts as 2^bit, and shifting each to bit 0 would take twice the instructions
/// of masking. So bits stay in pairs: the low one of a pair counts 1 in A and 2 in B, the high one 2 in A and 1 in B.
/// Sums are twice the count, modulo 2^32.
struct MmaS8 {
  static constexpr int unrolled = 1;

  __device__ static std::uint32_t bits_of_a(std::uint32_t word, int bit) {
    return (word >> (bit / 2 * 2)) & (bit % 2 == 0 ? 0x01010101U : 0x02020202U);
  }

  __device__ static std::uint32_t bits_of_b(std::uint32_t word, int bit) {
    const std::uint32_t shifted = bit == 0 ? word << 1 : word >> ((bit - 1) / 2 * 2 + 1);
    return shifted & (bit % 2 == 0 ? 0x02020202U : 0x01010101U);
  }

  __device__ static void add(MmaSums& sums, const MmaRowsOfA& a, const MmaRowsOfB& b) {
#pragma unroll
    for (int bit = 0; bit < 8; ++bit) {
      MmaRowsOfA bytes_a;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
#pragma unroll
        for (int w = 0; w < 4; ++w) {
          bytes_a[i][w] = bits_of_a(a[i][w], bit);
        }
      }
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const std::uint32_t bytes_b[2] = {bits_of_b(b[j][0], bit), bits_of_b(b[j][1], bit)};
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          ptx::mma_s8(sums[i][j], bytes_a[i], bytes_b);
        }
      }
    }
  }

  __device__ static std::int32_t count(std::int32_t sum) {
    return static_cast<std::int32_t>(static_cast<std::uint32_t>(sum) >> 1);
  }
};

__device__ void count_tile(const SetPairs& pairs, const Slices& slices, std::uint8_t* shared) {
  count_tile_by_mma<MmaS8>(pairs, slices, shared);
}

#else

__device__ void count_tile(const SetPairs& /*pairs*/, const Slices& /*slices*/, std::uint8_t* /*shared*/) {}

#endif

__global__ void __launch_bounds__(MmaShape::threads) count_tiles_by_mma_s8(SetPairs pairs, Slices slices) {
  FUNCSIM_DYNAMIC_SHARED(std::uint8_t, shared);
  count_tile(pairs, slices, shared);
}

}  // namespace

void count_by_mma_s8(const SetPairs& pairs, const DeviceQueue& queue) {
  launch_tiles<MmaShape>(count_tiles_by_mma_s8, pairs, queue);
}

}  // namespace funcsim
