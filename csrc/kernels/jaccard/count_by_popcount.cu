#include "kernels/jaccard/pair_tiles.cuh"

namespace funcsim {

namespace {

struct PopcountShape {
  static constexpr int rows = 64;
  static constexpr int columns = 64;
  static constexpr int threads = 256;
  static constexpr unsigned stages = 2;
  static constexpr unsigned ahead = 1;
  static constexpr bool async_proxy = false;
};

/// A thread takes every 16th row and column of a tile, from one of the first 16 on.
constexpr int apart = 16;
constexpr int per_thread = PopcountShape::rows / apart;

struct Words {
  std::uint32_t word[8];
};

__device__ Words load_words(const std::uint8_t* chunk, int row, int first_piece) {
  const uint4 low = *reinterpret_cast<const uint4*>(chunk + swizzled(row, first_piece));
  const uint4 high = *reinterpret_cast<const uint4*>(chunk + swizzled(row, first_piece + 1));
  return {{low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w}};
}

/// x + y + z, bit by bit: the sums stay in x, the carries are returned.
__device__ std::uint32_t full_add(std::uint32_t& x, std::uint32_t y, std::uint32_t z) {
  constexpr unsigned odd = 0b1001'0110;
  constexpr unsigned two_or_three = 0b1110'1000;
  const std::uint32_t carry = ptx::lop3<two_or_three>(x, y, z);
  x = ptx::lop3<odd>(x, y, z);
  return carry;
}

/// Set bits of eight words. Counting the bits of one takes four times as long as a logical operation, so four full
/// adders make three words of seven first.
__device__ int common_bits(const Words& a, const Words& b) {
  const auto both = [&](int w) { return a.word[w] & b.word[w]; };
  std::uint32_t ones = both(0);
  std::uint32_t twos = full_add(ones, both(1), both(2));
  const std::uint32_t more_twos = full_add(ones, both(3), both(4));
  const std::uint32_t most_twos = full_add(ones, both(5), both(6));
  const std::uint32_t fours = full_add(twos, more_twos, most_twos);
  return __popc(both(7)) + __popc(ones) + (2 * __popc(twos)) + (4 * __popc(fours));
}

__global__ void __launch_bounds__(PopcountShape::threads) count_tiles_by_popcount(SetPairs pairs, Slices slices) {
  FUNCSIM_DYNAMIC_SHARED(std::uint8_t, shared);
  const Tile tile = tile_of_block<PopcountShape>(pairs, slices);
  if (is_mirrored<PopcountShape>(pairs, tile)) {
    return;
  }
  const int row = static_cast<int>(threadIdx.x) / apart;
  const int column = static_cast<int>(threadIdx.x) % apart;
  std::int32_t sums[per_thread][per_thread] = {};
  for_each_chunk<PopcountShape>(pairs, tile, shared, [&](const std::uint8_t* a, const std::uint8_t* b) {
#pragma unroll 1
    for (int piece = 0; piece < chunk_bytes / 16; piece += 2) {
      Words words[per_thread];
#pragma unroll
      for (int j = 0; j < per_thread; ++j) {
        words[j] = load_words(b, column + (j * apart), piece);
      }
#pragma unroll
      for (int i = 0; i < per_thread; ++i) {
        const Words of_a = load_words(a, row + (i * apart), piece);
#pragma unroll
        for (int j = 0; j < per_thread; ++j) {
          sums[i][j] += common_bits(of_a, words[j]);
        }
      }
    }
  });
  auto* const tile_sums = reinterpret_cast<std::int32_t*>(shared);
#pragma unroll
  for (int i = 0; i < per_thread; ++i) {
#pragma unroll
    for (int j = 0; j < per_thread; ++j) {
      tile_sums[((row + (i * apart)) * sums_pitch<PopcountShape>)+column + (j * apart)] = sums[i][j];
    }
  }
  write_tile<PopcountShape>(pairs, slices, tile, tile_sums);
}

}  // namespace

void count_by_popcount(const SetPairs& pairs, const DeviceQueue& queue) {
  launch_tiles<PopcountShape>(count_tiles_by_popcount, pairs, queue);
}

}  // namespace funcsim
