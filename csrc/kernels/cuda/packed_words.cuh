#pragma once

#include <cuda_runtime.h>

#include <cstdint>

namespace funcsim {

// Rows of packed bits may start at any address, and a device reads and writes words at multiples of their size alone.
// No byte outside of a row is touched, where the next row may be.

/// Signatures, or some of their samples.
struct UnitRows {
  const std::uint8_t* rows;
  std::int64_t count;
  std::int64_t row_bytes;  ///< from one to the next
};

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

/// Stores up to 32 words of a row, one for each lane of a warp: all lanes call it at once.
///
/// @param bytes that the row has, 0 to 128
__device__ inline void store_words(std::uint8_t* row, int bytes, std::uint32_t word) {
  const auto lane = static_cast<int>(threadIdx.x) % 32;
  const auto past = static_cast<int>(bytes_past_word(row));
  if (past == 0 && bytes == 4 * 32) {
    reinterpret_cast<std::uint32_t*>(row)[lane] = word;
    return;
  }
  // What lies between two multiples of 4 are the last bytes of the word before and the first of this lane's.
  const std::uint32_t before = __shfl_up_sync(~0U, word, 1);
  const int place = (4 * lane) - past;
  const bool whole = place >= 0 && place + 4 <= bytes;
  const bool next_whole = place + 8 <= bytes;
  if (whole) {
    *reinterpret_cast<std::uint32_t*>(row + place) = __funnelshift_l(before, word, 8 * past);
  }
  if (!whole || (past > 0 && !next_whole)) {
#pragma unroll
    for (int k = 0; k < 4; ++k) {
      if (!(k < 4 - past ? whole : next_whole) && (4 * lane) + k < bytes) {
        row[(4 * lane) + k] = static_cast<std::uint8_t>(word >> (8 * k));
      }
    }
  }
}

/// Where a row starts that nobody writes while it is read.
struct __align__(16) PackedRow {
  const std::uint32_t* words;  ///< at the last multiple of 4 to its address
  unsigned shift;              ///< bits from there
};

__device__ inline PackedRow packed_row(const std::uint8_t* row) {
  const unsigned past = bytes_past_word(row);
  return {.words = reinterpret_cast<const std::uint32_t*>(row - past), .shift = 8 * past};
}

/// load_inner_word() may be called for words from 1 to before this.
constexpr std::int64_t inner_words_end(std::int64_t bytes) {
  return (bytes / 4) - 1;
}

/// Whether load_inner_word() may be called.
__device__ inline bool is_inner_word(std::int64_t bytes, std::int64_t w) {
  return w > 0 && w < inner_words_end(bytes);
}

/// Word w of a row, neither the first nor one of the last two.
__device__ inline std::uint32_t load_inner_word(const PackedRow& row, std::int64_t w) {
  return __funnelshift_r(__ldg(row.words + w), __ldg(row.words + w + 1), row.shift);
}
__device__ inline std::uint32_t load_inner_word(const std::uint8_t* row, std::int64_t w) {
  return load_inner_word(packed_row(row), w);
}

/// Word w of a row byte by byte, 0 beyond its end.
__device__ inline std::uint32_t load_outer_word(const std::uint8_t* row, std::int64_t bytes, std::int64_t w) {
  std::uint32_t word = 0;
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    if ((4 * w) + k < bytes) {
      word |= std::uint32_t{__ldg(row + (4 * w) + k)} << (8 * k);
    }
  }
  return word;
}
__device__ inline std::uint32_t load_outer_word(const PackedRow& row, std::int64_t bytes, std::int64_t w) {
  return load_outer_word(reinterpret_cast<const std::uint8_t*>(row.words) + (row.shift / 8), bytes, w);
}

}  // namespace funcsim
