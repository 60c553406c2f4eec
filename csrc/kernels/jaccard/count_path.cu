#include "kernels/jaccard/count_path.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kernels/common/ceil_div.h"
#include "kernels/common/error.h"
#include "kernels/common/hash.h"
#include "kernels/cuda/device_attribute.h"
#include "kernels/cuda/launch.h"

namespace funcsim {

namespace {

constexpr int any_later = std::numeric_limits<int>::max();
// Where none could be tried yet, the first is used.
constexpr std::array<CountPath, 4> all_paths = {{
    {.name = "popcount", .count = count_by_popcount, .first_capability = 0, .last_capability = any_later},
    {.name = "mma_s8", .count = count_by_mma_s8, .first_capability = 80, .last_capability = any_later},
    {.name = "wgmma_b1", .count = count_by_wgmma_b1, .first_capability = 90, .last_capability = 90},
    {.name = "mma_b1", .count = count_by_mma_b1, .first_capability = 80, .last_capability = 90},
}};

constexpr int block_threads = 256;

__device__ std::int64_t first_index() {
  return (static_cast<std::int64_t>(blockIdx.x) * block_threads) + threadIdx.x;
}

__device__ std::int64_t index_step() {
  return static_cast<std::int64_t>(gridDim.x) * block_threads;
}

__global__ void __launch_bounds__(block_threads)
    fill_randomly(std::uint64_t* words, std::int64_t size, std::uint64_t seed) {
  for (std::int64_t i = first_index(); i < size; i += index_step()) {
    words[i] = mix64(seed + static_cast<std::uint64_t>(i));
  }
}

__global__ void __launch_bounds__(block_threads)
    count_differences(const float* x, const float* y, std::int64_t size, std::int32_t* differences) {
  for (std::int64_t i = first_index(); i < size; i += index_step()) {
    if (__float_as_int(x[i]) != __float_as_int(y[i])) {
      atomicAdd(differences, 1);
    }
  }
}

LaunchShape shape_for(std::int64_t size) {
  return {.blocks = dim3(grid_blocks(ceil_div(size, block_threads), 1024)), .threads = dim3(block_threads)};
}

class TimePoint {
 public:
  TimePoint() { check_cuda(cudaEventCreate(&event_), "making an event"); }
  ~TimePoint() { static_cast<void>(cudaEventDestroy(event_)); }
  TimePoint(const TimePoint&) = delete;
  TimePoint& operator=(const TimePoint&) = delete;

  void record(const DeviceQueue& queue) { check_cuda(cudaEventRecord(event_, stream_of(queue)), "recording an event"); }

  /// Waits for both.
  double milliseconds_since(const TimePoint& begin) const {
    check_cuda(cudaEventSynchronize(event_), "waiting for an event");
    float milliseconds = 0;
    check_cuda(cudaEventElapsedTime(&milliseconds, begin.event_, event_), "reading the time between events");
    return milliseconds;
  }

