#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "kernels/common/parallel.h"

// What tests of kernels share: naive bits and a hostile ParallelFor.

namespace funcsim {

/// Cuts a range into single iterations, last one first, whatever the grain.
inline void reversed_single_for(std::int64_t begin, std::int64_t end, std::int64_t /*grain*/, const RangeBody& body) {
  for (std::int64_t i = end; i > begin; --i) {
    body(i - 1, i);
  }
}

/// The two ways in which tests split the work.
inline const std::vector<ParallelFor>& splits() {
  static const std::vector<ParallelFor> both{serial_for, reversed_single_for};
  return both;
}

/// Booleans [units, samples], one by one.
using BoolRows = std::vector<std::vector<bool>>;

/// Units that fire independently with the given densities.
inline BoolRows random_rows(const std::vector<double>& densities, std::int64_t samples, unsigned seed) {
  std::mt19937_64 random(seed);
  BoolRows rows;
  for (const double density : densities) {
    std::vector<bool> row;
    for (std::int64_t s = 0; s < samples; ++s) {
      row.push_back(static_cast<double>(random() >> 11) * 0x1p-53 < density);
    }
    rows.push_back(row);
  }
  return rows;
}

/// Packed rows in a buffer of exactly their size, so that AddressSanitizer sees a read or write beyond it.
struct PackedRows {
  std::int64_t row_bytes;
  std::vector<std::uint8_t> bytes;

  bool bit(std::int64_t unit, std::int64_t sample) const {
    return ((bytes[(unit * row_bytes) + (sample / 8)] >> (sample % 8)) & 1) != 0;
  }
};

/// @param slack bytes of `filler` between rows (but not after the last one)
inline PackedRows pack(const BoolRows& rows, std::int64_t samples, std::int64_t slack = 0, std::uint8_t filler = 0xA5) {
  const std::int64_t used = (samples + 7) / 8;
  PackedRows packed{used + slack, {}};
  for (const std::vector<bool>& row : rows) {
    if (!packed.bytes.empty()) {
      packed.bytes.insert(packed.bytes.end(), slack, filler);
    }
    std::vector<std::uint8_t> bytes(used);
    for (std::int64_t s = 0; s < samples; ++s) {
      if (row[s]) {
        bytes[s / 8] |= static_cast<std::uint8_t>(1U << (s % 8));
      }
    }
    packed.bytes.insert(packed.bytes.end(), bytes.begin(), bytes.end());
  }
  return packed;
}

/// Sizes around the words, lines and blocks that kernels work in.
inline const std::vector<std::int64_t> odd_sizes{0, 1, 7, 8, 9, 63, 64, 65, 119, 121, 127, 129, 511, 513, 1030};

}  // namespace funcsim
