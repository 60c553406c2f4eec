#pragma once

#include <cstdint>

namespace funcsim {

/// Values that a slot's samples are told apart by at a time: a rank is a byte, and its largest value means "none".
inline constexpr std::int64_t ranked_samples = 255;

/// Samples that are transposed at a time: a cache line of every unit's row.
inline constexpr std::int64_t transposed_samples = 512;

/// Samples whose hashes are wanted: those with consecutive indices, or with given ones.
struct HashedRun {
  std::uint64_t first;          ///< HashStream::unmixed() of the first sample, or of index 0 with `indices`
  const std::int64_t* indices;  ///< [count], or null
  std::int64_t count;
  std::int64_t num_hashes;
  std::int64_t slot_buckets;  ///< buckets that a slot's values are divided into
};

/// Entries that a bucket has room for: a cache line of them, which a register sorts.
inline constexpr std::int64_t bucket_places = 8;

/// Units that are sketched together, and the samples of their run in hashed order (SampleOrder).
struct UnitBlock {
  const std::uint64_t* columns;   ///< [rows, words] bit u % 64 of word u / 64: whether unit u fires on a row's sample
  const std::uint32_t* places;    ///< where rows are, by their number, or null where they are in order
  std::int64_t words;             ///< 1, 2, 4 or 8, at most MinhashLoops::most_words
  std::int64_t units;             ///< at most 64 * words
  const std::int64_t* row_begin;  ///< rows of the first samples of every slot, in order
  const std::int64_t* slot_begin;
  const std::int32_t* values;
  std::int64_t num_hashes;
  std::int32_t* sketches;  ///< [units, num_hashes]
  bool fresh;              ///< whether the sketches hold nothing yet, and are written without being read
};

/// The loops of minhash() and sample_order() for one instruction set.
struct MinhashLoops {
  /// 64-unit words of the widest register.
  std::int64_t most_words;

  /// Turns rows into columns: word w of a sample's column gets the sample's bit of the rows 64 w, 64 w + 1, ... of
  /// `units` rows. Sample s goes to row places[s] of `columns`, or to row s where `places` is null.
  ///
  /// @param row_bytes distance of rows
  /// @param samples   how many bits of each row there are
  /// @param columns   out: [rows, words]
  void (*transpose)(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes, std::int64_t samples,
                    std::int64_t words, const std::uint32_t* places, std::uint64_t* columns);

  /// Merges the samples that have rows into the block's sketches.
  ///
  /// @param left out: [num_hashes, words] units that fire on none of the slot's
  void (*merge_block)(const UnitBlock& block, std::uint64_t* left);

  /// Samples `begin` ... `end` - 1 of the run: their values, each with the sample's number in the low 32 bits, and
  /// their buckets.
  void (*hash_samples)(const HashedRun& run, std::int64_t begin, std::int64_t end, std::uint64_t* entries,
                       std::uint32_t* buckets);

  /// Sorts the buckets of up to bucket_places entries, and takes their entries apart. Others are only passed over: room
  /// is left for them. The first bucket's entries go to `samples` and `values`, the next ones' behind them.
  ///
  /// @param entries [buckets, bucket_places]
  /// @param counts  [buckets]
  void (*sort_buckets)(const std::uint64_t* entries, const std::uint32_t* counts, std::int64_t buckets,
                       std::uint32_t* samples, std::int32_t* values);
};

struct MinhashLoopsByLevel {
  static const MinhashLoops portable;
  static const MinhashLoops avx2;
  static const MinhashLoops avx512;
};

}  // namespace funcsim
