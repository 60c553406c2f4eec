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
/// two words of the row, w - 1 and w, or any where there is none; a row of n words has n + 1 such places.
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

/// Whether load_inner_word() may be called.
__device__ inline bool is_inner_word(std::int64_t bytes, std::int64_t w) {
  return w > 0 && 4 * (w + 2) <= bytes;
}

/// Word w of a row, neither the first nor one of the last two.
__device__ inline std::uint32_t load_inner_word(const std::uint8_t* row, std::int64_t w) {
  const auto* words = reinterpret_cast<const std::uint32_t*>(row - bytes_past_word(row)) + w;
  return __funnelshift_r(words[0], words[1], 8 * bytes_past_word(row));
}

/// Word w of a row byte by byte, 0 beyond its end.
__device__ inline std::uint32_t load_outer_word(const std::uint8_t* row, std::int64_t bytes, std::int64_t w) {
  std::uint32_t word = 0;
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    if ((4 * w) + k < bytes) {
      word |= std::uint32_t{row[(4 * w) + k]} << (8 * k);
    }
  }
  return word;
}

}  // namespace funcsim
