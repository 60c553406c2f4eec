#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace funcsim {

// Rows of packed bits may start at any address, and a device reads and writes words at multiples of their size alone.
// No byte outside of a row is touched, where the next row may be.

/// Bytes from the last multiple of 4 to an address.
__device__ inline unsigned bytes_past_word(const void* address) {
  return static_cast<unsigned>(reinterpret_cast<std::uintptr_t>(address) % 4);
}

/// Stores what lies between the aligned addresses 4 w and 4 (w + 1) from where a row starts, or just before. That takes
/// two words of the row, w - 1 and w, or 0 where there is none; a row of n words has n + 1 such places.
///
/// @param bytes that the row has
__device__ inline void store_word(std::uint8_t* row, int bytes, int w, std::uint32_t before, std::uint32_t word) {
  const unsigned past = bytes_past_word(row);
  const int first = (4 * w) - static_cast<int>(past);
  const std::uint32_t shifted = __funnelshift_l(before, word, 8 * past);
  if (first >= 0 && first + 4 <= bytes) {
    *reinterpret_cast<std::uint32_t*>(row + first) = shifted;
    return;
  }
  for (int k = 0; k < 4; ++k) {
    if (first + k >= 0 && first + k < bytes) {
      row[first + k] = static_cast<std::uint8_t>(shifted >> (8 * k));
    }
  }
}

/// Whether the words of 64 bits w - 1, w and w + 1 are all in a row of so many bytes.
__device__ inline bool has_neighbours(std::int64_t bytes, std::int64_t w) {
  return w > 0 && 8 * (w + 2) <= bytes;
}

/// Word w of a row, which has neighbours.
__device__ inline std::uint64_t load_inner_word(const std::uint8_t* row, std::int64_t w) {
  const std::uint8_t* first = row + (8 * w);
  const unsigned past = bytes_past_word(first);
  const auto* words = reinterpret_cast<const std::uint32_t*>(first - past);
  const std::uint32_t low = __funnelshift_r(words[0], words[1], 8 * past);
  const std::uint32_t high = __funnelshift_r(words[1], words[2], 8 * past);
  return (std::uint64_t{high} << 32) | low;
}

/// Word w of a row of so many bytes, beyond which bits are 0.
__device__ inline std::uint64_t load_outer_word(const std::uint8_t* row, std::int64_t bytes, std::int64_t w) {
  std::uint64_t word = 0;
#pragma unroll 1
  for (std::int64_t k = 8 * w; k < min(8 * (w + 1), bytes); ++k) {
    word |= std::uint64_t{row[k]} << (8 * (k % 8));
  }
  return word;
}

}  // namespace funcsim
