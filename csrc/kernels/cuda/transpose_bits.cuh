#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace funcsim {

/// Exchanges the upper half of every 2 * distance bits of `first` with the lower half of those of `second`.
template <int distance>
__device__ inline void exchange_bits(std::uint32_t& first, std::uint32_t& second) {
  if constexpr (distance == 16) {
    const std::uint32_t lower = __byte_perm(first, second, 0x5410);
    second = __byte_perm(first, second, 0x7632);
    first = lower;
  } else if constexpr (distance == 8) {
    const std::uint32_t lower = __byte_perm(first, second, 0x6240);
    second = __byte_perm(first, second, 0x7351);
    first = lower;
  } else {
    constexpr std::uint32_t lower_halves = ~0U / ((1U << distance) + 1);
    const std::uint32_t exchanged = ((first >> distance) ^ second) & lower_halves;
    second ^= exchanged;
    first ^= exchanged << distance;
  }
}

/// Transposes squares of size x size bits, 32 / size of them side by side: bit c of a square in word r becomes bit r of
/// it in word c (Warren, "Hacker's Delight", 7-3). All of it is in this thread's registers.
///
/// @tparam size 8 or 32, say: a power of two
template <int size, int distance = size / 2>
__device__ inline void transpose_bits(std::uint32_t (&words)[size]) {
#pragma unroll
  for (int r = 0; r < size; ++r) {
    if ((r & distance) == 0) {
      exchange_bits<distance>(words[r], words[r + distance]);
    }
  }
  if constexpr (distance > 1) {
    transpose_bits<size, distance / 2>(words);
  }
}

}  // namespace funcsim
