#pragma once

// The loops of MinhashJaccardLoops for registers of any width. Each level's file includes this once, and makes of it
// its table: all of it is in an unnamed namespace, so that no level's code is taken for another's.

#include <cstdint>
#include <cstring>

#include "kernels/common/bits.h"
#include "kernels/minhash_jaccard/minhash_jaccard_loops.h"

// NOLINTBEGIN(cert-dcl59-cpp,misc-anonymous-namespace-in-header): a copy for each level
// NOLINTBEGIN(*-avoid-c-arrays): a std::array's functions might be compiled for one level and linked into all
namespace funcsim {

namespace {

using Bytes16 [[gnu::vector_size(16)]] = std::uint8_t;
using Halves8 [[gnu::vector_size(16)]] = std::uint16_t;
using Words2 [[gnu::vector_size(16)]] = std::uint64_t;

/// How a register of codes is compared: Codes is a vector of Element, and every place counts for itself, up to `most`
/// times, until sum() adds the places up.
struct ByteCounters {
  using Element = std::uint8_t;
  using Codes = Bytes16;
  using Words = Words2;
  static constexpr std::int64_t most = 255;

  static Codes load(const Element* codes) {
    Codes x;
    std::memcpy(&x, codes, sizeof(x));
    return x;
  }
  static void add_equal(Codes& counters, const Codes& x, const Codes& y) {
    counters -= reinterpret_cast<Codes>(x == y);  // all bits of a place where equal: -1
  }
  static std::int32_t sum(const Codes& counters) {
    const auto bytes_of = reinterpret_cast<Words>(counters);
    const Words pairs = (bytes_of & 0x00FF00FF00FF00FFULL) + ((bytes_of >> 8) & 0x00FF00FF00FF00FFULL);
    const Words fours = (pairs & 0x0000FFFF0000FFFFULL) + ((pairs >> 16) & 0x0000FFFF0000FFFFULL);
    std::uint64_t total = 0;
    for (unsigned i = 0; i < sizeof(Words) / 8; ++i) {
      total += fours[i];
    }
    return static_cast<std::int32_t>((total & 0xFFFFFFFF) + (total >> 32));
  }
};

struct HalfCounters {
  using Element = std::uint16_t;
  using Codes = Halves8;
  using Words = Words2;
  static constexpr std::int64_t most = 65535;

