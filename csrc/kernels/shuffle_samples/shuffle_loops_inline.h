#pragma once

// The loops of ShuffleLoops, for the compiler to put into registers of any width. Each level's file includes this once,
// and makes of it its table: all of it is in an unnamed namespace, so that no level's code is taken for another's.

#include <cstdint>
#include <cstring>

#include "kernels/common/bits.h"
#include "kernels/shuffle_samples/shuffle_loops.h"

// NOLINTBEGIN(cert-dcl59-cpp,misc-anonymous-namespace-in-header): a copy for each level
// NOLINTBEGIN(*-avoid-c-arrays): a std::array's functions might be compiled for one level and linked into all
namespace funcsim {

namespace {

using Words8 [[gnu::vector_size(64)]] = std::uint64_t;

/// Exchanges the off-diagonal blocks of two rows of blocks, eight rows of bits each.
[[gnu::always_inline]] inline void swap_blocks(Words8& low, Words8& high, int distance, std::uint64_t mask) {
  const Words8 swapped = ((low >> distance) ^ high) & mask;
  low ^= swapped << distance;
  high ^= swapped;
}

/// The same within eight rows, `distance` (1, 2 or 4) apart; `other` are the rows in exchanged places, `is_low` has all
/// bits of the rows that are the first of their pairs.
[[gnu::always_inline]] inline void swap_rows(Words8& x, const Words8& other, const Words8& is_low, int distance,
                                             std::uint64_t mask) {
  const Words8 low = (x & mask) | ((other << distance) & ~mask);
  const Words8 high = (x & ~mask) | ((other >> distance) & mask);
  x = (low & is_low) | (high & ~is_low);
}

/// The transpose of a 64x64 matrix of bits (Warren, "Hacker's Delight", 7-3), row 8 i + j in lane j of rows[i].
[[gnu::always_inline]] inline void transpose_bits(Words8 (&rows)[8]) {
  constexpr std::uint64_t all = ~std::uint64_t{0};
  for (int i = 0; i < 4; ++i) {
    swap_blocks(rows[i], rows[i + 4], 32, 0x00000000FFFFFFFFULL);
  }
  for (int i = 0; i < 8; i += 4) {
    swap_blocks(rows[i], rows[i + 2], 16, 0x0000FFFF0000FFFFULL);
    swap_blocks(rows[i + 1], rows[i + 3], 16, 0x0000FFFF0000FFFFULL);
  }
  for (int i = 0; i < 8; i += 2) {
    swap_blocks(rows[i], rows[i + 1], 8, 0x00FF00FF00FF00FFULL);
  }
  for (Words8& x : rows) {
    swap_rows(x, __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3), Words8{all, all, all, all, 0, 0, 0, 0}, 4,
              0x0F0F0F0F0F0F0F0FULL);
    swap_rows(x, __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5), Words8{all, all, 0, 0, all, all, 0, 0}, 2,
              0x3333333333333333ULL);
    swap_rows(x, __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6), Words8{all, 0, all, 0, all, 0, all, 0}, 1,
              0x5555555555555555ULL);
  }
}

inline void columns_of_rows(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes, std::int64_t bytes,
                            std::uint64_t* columns) {
  constexpr std::int64_t line_bytes = 64;
  for (std::int64_t line = 0; line < bytes; line += line_bytes) {
    const std::int64_t used = bytes - line < line_bytes ? bytes - line : line_bytes;
    // Whole cache lines, once: rows may be a power of two apart, and their lines would evict each other.
    std::uint64_t lines[line_bytes / 8][64];
    for (std::int64_t u = 0; u < 64; ++u) {
      std::uint64_t words[line_bytes / 8] = {};
      if (u < units) {
        std::memcpy(words, rows + (u * row_bytes) + line, static_cast<std::size_t>(used));
      }
      for (std::int64_t c = 0; c < line_bytes / 8; ++c) {
        lines[c][u] = words[c];
      }
    }
    for (std::int64_t c = 0; 8 * c < used; ++c) {
      Words8 square[8];
      std::memcpy(square, lines[c], sizeof(square));
      transpose_bits(square);
      std::memcpy(columns + (8 * line) + (64 * c), square, sizeof(square));
    }
  }
}

inline void rows_of_columns(const std::uint64_t* columns, const std::int64_t* sources, std::int64_t samples,
                            std::int64_t units, std::int64_t row_bytes, std::uint8_t* rows) {
  constexpr std::int64_t line_samples = 512;
  for (std::int64_t first = 0; first < samples; first += line_samples) {
    const std::int64_t used = samples - first < line_samples ? samples - first : line_samples;
    std::uint64_t lines[64][line_samples / 64];
    for (std::int64_t c = 0; 64 * c < used; ++c) {
      const std::int64_t count = used - (64 * c) < 64 ? used - (64 * c) : 64;
      std::uint64_t square[64] = {};
      for (std::int64_t s = 0; s < count; ++s) {
        square[s] = columns[sources[first + (64 * c) + s]];
      }
      Words8 x[8];
      std::memcpy(x, square, sizeof(x));
      transpose_bits(x);
      std::memcpy(square, x, sizeof(x));
      for (std::int64_t u = 0; u < units; ++u) {
        lines[u][c] = square[u];
      }
    }
    for (std::int64_t u = 0; u < units; ++u) {
      std::memcpy(rows + (u * row_bytes) + (first / 8), lines[u], static_cast<std::size_t>(signature_bytes(used)));
    }
  }
}

}  // namespace

}  // namespace funcsim
// NOLINTEND(*-avoid-c-arrays)
// NOLINTEND(cert-dcl59-cpp,misc-anonymous-namespace-in-header)
