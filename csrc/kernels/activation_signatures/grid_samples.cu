// Layers with a grid of positions: which of them are samples, and one bit for all.

#include "kernels/activation_signatures/grid_points.h"
#include "kernels/common/ceil_div.h"
#include "kernels/common/error.h"
#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/warp.cuh"

namespace funcsim {

namespace {

constexpr int block_threads = 256;

/// What PlaceOffsets say.
struct OffsetsTask {
  GridPoints points;
  PointSets sets;
  HashStream hash;
  std::uint64_t first_input;
  std::int64_t samples;
  std::int64_t samples_per_input;
  bool all_places;
  std::int64_t input_stride;
  std::int64_t place_stride;
};

__global__ void __launch_bounds__(block_threads)
    find_sample_offsets(const __grid_constant__ OffsetsTask task, std::int64_t* offsets) {
  const std::int64_t step = std::int64_t{gridDim.x} * block_threads;
  for (std::int64_t s = (std::int64_t{blockIdx.x} * block_threads) + threadIdx.x; s < task.samples; s += step) {
    const std::int64_t input = s / task.samples_per_input;
    const std::int64_t within = s - (input * task.samples_per_input);
    const std::int64_t place =
        task.all_places
            ? within
            : task.points.place(task.hash, task.sets(task.first_input + static_cast<std::uint64_t>(input)), within);
    offsets[s] = (input * task.input_stride) + (place * task.place_stride);
  }
}

/// Whether any of the bits [begin, end) of a row is set.
__device__ bool any_bit(const std::uint8_t* row, std::int64_t begin, std::int64_t end) {
  if (begin >= end) {
    return false;
  }
  const std::uint8_t* at = row + (begin / 8);
  const std::uint8_t* last = row + ((end - 1) / 8);
  const unsigned from_begin = 0xFFU << (begin % 8);
  const unsigned to_end = 0xFFU >> (7 - ((end - 1) % 8));
  if (at == last) {
    return (*at & from_begin & to_end) != 0;
  }
  if ((*at & from_begin) != 0 || (*last & to_end) != 0) {
    return true;
  }
  constexpr std::int64_t word_bytes = sizeof(std::uint64_t);
  for (++at; at < last && reinterpret_cast<std::uintptr_t>(at) % word_bytes != 0; ++at) {
    if (*at != 0) {
      return true;
    }
  }
  for (; last - at >= word_bytes; at += word_bytes) {
    if (*reinterpret_cast<const std::uint64_t*>(at) != 0) {
      return true;
    }
  }
  for (; at < last; ++at) {
    if (*at != 0) {
      return true;
    }
  }
  return false;
}

/// A warp looks at 32 neighbouring groups of one unit.
__global__ void __launch_bounds__(block_threads)
    find_groups(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes, std::int64_t groups,
                std::int64_t group_size, std::uint8_t* out, std::int64_t out_row_bytes) {
  const int lane = static_cast<int>(threadIdx.x % warp_lanes);
  const std::int64_t warps = std::int64_t{gridDim.x} * (block_threads / warp_lanes);
  const std::int64_t words = ceil_div(groups, warp_lanes);
  for (std::int64_t w = ((std::int64_t{blockIdx.x} * block_threads) + threadIdx.x) / warp_lanes; w < units * words;
       w += warps) {
    const std::int64_t unit = w / words;
    const std::int64_t first = w % words * warp_lanes;
    const std::int64_t group = first + lane;
    const bool any =
        group < groups && any_bit(signatures + (unit * row_bytes), group * group_size, (group + 1) * group_size);
    const std::uint32_t votes = __ballot_sync(all_lanes, any);
    if (lane < ceil_div(min(groups - first, std::int64_t{warp_lanes}), 8)) {
      out[(unit * out_row_bytes) + (first / 8) + lane] = static_cast<std::uint8_t>(votes >> (8 * lane));
    }
  }
}

}  // namespace

void CudaKernels::sample_offsets(const PlaceOffsets& places, std::int64_t* offsets, const DeviceQueue& queue) const {
  const std::int64_t samples = places.inputs * places.samples_per_input;
  if (samples == 0) {
    return;
  }
  check(places.grid.size() <= coordinate_stride, "sample_offsets: at most ", coordinate_stride, " dimensions");
  std::int64_t all = 1;
  for (const std::int64_t size : places.grid) {
    all *= size;
  }
  const OffsetsTask task{.points = GridPoints(places.grid.data(), static_cast<std::int64_t>(places.grid.size()),
                                              places.all_places ? 1 : places.samples_per_input),
                         .sets = PointSets(places.seed),
                         .hash = HashStream(places.seed, HashPurpose::position),
                         .first_input = static_cast<std::uint64_t>(places.first_input),
                         .samples = samples,
                         .samples_per_input = places.samples_per_input,
                         .all_places = places.all_places,
                         .input_stride = all * places.units,
                         .place_stride = places.units_last ? places.units : 1};
  launch(find_sample_offsets, {grid_blocks(ceil_div(samples, block_threads)), block_threads}, queue, task, offsets);
}

void CudaKernels::any_of_groups(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                                std::int64_t groups, std::int64_t group_size, std::uint8_t* out,
                                std::int64_t out_row_bytes, const DeviceQueue& queue) const {
  const std::int64_t words = units * ceil_div(groups, warp_lanes);
  if (words == 0) {
    return;
  }
  launch(find_groups, {grid_blocks(ceil_div(words, block_threads / warp_lanes)), block_threads}, queue, signatures,
         units, row_bytes, groups, group_size, out, out_row_bytes);
}

}  // namespace funcsim