  static Codes load(const Element* codes) {
    Codes x;
    std::memcpy(&x, codes, sizeof(x));
    return x;
  }
  static void add_equal(Codes& counters, const Codes& x, const Codes& y) {
    counters -= reinterpret_cast<Codes>(x == y);
  }
  static std::int32_t sum(const Codes& counters) {
    const auto pairs_of = reinterpret_cast<Words>(counters);
    const Words pairs = (pairs_of & 0x0000FFFF0000FFFFULL) + ((pairs_of >> 16) & 0x0000FFFF0000FFFFULL);
    std::uint64_t total = 0;
    for (unsigned i = 0; i < sizeof(Words) / 8; ++i) {
      total += pairs[i];
    }
    return static_cast<std::int32_t>((total & 0xFFFFFFFF) + (total >> 32));
  }
};

template <int rows_a, int rows_b, typename Counters>
void count_square(const typename Counters::Element* const (&a)[rows_a],
                  const typename Counters::Element* const (&b)[rows_b], std::int64_t elements,
                  std::int32_t (&counts)[rows_a][rows_b]) {
  using Codes = Counters::Codes;
  constexpr std::int64_t together = sizeof(Codes) / sizeof(typename Counters::Element);
  for (std::int64_t first = 0; first < elements; first += Counters::most * together) {
    const std::int64_t left = elements - first;
    const std::int64_t end = first + (left < Counters::most * together ? left : Counters::most * together);
    Codes counters[rows_a][rows_b] = {};
    for (std::int64_t k = first; k < end; k += together) {
      Codes y[rows_b];
      for (int j = 0; j < rows_b; ++j) {
        y[j] = Counters::load(b[j] + k);
      }
      for (int i = 0; i < rows_a; ++i) {
        const Codes x = Counters::load(a[i] + k);
        for (int j = 0; j < rows_b; ++j) {
          Counters::add_equal(counters[i][j], x, y[j]);
        }
      }
    }
    for (int i = 0; i < rows_a; ++i) {
      for (int j = 0; j < rows_b; ++j) {
        counts[i][j] += Counters::sum(counters[i][j]);
      }
    }
  }
}

/// Squares of rows_a x rows_b rows, whose counters are in registers. Where fewer rows are left the last one is taken
/// once more, and its counts are dropped.
template <int rows_a, int rows_b, typename Counters>
void count_tile(const CodeRows<typename Counters::Element>& a, const CodeRows<typename Counters::Element>& b,
                std::int64_t elements, std::int32_t* counts) {
  using Element = Counters::Element;
  for (std::int64_t i0 = 0; i0 < a.rows; i0 += rows_a) {
    const Element* x[rows_a];
    for (std::int64_t i = 0; i < rows_a; ++i) {
      x[i] = a.first + ((i0 + i < a.rows ? i0 + i : a.rows - 1) * a.stride);
    }
    for (std::int64_t j0 = 0; j0 < b.rows; j0 += rows_b) {
      const Element* y[rows_b];
      for (std::int64_t j = 0; j < rows_b; ++j) {
        y[j] = b.first + ((j0 + j < b.rows ? j0 + j : b.rows - 1) * b.stride);
      }
      std::int32_t square[rows_a][rows_b] = {};
      count_square<rows_a, rows_b, Counters>(x, y, elements, square);
      for (std::int64_t i = 0; i < rows_a && i0 + i < a.rows; ++i) {
        for (std::int64_t j = 0; j < rows_b && j0 + j < b.rows; ++j) {
          counts[((i0 + i) * tile_columns) + j0 + j] += square[i][j];
        }
      }
    }
  }
}

/// The same for slots themselves, four rows of `b` at a time.
inline void count_equal_slots(const CodeRows<std::int32_t>& a, const CodeRows<std::int32_t>& b, std::int64_t elements,
                              std::int32_t* counts) {
  for (std::int64_t j0 = 0; j0 < b.rows; j0 += 4) {
    const std::int32_t* y[4];
    for (std::int64_t j = 0; j < 4; ++j) {
      y[j] = b.first + ((j0 + j < b.rows ? j0 + j : b.rows - 1) * b.stride);
    }
    for (std::int64_t i = 0; i < a.rows; ++i) {
      const std::int32_t* x = a.first + (i * a.stride);
      std::int32_t equal[4] = {};
      for (std::int64_t k = 0; k < elements; ++k) {
        equal[0] += x[k] == y[0][k] ? 1 : 0;
        equal[1] += x[k] == y[1][k] ? 1 : 0;
        equal[2] += x[k] == y[2][k] ? 1 : 0;
        equal[3] += x[k] == y[3][k] ? 1 : 0;
      }
      for (std::int64_t j = 0; j < 4 && j0 + j < b.rows; ++j) {
        counts[(i * tile_columns) + j0 + j] += equal[j];
      }
    }
  }
}

inline std::int64_t count_common_bits(const std::uint64_t* x, const std::uint64_t* y, std::int64_t words) {
  std::int64_t count = 0;
  for (std::int64_t w = 0; w < words; ++w) {
    count += count_bits(x[w] & y[w]);
  }
  return count;
}

inline void divide(const std::int32_t* counts, std::int64_t count, std::int64_t whole, float* out) {
  const auto divisor = static_cast<double>(whole);
  for (std::int64_t j = 0; j < count; ++j) {
    out[j] = static_cast<float>(static_cast<double>(counts[j]) / divisor);
  }
}

}  // namespace

}  // namespace funcsim
// NOLINTEND(*-avoid-c-arrays)
// NOLINTEND(cert-dcl59-cpp,misc-anonymous-namespace-in-header)
