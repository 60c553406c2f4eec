#include "kernels/jaccard/pair_tiles.cuh"

namespace funcsim {

/// Two warpgroups with 64 rows each. wgmma goes on while the next is put together, so that what the one before it read
/// is overwritten, not what the last one reads.
struct WgmmaShape {
  static constexpr int rows = 128;
  static constexpr int columns = 256;
  static constexpr int threads = 256;
  static constexpr unsigned stages = 4;
  static constexpr unsigned ahead = 2;
  static constexpr bool async_proxy = true;
};

namespace {

#ifdef __CUDA_ARCH_FEAT_SM90_ALL

/// The descriptor of 32 bytes of rows that are swizzled() from a multiple of 1024 bytes on: K-major, 128-byte swizzle.
///
/// @param start the first of the bytes of row 0, which is a multiple of 8 in its tile, where swizzled() would leave it
__device__ std::uint64_t swizzled_matrix(const std::uint8_t* start) {
  constexpr std::uint64_t next_pieces = 1;  // no meaning with a swizzle
  constexpr std::uint64_t next_8_rows = 8 * chunk_bytes;
  constexpr std::uint64_t swizzle_128_bytes = 1;
  const auto address = static_cast<std::uint64_t>(__cvta_generic_to_shared(start));
  return ((address & 0x3FFFF) >> 4) | (next_pieces << 16) | (next_8_rows >> 4 << 32) | (swizzle_128_bytes << 62);
}

__device__ void count_tile(const SetPairs& pairs, const Slices& slices, std::uint8_t* shared) {
  const Tile tile = tile_of_block<WgmmaShape>(pairs, slices);
  if (is_mirrored<WgmmaShape>(pairs, tile)) {
    return;
  }
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int first_row = warp / 4 * 64;
  std::int32_t sums[128] = {};
  for_each_chunk<WgmmaShape>(pairs, tile, shared, [&](const std::uint8_t* a, const std::uint8_t* b) {
    ptx::wgmma_fence();
#pragma unroll
    for (int byte = 0; byte < chunk_bytes; byte += 32) {
      ptx::wgmma_b1(sums, swizzled_matrix(a + (first_row * chunk_bytes) + byte), swizzled_matrix(b + byte));
    }
    ptx::wgmma_commit();
    ptx::wgmma_wait<1>(sums);
  });
  ptx::wgmma_wait<0>(sums);
  __syncthreads();
  auto* const tile_sums = reinterpret_cast<std::int32_t*>(shared);
#pragma unroll
  for (int s = 0; s < 128; ++s) {
    const int row = first_row + (warp % 4 * 16) + (s / 2 % 2 * 8) + (lane / 4);
    const int column = (s / 4 * 8) + (lane % 4 * 2) + (s % 2);
    tile_sums[(row * sums_pitch<WgmmaShape>)+column] = sums[s];
  }
  write_tile<WgmmaShape>(pairs, slices, tile, tile_sums);
}

#else

__device__ void count_tile(const SetPairs& /*pairs*/, const Slices& /*slices*/, std::uint8_t* /*shared*/) {}

#endif

__global__ void __launch_bounds__(WgmmaShape::threads) count_tiles_by_wgmma_b1(SetPairs pairs, Slices slices) {
  FUNCSIM_DYNAMIC_SHARED(std::uint8_t, shared);
  count_tile(pairs, slices, shared);
}

}  // namespace

void count_by_wgmma_b1(const SetPairs& pairs, const DeviceQueue& queue) {
  launch_tiles<WgmmaShape>(count_tiles_by_wgmma_b1, pairs, queue);
}

}  // namespace funcsim
