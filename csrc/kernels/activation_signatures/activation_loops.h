#pragma once

#include <cstdint>

namespace funcsim {

/// Samples whose rows are compared together.
inline constexpr std::int64_t rows_together = 8;

/// How far ahead of a comparison elements are prefetched: eight rows of it stay in the first cache.
inline constexpr std::int64_t prefetch_bytes = 2048;

/// The loops of activation_signatures() for one element type. Pointers are to its Element, Threshold and Bits (see
/// element_types.h).
struct PackLoops {
  /// Sets bit `shift` + k of bits[i] where rows[k][i] is above thresholds[i], and all bits of `nan` if an element is
  /// NaN. `next` are the rows that will be wanted next, or null.
  void (*compare_units)(const void* const* rows, const void* const* next, const void* thresholds, std::int64_t elements,
                        int shift, void* bits, void* nan);

  /// Packs `words` times 64 contiguous samples of one unit. Returns whether one is NaN.
  bool (*pack_samples)(const void* samples, std::int64_t words, const void* threshold, std::uint8_t* out);

  /// Copies `count` elements that are `stride` elements apart.
  void (*copy_strided)(const void* from, std::int64_t stride, std::int64_t count, void* to);
};

/// Those of all element types for one instruction set.
struct ActivationLoops {
  PackLoops float32;
  PackLoops float64;
  PackLoops float16;
  PackLoops bfloat16;
};

struct ActivationLoopsByLevel {
  static const ActivationLoops portable;
  static const ActivationLoops avx2;
  static const ActivationLoops avx512;
};

}  // namespace funcsim
