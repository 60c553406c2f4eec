#pragma once

#include <cstdint>

namespace funcsim {

/// Columns of a tile of counts.
inline constexpr std::int64_t tile_columns = 64;

/// Rows of codes are padded to a multiple of this many bytes, the widest register.
inline constexpr std::int64_t code_alignment = 64;

/// Rows of equal length, `stride` elements apart.
template <typename Element>
struct CodeRows {
  const Element* first;
  std::int64_t rows;
  std::int64_t stride;
};

/// The loops of minhash_jaccard() for one instruction set. The first three add to counts[i * tile_columns + j] in how
/// many of `elements` places row i of `a` equals row j of `b`; at most tile_columns rows of `b`.
struct MinhashJaccardLoops {
  /// `elements` is a multiple of code_alignment.
  void (*count_equal_bytes)(const CodeRows<std::uint8_t>& a, const CodeRows<std::uint8_t>& b, std::int64_t elements,
                            std::int32_t* counts);
  /// `elements` is a multiple of code_alignment / 2.
  void (*count_equal_halves)(const CodeRows<std::uint16_t>& a, const CodeRows<std::uint16_t>& b, std::int64_t elements,
                             std::int32_t* counts);
  /// Any number of elements.
  void (*count_equal_slots)(const CodeRows<std::int32_t>& a, const CodeRows<std::int32_t>& b, std::int64_t elements,
                            std::int32_t* counts);
  /// Bits that are set in both.
  std::int64_t (*count_common_bits)(const std::uint64_t* x, const std::uint64_t* y, std::int64_t words);
  /// out[j] = counts[j] / whole, divided as float64.
  void (*divide)(const std::int32_t* counts, std::int64_t count, std::int64_t whole, float* out);
};

struct MinhashJaccardLoopsByLevel {
  static const MinhashJaccardLoops portable;
  static const MinhashJaccardLoops avx2;
  static const MinhashJaccardLoops avx512;
};

}  // namespace funcsim
