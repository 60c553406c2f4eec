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

/// Level::transpose_bits() transposes a 64x64 matrix of bits.
template <typename Level>
void columns_of_rows(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes, std::int64_t bytes,
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
      Level::transpose_bits(lines[c]);
      std::memcpy(columns + (8 * line) + (64 * c), lines[c], sizeof(lines[c]));
    }
  }
}

template <typename Level>
void rows_of_columns(const std::uint64_t* columns, const std::int64_t* sources, std::int64_t samples,
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
      Level::transpose_bits(square);
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
