#pragma once

#include <cstdint>

namespace funcsim {

/// Values that a slot's samples are told apart by at a time: a rank is a byte, and its largest value means "none".
inline constexpr std::int64_t ranked_samples = 255;

/// Samples that are transposed at a time: a cache line of every unit's row.
inline constexpr std::int64_t transposed_samples = 512;

/// Units that are sketched together, and the samples of their run in hashed order (SampleOrder).
struct UnitBlock {
  const std::uint64_t* columns;  ///< [samples, words] bit u % 64 of word u / 64: whether unit u fires on the sample
  std::int64_t words;            ///< 1, 2, 4 or 8, at most MinhashLoops::most_words
  std::int64_t units;            ///< at most 64 * words
  const std::int64_t* slot_begin;
  const std::int64_t* samples;
  const std::int32_t* values;
  std::int64_t num_hashes;
  std::int32_t* sketches;  ///< [units, num_hashes]
  bool fresh;              ///< whether the sketches hold nothing yet, and are written without being read
};

/// The loops of minhash() and sample_order() for one instruction set.
struct MinhashLoops {
  /// 64-unit words of the widest register.
  std::int64_t most_words;

  /// Turns rows into columns: word w of column s gets bit s of the rows 64 w, 64 w + 1, ... of `units` rows.
  ///
  /// @param row_bytes distance of rows
  /// @param bytes     how many of each row are read
  /// @param columns   out: [bytes * 8 rounded up to transposed_samples, words]
  void (*transpose)(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes, std::int64_t bytes,
                    std::int64_t words, std::uint64_t* columns);

  /// Merges the block's samples into its sketches.
  void (*merge_block)(const UnitBlock& block);
};

extern const MinhashLoops minhash_loops_portable;
extern const MinhashLoops minhash_loops_neon;
extern const MinhashLoops minhash_loops_avx2;
extern const MinhashLoops minhash_loops_avx512;

}  // namespace funcsim
