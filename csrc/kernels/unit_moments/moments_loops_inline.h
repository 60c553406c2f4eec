#pragma once

// The loops of UnitMomentsLoops, for the compiler to vectorise. Each level's file includes this once, and makes of it
// its table: all of it is in an unnamed namespace, so that no level's code is taken for another's.

#include <cstdint>

#include "kernels/unit_moments/moments_loops.h"

// NOLINTBEGIN(cert-dcl59-cpp,misc-anonymous-namespace-in-header): a copy for each level
// NOLINTBEGIN(*-avoid-c-arrays): a std::array's functions might be compiled for one level and linked into all
namespace funcsim {

namespace {

/// Each sum takes its rows one after the other, also where several are read together to load and store it less often.
template <typename Float>
void add_rows(const void* rows, std::int64_t stride, std::int64_t count, std::int64_t units, double* sums,
              double* squares) {
  const auto* first = static_cast<const Float*>(rows);
  std::int64_t r = 0;
  for (; r + 4 <= count; r += 4) {
    const Float* row = first + (r * stride);
    for (std::int64_t u = 0; u < units; ++u) {
      const double shift = first[u];
      const double a = row[u] - shift;
      const double b = row[stride + u] - shift;
      const double c = row[(2 * stride) + u] - shift;
      const double d = row[(3 * stride) + u] - shift;
      sums[u] = (((sums[u] + a) + b) + c) + d;
      squares[u] = (((squares[u] + (a * a)) + (b * b)) + (c * c)) + (d * d);
    }
  }
  for (; r < count; ++r) {
    const Float* row = first + (r * stride);
    for (std::int64_t u = 0; u < units; ++u) {
      const double difference = row[u] - static_cast<double>(first[u]);
      sums[u] += difference;
      squares[u] += difference * difference;
    }
  }
}

template <typename Float>
void add_run(const void* run, std::int64_t count, double shift, double* sums, double* squares) {
  const auto* values = static_cast<const Float*>(run);
  double partial_sums[moment_lanes];
  double partial_squares[moment_lanes];
  for (std::int64_t j = 0; j < moment_lanes; ++j) {
    partial_sums[j] = sums[j];
    partial_squares[j] = squares[j];
  }
  std::int64_t i = 0;
  for (; i + moment_lanes <= count; i += moment_lanes) {
    for (std::int64_t j = 0; j < moment_lanes; ++j) {
      const double difference = values[i + j] - shift;
      partial_sums[j] += difference;
      partial_squares[j] += difference * difference;
    }
  }
  for (std::int64_t j = 0; i < count; ++i, ++j) {
    const double difference = values[i] - shift;
    partial_sums[j] += difference;
    partial_squares[j] += difference * difference;
  }
  for (std::int64_t j = 0; j < moment_lanes; ++j) {
    sums[j] = partial_sums[j];
    squares[j] = partial_squares[j];
  }
}

template <typename Float>
constexpr MomentLoops loops_of = {.add_rows = add_rows<Float>, .add_run = add_run<Float>};

}  // namespace

}  // namespace funcsim
// NOLINTEND(*-avoid-c-arrays)
// NOLINTEND(cert-dcl59-cpp,misc-anonymous-namespace-in-header)
