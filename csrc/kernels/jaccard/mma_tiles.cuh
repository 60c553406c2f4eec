#pragma once

#include "kernels/jaccard/pair_tiles.cuh"

namespace funcsim {

/// Four warps with 64 rows and columns each. Two stages are enough, as long as it takes to work on one, and leave room
/// for two blocks on most processors: one writes results while the other counts.
struct MmaShape {
  static constexpr int rows = 128;
  static constexpr int columns = 128;
  static constexpr int threads = 128;
  static constexpr unsigned stages = 2;
  static constexpr unsigned ahead = 1;
  static constexpr bool async_proxy = false;
};

/// What a warp holds: of A 4 times 16 rows, of B 8 times 8, 256 bits each as mma_b1() takes them; and its sums.
using MmaRowsOfA = std::uint32_t[4][4];
using MmaRowsOfB = std::uint32_t[8][2];
using MmaSums = std::int32_t[4][8][4];

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800

/// Counts a tile's pairs. `Mma` has
///
///   add(sums, a, b)   adds common bits to sums
///   count(sum)        the number of bits that a sum stands for
///   unrolled          how many of the four times 256 bits of a chunk are unrolled
template <typename Mma>
__device__ void count_tile_by_mma(const SetPairs& pairs, const Slices& slices, std::uint8_t* shared) {
  const Tile tile = tile_of_block<MmaShape>(pairs, slices);
  if (is_mirrored<MmaShape>(pairs, tile)) {
    return;
  }
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int first_row = warp / 2 * 64;
  const int first_column = warp % 2 * 64;
  MmaSums sums = {};
  for_each_chunk<MmaShape>(pairs, tile, shared, [&](const std::uint8_t* chunk_a, const std::uint8_t* chunk_b) {
#pragma unroll Mma::unrolled
    for (int piece = 0; piece < chunk_bytes / 16; piece += 2) {
      MmaRowsOfA a;
      MmaRowsOfB b;
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        ptx::ldmatrix_x4(a[i], chunk_a + swizzled(first_row + (i * 16) + (lane % 16), piece + (lane / 16)));
      }
#pragma unroll
      for (int j = 0; j < 8; j += 2) {
        std::uint32_t words[4];
        const int column = first_column + (j * 8) + (lane / 16 * 8) + (lane % 8);
        ptx::ldmatrix_x4(words, chunk_b + swizzled(column, piece + (lane / 8 % 2)));
        b[j][0] = words[0];
        b[j][1] = words[1];
        b[j + 1][0] = words[2];
        b[j + 1][1] = words[3];
      }
      Mma::add(sums, a, b);
    }
  });
  auto* const tile_sums = reinterpret_cast<std::int32_t*>(shared);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
#pragma unroll
    for (int j = 0; j < 8; ++j) {
#pragma unroll
      for (int s = 0; s < 4; ++s) {
        const int row = first_row + (i * 16) + (s / 2 * 8) + (lane / 4);
        const int column = first_column + (j * 8) + (lane % 4 * 2) + (s % 2);
        tile_sums[(row * sums_pitch<MmaShape>)+column] = Mma::count(sums[i][j][s]);
      }
    }
  }
  write_tile<MmaShape>(pairs, slices, tile, tile_sums);
}

#endif

}  // namespace funcsim
