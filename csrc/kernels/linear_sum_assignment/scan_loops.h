#pragma once

#include <cstdint>

namespace funcsim {

// The loops in which the solver spends its time: over one row of costs, and arrays over the columns. Column j belongs
// to lane j % scan_lanes. Only the minimum of each lane is kept, without its place, so that there are neither branches
// nor dependencies between columns. The lanes are the same at every level, and so is all that follows from them.

constexpr std::int64_t scan_lanes = 32;

/// One row as scans see it, for `columns` columns. The reduced cost of column j is costs[j] * scale - duals[j].
template <typename Cost>
struct ScanRow {
  const Cost* costs;
  double scale;
  const double* duals;  ///< [columns]
  double error;  ///< what |costs[j] * scale| + |duals[j]| is multiplied by and then subtracted: 0 for exact duals
  std::int64_t columns;
};

/// One row for integers: the reduced cost of column j is costs[j] * scale - duals[j].
template <typename Cost>
struct IntegerRow {
  const Cost* costs;
  double scale;
  const std::int64_t* duals;  ///< [columns]
  std::int64_t columns;
};

/// What has been seen of costs while the matrix is read for the first time.
struct CostRange {
  std::uint64_t largest;   ///< bits of the largest magnitude; an infinity or NaN is larger than all others
  std::uint64_t smallest;  ///< bits of the smallest magnitude but 0, less 1; 2^64 - 1 if all are 0
};

/// The least costs of a row.
template <typename Cost>
struct RowMinimum {
  Cost least;           ///< infinity if all are infinite or NaN
  Cost second;          ///< the least of the others, which can be equal; infinity if there are none
  std::int64_t column;  ///< the first that has `least`
};

/// Scans of rows of one type, at one level of common/simd_level.h.
template <typename Cost>
struct ScanLoopsOf {
  /// Of the lanes' smallest reduced costs, the one of a rank, 1 for the smallest; infinity if there are fewer. Unless
  /// it is null, fetches the row that is scanned next into the caches meanwhile.
  double (*lane_minimum)(const ScanRow<Cost>& row, std::int64_t rank, const Cost* next);

  /// Columns from *begin on whose reduced cost is at most `limit`, ascending, until there are `room` of them. *begin
  /// becomes the first that has not been looked at. Returns how many.
  std::int64_t (*columns_within)(const ScanRow<Cost>& row, double limit, std::int64_t* begin, std::int64_t* found,
                                 std::int64_t room);

  /// One step of Dijkstra's algorithm: lowers distances[j] to the reduced cost + base where that is less. least[lane]
  /// becomes the smallest distance of each lane.
  void (*relax)(const ScanRow<Cost>& row, double base, double* distances, double* least);

  /// The same in integers: costs are truncated to them once scaled.
  void (*relax_integers)(const IntegerRow<Cost>& row, std::int64_t base, std::int64_t* distances, std::int64_t* least);

  /// Lowers minima[j] to costs[j] * sign, where minima is no null pointer, extends the range, and finds the minimum of
  /// the row's costs * sign. Costs that are NaN don't count in minima.
  void (*extend)(const Cost* costs, std::int64_t columns, double sign, Cost* minima, CostRange* range,
                 RowMinimum<Cost>* minimum);

  /// The first column from `begin` on whose costs[j] * sign is at most `limit`; `columns` if there is none.
  std::int64_t (*first_within)(const Cost* costs, std::int64_t begin, std::int64_t columns, double sign, Cost limit);

  /// Sets bit j % 64 of word j / 64 for every column whose costs[j] * sign is at most `limit`, and clears the others.
  void (*mark_within)(const Cost* costs, std::int64_t columns, double sign, Cost limit, std::uint64_t* words);
};

struct ScanLoops {
  ScanLoopsOf<float> of_floats;
  ScanLoopsOf<double> of_doubles;
};

struct ScanLoopsByLevel {
  static const ScanLoops portable;
  static const ScanLoops avx2;
  static const ScanLoops avx512;
};

}  // namespace funcsim
