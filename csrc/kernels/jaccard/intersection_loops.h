#pragma once

#include <cstdint>

namespace funcsim {

/// Rows whose counts with the lanes of one block are added up by add_rows: their samples as lists of offsets.
struct DecodedRows {
  const std::uint16_t* offsets;  ///< [rows, offsets_stride]
  std::int64_t offsets_stride;
  const std::int64_t* lengths;     ///< [rows], offsets of each row, each a multiple of offsets_grain
  const std::int64_t* num_planes;  ///< [rows], planes that the row's counters need once these are added
  /// [rows], rows in the order in which they are counted: those of equal length together, or the processor would
  /// mispredict where each one ends.
  const std::int64_t* order;
  std::int64_t rows;
};

/// What the steps of the methods take, in the time of adding one run: what choose_count_method goes by. Rounded from
/// measurements; near where the methods are equally fast it doesn't matter which one runs.
struct CountCosts {
  double summing_a_pair;       ///< of popcount, more than vertical counters take
  double counting_a_register;  ///< lane_bytes bytes of a pair by popcount
  double packing_a_register;   ///< of B, for popcount
  double mirroring_a_pair;     ///< more that popcount takes for a pair of a matrix with itself
  double transposing_a_run;
  double touching_a_run;     ///< more than that, where all that is transposed leaves the caches
  double decoding_a_sample;  ///< of a row, set or not
  double visiting_a_block;   ///< with the samples of one block of a row
  double reading_a_block;    ///< the counts of a row with a block of lanes
  double writing_a_column;   ///< of the output, for each pair, where rows are written as columns
};

/// The inner loops of intersection_counts.cpp at one level. `lane_bytes` are the bytes of a register; a block of lanes
/// is 8 * lane_bytes units.
struct IntersectionLoops {
  std::int64_t lane_bytes;
  CountCosts costs;

  /// Set bits that each of rows_a rows has in common with each of rows_b rows, on `bytes` bytes, added to counts.
  /// Rows of counts have room for rows_b rounded up to a multiple of 8, all of which may be written.
  void (*count_pairs)(const std::uint8_t* a, std::int64_t rows_a, const std::uint8_t* b, std::int64_t rows_b,
                      std::int64_t row_bytes, std::int64_t bytes, std::int32_t* counts, std::int64_t counts_stride);

  /// Set bits of each of `units` rows.
  void (*count_sets)(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes, std::int32_t* counts);

  /// Jaccard indices of a row with `columns` others from what they have in common. Unions have up to 2^24 samples, so
  /// that they are exact in a float.
  void (*ratios)(const std::int32_t* common, std::int64_t columns, std::int32_t row_count,
                 const std::int32_t* column_counts, float* out);

  /// The transpose of up to 8 * lane_bytes rows on 64 samples: 64 runs of lane_bytes bytes, in which bit j of byte b
  /// is for row j * lane_bytes + b. `words` are the rows' samples, [rows, words_stride].
  void (*transpose)(const std::uint64_t* words, std::int64_t words_stride, std::uint8_t* transposed);

  /// Writes lane_bytes * s for every sample s that is set in bits[0, words), in complement for those that aren't, and
  /// returns how many. Writes up to 32 entries more than that.
  std::int64_t (*decode)(const std::uint64_t* bits, std::int64_t words, bool complement, std::uint16_t* offsets);

  /// Adds up the runs of `block` at the rows' offsets, at most as many as a block has samples, each into the row's
  /// counters: bit planes of lane_bytes bytes from `planes` + row * planes_stride on, as many as num_planes says, and
  /// at least those that count the samples of a block. Meanwhile next_block, of as many bytes, is fetched into the
  /// second-level cache.
  void (*add_rows)(const DecodedRows& decoded, const std::uint8_t* block, const std::uint8_t* next_block,
                   std::int64_t block_bytes, std::uint8_t* planes, std::int64_t planes_stride);

  /// The counts that num_planes bit planes hold, [8 * lane_bytes].
  void (*read_counts)(const std::uint8_t* planes, std::int64_t num_planes, std::int32_t* counts);
};

struct IntersectionLoopsByLevel {
  static const IntersectionLoops portable;
  static const IntersectionLoops neon;
  static const IntersectionLoops avx2;
  static const IntersectionLoops avx512;
};

/// Offsets that add_rows takes at a time.
constexpr std::int64_t offsets_grain = 8;
/// Bytes of a transposed block but for its last run: it stays in a first-level cache of 48 KiB.
constexpr std::int64_t transposed_bytes = 32768;

}  // namespace funcsim
