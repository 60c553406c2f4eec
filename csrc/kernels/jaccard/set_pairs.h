#pragma once

#include <cstdint>

#include "kernels/common/device_kernels.h"

namespace funcsim {

/// What is made of the number of elements that two sets have in common.
enum class Similarity : std::uint8_t {
  jaccard,            ///< for unions that a float counts exactly, up to 2^24
  jaccard_by_double,  ///< for any union
  phi,
};

constexpr std::int64_t large_row_bytes = std::int64_t{1} << 21;

constexpr Similarity jaccard_of_rows(std::int64_t row_bytes) {
  return row_bytes <= large_row_bytes ? Similarity::jaccard : Similarity::jaccard_by_double;
}

/// Packed sets on a device.
struct DeviceSets {
  const std::uint8_t* rows;  ///< [units], aligned to 16 bytes
  std::int64_t units;
  std::int64_t row_bytes;      ///< a multiple of 16
  const std::int32_t* counts;  ///< elements of each set
};

/// Sets as the kernels take them: counted, and copied if rows aren't aligned.
DeviceSets prepare_sets(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes, const DeviceQueue& queue);

/// Counts on a device that begin with 0.
std::int32_t* zeroed_counts(std::int64_t size, const DeviceQueue& queue);

/// All pairs of sets, and what is made of them.
struct SetPairs {
  DeviceSets a;
  DeviceSets b;
  bool symmetric;  ///< b is a: only pairs (i, j) with i <= j are counted, and written to both places
  Similarity similarity;
  std::int64_t num_samples;  ///< for phi
  float* out;                ///< [a.units, b.units]
};

// Ways to count what two sets have in common, all with the same results.

/// And of two words, set bits of it.
void count_by_popcount(const SetPairs& pairs, const DeviceQueue& queue);
/// mma of single bits, which compute capability 8.0 to 9.0 have.
void count_by_mma_b1(const SetPairs& pairs, const DeviceQueue& queue);
/// mma of bytes that are made of bits; from compute capability 8.0 on.
void count_by_mma_s8(const SetPairs& pairs, const DeviceQueue& queue);
/// wgmma of single bits, which compute capability 9.0 has.
void count_by_wgmma_b1(const SetPairs& pairs, const DeviceQueue& queue);

/// Writes the similarities of pairs whose common elements are counted.
/// @param common [a.units, b.units]; of symmetric pairs those on the diagonal and above it
void write_similarities(const SetPairs& pairs, const std::int32_t* common, const DeviceQueue& queue);

}  // namespace funcsim
