#pragma once

#include <cstdint>

namespace funcsim {

/// Partial sums of one unit's consecutive values: value i goes to partial sum i % moment_lanes, whatever the width of
/// registers.
inline constexpr std::int64_t moment_lanes = 8;

/// The loops of unit_moments() for one element type.
struct MomentLoops {
  /// Adds differences from the first row, and their squares, to the sums of `units` units.
  ///
  /// @param rows [count] rows of elements, `stride` elements apart
  void (*add_rows)(const void* rows, std::int64_t stride, std::int64_t count, std::int64_t units, double* sums,
                   double* squares);

  /// Adds the differences of one unit's contiguous values from `shift`, and their squares, to the partial sums.
  void (*add_run)(const void* run, std::int64_t count, double shift, double* sums, double* squares);
};

/// Those of all element types for one instruction set.
struct UnitMomentsLoops {
  MomentLoops float32;
  MomentLoops float64;
};

struct UnitMomentsLoopsByLevel {
  static const UnitMomentsLoops portable;
  static const UnitMomentsLoops avx2;
  static const UnitMomentsLoops avx512;
};

}  // namespace funcsim
