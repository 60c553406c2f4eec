#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <mutex>
#include <type_traits>
#include <vector>

#include "kernels/common/buffer.h"
#include "kernels/common/ceil_div.h"
#include "kernels/common/parallel.h"
#include "kernels/linear_sum_assignment/linear_sum_assignment.h"
#include "kernels/linear_sum_assignment/numbers.h"
#include "kernels/linear_sum_assignment/scan_loops.h"

namespace funcsim {

// Passes over the costs before they are solved: what they are like, and copies where costs can't stay where they are.

template <typename Cost>
CostMatrix<Cost> transpose(const CostMatrix<Cost>& matrix) {
  return {matrix.data, matrix.columns, matrix.rows, matrix.column_stride, matrix.row_stride};
}

/// Rows that are worth a thread.
template <typename Cost>
std::int64_t row_grain(const CostMatrix<Cost>& matrix) {
  constexpr std::int64_t costs = 1 << 17;
  return std::max<std::int64_t>(16, costs / matrix.columns);
}

/// The matrix with `convert` applied to every cost, contiguous.
template <typename Stored, typename Cost, typename Convert>
Buffer<Stored> convert_costs(const CostMatrix<Cost>& matrix, Convert convert, const ParallelFor& parallel_for) {
  Buffer<Stored> costs = new_buffer<Stored>(matrix.rows * matrix.columns);
  constexpr std::int64_t tile = 16;  // of a transposed matrix, a cache line has costs of 16 rows
  parallel_for(
      0, ceil_div(matrix.rows, tile), row_grain(matrix) / tile, [&](std::int64_t from_tile, std::int64_t to_tile) {
        for (std::int64_t first = from_tile * tile; first < std::min(to_tile * tile, matrix.rows); first += tile) {
          const std::int64_t last = std::min(first + tile, matrix.rows);
          const std::int64_t width = matrix.column_stride == 1 ? matrix.columns : tile;
          for (std::int64_t begin = 0; begin < matrix.columns; begin += width) {
            const std::int64_t end = std::min(begin + width, matrix.columns);
            for (std::int64_t i = first; i < last; ++i) {
              const Cost* from = matrix.data + (i * matrix.row_stride);
              Stored* to = costs.get() + (i * matrix.columns);
              for (std::int64_t j = begin; j < end; ++j) {
                to[j] = convert(from[j * matrix.column_stride]);
              }
            }
          }
        }
      });
  return costs;
}

/// How large costs are.
struct Magnitude {
  int exponent;        ///< finite costs are below 2^exponent
  int lowest;          ///< finite costs are multiples of 2^lowest
  bool some_infinite;  ///< or NaN
};

/// The smallest costs * sign.
template <typename Cost>
struct Minima {
  std::vector<RowMinimum<Cost>> of_rows;
  std::vector<Cost> of_columns;  ///< empty if they aren't needed
};

/// Reads a matrix with contiguous rows once: for its magnitude and minima, which have their sizes.
template <typename Cost>
Magnitude read_costs(const CostMatrix<Cost>& matrix, double sign, const ScanLoopsOf<Cost>& loops, Minima<Cost>& found,
                     const ParallelFor& parallel_for) {
  std::vector<Cost>& minima = found.of_columns;
  using Bits = std::conditional_t<std::is_same_v<Cost, float>, std::uint32_t, std::uint64_t>;
  constexpr auto infinity = std::bit_cast<Bits>(std::numeric_limits<Cost>::infinity());
  const CostRange nothing{0, std::numeric_limits<std::uint64_t>::max()};
  CostRange range = nothing;
  std::ranges::fill(minima, std::numeric_limits<Cost>::infinity());
  std::mutex merging;
  parallel_for(0, matrix.rows, row_grain(matrix), [&](std::int64_t begin, std::int64_t end) {
    CostRange part = nothing;
    std::vector<Cost> part_minima(minima.size(), std::numeric_limits<Cost>::infinity());
    for (std::int64_t i = begin; i < end; ++i) {
      loops.extend(matrix.data + (i * matrix.row_stride), matrix.columns, sign,
                   part_minima.empty() ? nullptr : part_minima.data(), &part, &found.of_rows[i]);
    }
    const std::scoped_lock lock(merging);
    range = {std::max(range.largest, part.largest), std::min(range.smallest, part.smallest)};
    for (std::size_t j = 0; j < minima.size(); ++j) {
      minima[j] = std::min(minima[j], part_minima[j]);
    }
  });
  Magnitude magnitude{0, 0, range.largest >= infinity};
  if (magnitude.some_infinite) {  // rare enough for a second pass
    range.largest = 0;
    for (std::int64_t i = 0; i < matrix.rows; ++i) {
      for (std::int64_t j = 0; j < matrix.columns; ++j) {
        const auto bits = std::bit_cast<Bits>(std::abs(matrix.data[(i * matrix.row_stride) + j]));
        range.largest = bits < infinity ? std::max<std::uint64_t>(range.largest, bits) : range.largest;
      }
    }
  }
  std::frexp(std::bit_cast<Cost>(static_cast<Bits>(range.largest)), &magnitude.exponent);
  if (range.smallest != nothing.smallest && range.smallest + 1 < infinity) {
    constexpr int digits = std::numeric_limits<Cost>::digits;
    std::frexp(std::bit_cast<Cost>(static_cast<Bits>(range.smallest + 1)), &magnitude.lowest);
    magnitude.lowest = std::max(magnitude.lowest, std::numeric_limits<Cost>::min_exponent) - digits;
  } else {
    magnitude.lowest = magnitude.exponent;
  }
  return magnitude;
}

/// Multiplies by a power of two that may be out of double's range, where the result isn't.
class PowerOfTwo {
 public:
  explicit PowerOfTwo(int exponent)
      : half_(std::ldexp(1.0, exponent / 2)), rest_(std::ldexp(1.0, exponent - (exponent / 2))) {}
  double operator()(double value) const { return value * half_ * rest_; }

 private:
  double half_;
  double rest_;
};

/// Whether all finite costs are integers when multiplied by `scale`, which makes them less than 2^cost_bits. Contiguous
/// rows.
template <typename Number, typename Cost>
bool are_integers(const CostMatrix<Cost>& matrix, const PowerOfTwo& scale, const ParallelFor& parallel_for) {
  constexpr double no_fraction = 0x1p52;  // doubles from here to twice that are the integers
  constexpr std::int64_t piece = 1024;
  std::atomic<bool> integers = true;
  parallel_for(0, matrix.rows, row_grain(matrix), [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      const Cost* costs = matrix.data + (i * matrix.row_stride);
      for (std::int64_t begin = 0; begin < matrix.columns && integers.load(std::memory_order_relaxed); begin += piece) {
        std::int64_t fractions = 0;
        for (std::int64_t j = begin; j < std::min(begin + piece, matrix.columns); ++j) {
          const double size = std::abs(scale(costs[j]));
          const double small = NumberTraits<Number>::cost_bits < 52 ? size : std::min(size, no_fraction);
          const bool fraction = (small + no_fraction) - no_fraction != small;
          const bool underflow = std::is_same_v<Cost, double> && size == 0.0 && costs[j] != 0.0;
          fractions += fraction || underflow ? 1 : 0;
        }
        if (fractions > 0) {
          integers = false;
        }
      }
    }
  });
  return integers;
}

}  // namespace funcsim
