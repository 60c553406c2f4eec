#pragma once

#include <cstdint>

namespace funcsim {

/// The loops of shuffle_samples() for single bits, for one instruction set. A column is a word with one sample's bits
/// of up to 64 units.
struct ShuffleLoops {
  /// columns[s] becomes the bits of sample s. Of each of `units` rows, `bytes` bytes are read; columns are written for
  /// as many samples, rounded up to 64.
  void (*columns_of_rows)(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes, std::int64_t bytes,
                          std::uint64_t* columns);

  /// Bit s of the rows becomes that of columns[sources[s]]; the padding bits of the last byte are 0.
  void (*rows_of_columns)(const std::uint64_t* columns, const std::int64_t* sources, std::int64_t samples,
                          std::int64_t units, std::int64_t row_bytes, std::uint8_t* rows);
};

struct ShuffleLoopsByLevel {
  static const ShuffleLoops portable;
  static const ShuffleLoops avx512;
};

}  // namespace funcsim
