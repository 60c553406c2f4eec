#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/common/parallel.h"

namespace funcsim {

/// Slots whose codes are made together, a cache line of a sketch.
inline constexpr std::int64_t slots_together = 16;

/// Sketches with the values of each slot numbered in the order in which they appear: two units have equal codes in a
/// slot exactly where they have equal values, for as many units as were encoded together.
///
/// Up to 256 different values take a byte, which holds for most slots: values are few where units fire often. Groups of
/// slots with more have halves, two bytes, and zeros where their bytes would be.
struct SlotCodes {
  std::int64_t byte_stride = 0;       ///< bytes a unit, padded with zeros
  std::vector<std::uint8_t> bytes;    ///< [units, byte_stride]
  std::int64_t half_stride = 0;       ///< halves a unit, padded with zeros
  std::vector<std::uint16_t> halves;  ///< [units, half_stride]
  std::int64_t always_equal = 0;      ///< places of both that are equal for all units, and stand for no slot
  bool exact = false;  ///< false where a slot has more than 65536 different values, and there are no codes
};

/// Encodes the sketches of both parts as one list of units.
SlotCodes encode_slots(std::span<const std::int32_t> a, std::span<const std::int32_t> b, std::int64_t num_hashes,
                       const ParallelFor& parallel_for);

}  // namespace funcsim
