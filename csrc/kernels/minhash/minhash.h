#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "kernels/common/parallel.h"

namespace funcsim {

/// Slot value of a sketch that no sample of the set fell into.
inline constexpr std::int32_t empty_slot = std::numeric_limits<std::int32_t>::max();

/// A run of samples sorted by slot, and within a slot by hash value (ties by index).
///
/// Sample s of the whole stream has hash h = HashStream(seed, sample_order)(s). Its slot is
/// floor((h >> 32) * num_hashes / 2^32), its value (h & 0xFFFFFFFF) * (2^31 - 1) >> 32, in [0, 2^31 - 2].
/// This is one-permutation hashing (Li, Owen, Zhang, "One permutation hashing", NIPS 2012) with hashed
/// instead of equal bins, so that it needs no number of samples in advance.
///
/// Samples have rows in the matrix of columns that minhash() makes of signatures: as they come, if they are few, else
/// the first ones of every slot, slot by slot. A sketch rarely needs more than those.
struct SampleOrder {
  std::vector<std::int64_t> slot_begin;  ///< [num_hashes + 1] first entry of every slot
  std::vector<std::uint32_t> samples;    ///< sample, counted from first_sample
  std::vector<std::int32_t> values;      ///< its hash value
  std::vector<std::int64_t> row_begin;   ///< [num_hashes + 1] row of every slot's first sample
  std::vector<std::uint32_t> rows;  ///< row by sample; row_begin.back() for those without; empty: sample s in row s
  std::int64_t seed = 0;
  std::int64_t first_sample = 0;      ///< global index of sample 0; 0 with `indices`
  std::vector<std::int64_t> indices;  ///< global indices of samples that need not follow each other, else empty
};

/// The order of samples first_sample ... first_sample + num_samples - 1, less than 2^32.
SampleOrder sample_order(std::int64_t num_samples, std::int64_t num_hashes, std::int64_t seed,
                         std::int64_t first_sample, const ParallelFor& parallel_for);

/// The order of samples with these global indices, less than 2^32, which need not follow each other.
SampleOrder sample_order(std::vector<std::int64_t> indices, std::int64_t num_hashes, std::int64_t seed,
                         const ParallelFor& parallel_for);

/// sample_order() for callers that sketch layer after layer on the same samples: the last four orders of at most 2^18
/// samples are kept, in at most 12 MiB and what their slots take. Safe to call from any thread.
std::shared_ptr<const SampleOrder> shared_sample_order(std::int64_t num_samples, std::int64_t num_hashes,
                                                       std::int64_t seed, std::int64_t first_sample,
                                                       const ParallelFor& parallel_for);

/// How many samples to order at a time, a multiple of 64: so few that their order is made in the second cache, but
/// several for each slot.
constexpr std::int64_t ordered_samples(std::int64_t num_hashes) {
  constexpr std::int64_t least = std::int64_t{1} << 18;
  return num_hashes <= least / 16 ? least : 64 * ((num_hashes / 4) + 1);
}

/// Merges the sketches of a run of samples into `sketches`: every slot becomes the smaller of what it held
/// and the smallest value of a set sample in that slot. Start from empty_slot everywhere.
///
/// Samples are visited in hashed order and a slot is left at its first set bit: about 1/density reads a slot. From six
/// units on, and up to 512 samples a slot on average, rows are turned into columns first, so that one visit serves up
/// to 512 units; otherwise units are walked through one by one. Units that fire too rarely for that are merged sample
/// by sample.
///
/// @param signatures [units] rows `row_bytes` apart of num_samples bits
/// @param sketches   in and out: [units, num_hashes] contiguous
void minhash(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes, const SampleOrder& order,
             std::int32_t* sketches, const ParallelFor& parallel_for);

/// minhash() for sketches that hold nothing yet: they are written without being read.
void new_minhash(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes, const SampleOrder& order,
                 std::int32_t* sketches, const ParallelFor& parallel_for);

/// new_minhash() for samples first_sample ... first_sample + num_samples - 1, any number of them: in parts of
/// ordered_samples(), with shared orders.
void new_minhash_of_run(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                        std::int64_t num_samples, std::int64_t num_hashes, std::int64_t seed, std::int64_t first_sample,
                        std::int32_t* sketches, const ParallelFor& parallel_for);

}  // namespace funcsim