 private:
  cudaEvent_t event_ = nullptr;
};

float* new_results(const SetPairs& pairs, const DeviceQueue& queue) {
  return static_cast<float*>(queue.scratch(pairs.a.units * pairs.b.units * static_cast<std::int64_t>(sizeof(float))));
}

DeviceSets random_sets(std::int64_t units, std::int64_t row_bytes, std::uint64_t seed, const DeviceQueue& queue) {
  auto* const rows = static_cast<std::uint64_t*>(queue.scratch(units * row_bytes));
  const std::int64_t words = units * row_bytes / static_cast<std::int64_t>(sizeof(std::uint64_t));
  launch(fill_randomly, shape_for(words), queue, rows, words, mix64(seed));
  return prepare_sets(reinterpret_cast<const std::uint8_t*>(rows), units, row_bytes, queue);
}

SetPairs random_pairs(std::int64_t units_a, std::int64_t units_b, std::int64_t row_bytes, const DeviceQueue& queue) {
  SetPairs pairs{.a = random_sets(units_a, row_bytes, 1, queue),
                 .b = random_sets(units_b, row_bytes, 2, queue),
                 .symmetric = false,
                 .similarity = Similarity::jaccard,
                 .num_samples = 0,
                 .out = nullptr};
  pairs.out = new_results(pairs, queue);
  return pairs;
}

/// The median of a few times that a way to count takes.
double milliseconds_of(CountFunction count, const SetPairs& pairs, const DeviceQueue& queue) {
  const CurrentDevice current(queue);
  count(pairs, queue);  // loads the kernel
  std::array<TimePoint, 6> points;
  points[0].record(queue);
  for (std::size_t k = 1; k < points.size(); ++k) {
    count(pairs, queue);
    points[k].record(queue);
  }
  std::array<double, points.size() - 1> times{};
  for (std::size_t k = 0; k < times.size(); ++k) {
    times[k] = points[k + 1].milliseconds_since(points[k]);
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

int capability(const DeviceQueue& queue) {
  return static_cast<int>((10 * device_attribute(cudaDevAttrComputeCapabilityMajor, queue)) +
                          device_attribute(cudaDevAttrComputeCapabilityMinor, queue));
}

std::vector<CountPath> paths_of(int capability) {
  std::vector<CountPath> paths;
  std::copy_if(all_paths.begin(), all_paths.end(), std::back_inserter(paths), [&](const CountPath& path) {
    return path.first_capability <= capability && capability <= path.last_capability;
  });
  return paths;
}

bool is_capturing(const DeviceQueue& queue) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check_cuda(cudaStreamIsCapturing(stream_of(queue), &status), "asking whether a stream is captured");
  return status != cudaStreamCaptureStatusNone;
}

/// What was found out about devices, by any thread.
struct Findings {
  std::mutex mutex;
  std::map<int, CountFunction> fastest;
  std::set<std::pair<int, CountFunction>> right;
};

Findings& findings() {
  static Findings all;
  return all;
}

CountFunction forced_path(std::string_view forced, const std::vector<CountPath>& paths, const DeviceQueue& queue) {
  std::string names;
  for (const CountPath& path : paths) {
    names += (names.empty() ? "" : ", ") + std::string(path.name);
  }
  const auto path =
      std::find_if(paths.begin(), paths.end(), [&](const CountPath& candidate) { return candidate.name == forced; });
  check(path != paths.end(), "FUNCSIM_CUDA_JACCARD must name a way to count that device ", queue.device, " has (",
        names, "), got \"", forced, "\"");
  const std::lock_guard lock(findings().mutex);
  if (path != paths.begin() && !findings().right.contains({queue.device, path->count}) && !is_capturing(queue)) {
    check(counts_right(path->count, queue), "FUNCSIM_CUDA_JACCARD: \"", forced, "\" gives wrong results on device ",
          queue.device);
    findings().right.insert({queue.device, path->count});
  }
  return path->count;
}

}  // namespace

CountFunction choose_count(std::int64_t units_a, std::int64_t units_b, std::int64_t row_bytes, const DeviceQueue& queue,
                           const TrialSize& trial) {
  // Popcount takes some ten microseconds for so many pairs of bits, and others are hardly faster.
  constexpr double few_pairs = 0x1p31;
  const std::vector<CountPath> paths = paths_of(capability(queue));
  const char* const forced = std::getenv("FUNCSIM_CUDA_JACCARD");
  if (forced != nullptr && *forced != '\0') {
    return forced_path(forced, paths, queue);
  }
  const double pairs =
      8.0 * static_cast<double>(row_bytes) * static_cast<double>(units_a) * static_cast<double>(units_b);
  if (pairs < few_pairs || paths.size() == 1) {
    return paths.front().count;
  }
  const std::lock_guard lock(findings().mutex);
  const auto found = findings().fastest.find(queue.device);
  if (found != findings().fastest.end()) {
    return found->second;
  }
  if (is_capturing(queue)) {
    return paths.front().count;  // the others weren't tried yet
  }
  const CountFunction fastest = fastest_path(paths, trial, queue).count;
  findings().fastest.emplace(queue.device, fastest);
  return fastest;
}

bool counts_right(CountFunction count, const DeviceQueue& queue) {
  // More than one tile of every path, whose last ones aren't full; more pieces of rows than are held at a time, the
  // last of them not full either.
  SetPairs pairs = random_pairs(130, 270, 720, queue);
  const std::int64_t size = pairs.a.units * pairs.b.units;
  count_by_popcount(pairs, queue);
  const float* const expected = std::exchange(pairs.out, new_results(pairs, queue));
  const CurrentDevice current(queue);
  check_cuda(cudaMemsetAsync(pairs.out, 0xFF, static_cast<std::size_t>(size) * sizeof(float), stream_of(queue)),
             "filling memory");
  count(pairs, queue);
  std::int32_t* const differences = zeroed_counts(1, queue);
  launch(count_differences, shape_for(size), queue, expected, pairs.out, size, differences);
  std::int32_t result = 0;
  check_cuda(cudaMemcpyAsync(&result, differences, sizeof(result), cudaMemcpyDeviceToHost, stream_of(queue)),
             "copying to the host");
  check_cuda(cudaStreamSynchronize(stream_of(queue)), "waiting for a stream");
  return result == 0;
}

const CountPath& fastest_path(std::span<const CountPath> paths, const TrialSize& trial, const DeviceQueue& queue) {
  const SetPairs pairs = random_pairs(trial.units, trial.units, trial.row_bytes, queue);
  const CountPath* fastest = &paths.front();
  double least = milliseconds_of(fastest->count, pairs, queue);
  for (const CountPath& path : paths.subspan(1)) {
    if (!counts_right(path.count, queue)) {
      continue;
    }
    const double milliseconds = milliseconds_of(path.count, pairs, queue);
    if (milliseconds < least) {
      least = milliseconds;
      fastest = &path;
    }
  }
  return *fastest;
}

}  // namespace funcsim
