#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "kernels/jaccard/set_pairs.h"

namespace funcsim {

using CountFunction = void (*)(const SetPairs& pairs, const DeviceQueue& queue);

/// One of the ways to count common elements.
struct CountPath {
  std::string_view name;
  CountFunction count;
  int first_capability;  ///< compute capabilities that have it: 80 is 8.0
  int last_capability;
};

/// What paths are timed with: [units, units] pairs.
struct TrialSize {
  std::int64_t units = 2000;
  std::int64_t row_bytes = 2000;  ///< a multiple of 16
};

/// The way to count the common elements of so many pairs. Small problems are counted by popcount. At the first large
/// one the paths that the device has are tried: those that don't give what popcount gives are never used there, and the
/// fastest of the others is kept for that device. That waits for the device once, for some milliseconds, which can't
/// be done while work is recorded into a CUDA graph: until some other problem was tried, popcount is used there.
///
/// The environment variable FUNCSIM_CUDA_JACCARD names a path that is used for all problems.
///
/// @throws Error if it names none, one that the device doesn't have, or one that doesn't give what popcount gives
CountFunction choose_count(std::int64_t units_a, std::int64_t units_b, std::int64_t row_bytes, const DeviceQueue& queue,
                           const TrialSize& trial = {});

/// Whether a way to count gives what popcount gives, on a problem that has parts of every tile. Waits for the device.
bool counts_right(CountFunction count, const DeviceQueue& queue);

/// The path for a device: the fastest that counts right. Waits for the device.
///
/// @param paths at least one, the first of which counts right
const CountPath& fastest_path(std::span<const CountPath> paths, const TrialSize& trial, const DeviceQueue& queue);

}  // namespace funcsim
