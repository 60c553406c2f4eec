#include "kernels/cuda/inclusive_scan.h"

#include "kernels/common/ceil_div.h"
#include "kernels/cuda/launch.h"

namespace funcsim {

namespace {

constexpr int scan_threads = 1024;
constexpr int thread_values = 16;
constexpr std::int64_t tile_values = scan_threads * thread_values;

/// The sum of a warp's values up to this lane's.
__device__ std::uint64_t scan_warp(std::uint64_t value) {
  for (unsigned lanes = 1; lanes < 32; lanes *= 2) {
    const std::uint64_t before = __shfl_up_sync(~0U, value, lanes);
    value += threadIdx.x % 32 >= lanes ? before : 0;
  }
  return value;
}

/// Scans every tile by itself, one a block.
///
/// @param totals becomes the sum of each tile, unless null
__global__ __launch_bounds__(scan_threads) void scan_tiles(std::uint64_t* values, std::int64_t count,
                                                           std::uint64_t* totals) {
  __shared__ std::uint64_t warp_sums[scan_threads / 32];
  const unsigned warp = threadIdx.x / 32;
  const std::int64_t first = (blockIdx.x * tile_values) + (threadIdx.x * thread_values);
  std::uint64_t sums[thread_values];
  std::uint64_t sum = 0;
#pragma unroll
  for (int k = 0; k < thread_values; ++k) {
    sum += first + k < count ? values[first + k] : 0;
    sums[k] = sum;
  }
  const std::uint64_t up_to_thread = scan_warp(sum);
  if (threadIdx.x % 32 == 31) {
    warp_sums[warp] = up_to_thread;
  }
  __syncthreads();
  if (warp == 0) {
    warp_sums[threadIdx.x] = scan_warp(warp_sums[threadIdx.x]);
  }
  __syncthreads();
  const std::uint64_t before = up_to_thread - sum + (warp > 0 ? warp_sums[warp - 1] : 0);
#pragma unroll
  for (int k = 0; k < thread_values; ++k) {
    if (first + k < count) {
      values[first + k] = before + sums[k];
    }
  }
  if (totals != nullptr && threadIdx.x == 0) {
    totals[blockIdx.x] = warp_sums[(scan_threads / 32) - 1];
  }
}

/// Adds to every tile the total of those before it.
__global__ __launch_bounds__(scan_threads) void add_totals(std::uint64_t* values, std::int64_t count,
                                                           const std::uint64_t* totals) {
  const std::uint64_t before = totals[blockIdx.x];  // the first tile has no block
  for (int k = 0; k < thread_values; ++k) {
    const std::int64_t place = ((blockIdx.x + 1) * tile_values) + (k * scan_threads) + threadIdx.x;
    if (place < count) {
      values[place] += before;
    }
  }
}

}  // namespace

void inclusive_scan(std::uint64_t* values, std::int64_t count, const DeviceQueue& queue) {
  const std::int64_t tiles = ceil_div(count, tile_values);
  const auto blocks_of = [](std::int64_t blocks) { return dim3(static_cast<unsigned>(blocks)); };
  if (tiles <= 1) {
    if (tiles == 1) {
      launch(scan_tiles, {.blocks = blocks_of(1), .threads = dim3(scan_threads)}, queue, values, count, nullptr);
    }
    return;
  }
  auto* const totals = static_cast<std::uint64_t*>(queue.scratch(tiles * static_cast<std::int64_t>(sizeof(*values))));
  launch(scan_tiles, {.blocks = blocks_of(tiles), .threads = dim3(scan_threads)}, queue, values, count, totals);
  inclusive_scan(totals, tiles, queue);
  launch(add_totals, {.blocks = blocks_of(tiles - 1), .threads = dim3(scan_threads)}, queue, values, count, totals);
}

}  // namespace funcsim
