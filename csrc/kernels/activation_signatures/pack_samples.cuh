#pragma once

#include "kernels/activation_signatures/pack_task.cuh"
#include "kernels/common/bits.h"
#include "kernels/common/ceil_div.h"
#include "kernels/cuda/faults.cuh"
#include "kernels/cuda/packed_words.cuh"
#include "kernels/cuda/warp.cuh"

namespace funcsim {

// Packing where neighbours in memory are the samples of one unit, or where nothing is. A warp packs a tile of one unit,
// each lane a word of it, which they write together.

inline constexpr int sample_packers = 256;  ///< threads of a block
inline constexpr int warp_samples = warp_lanes * word_samples;

/// A lane's word of a whole tile whose samples follow each other from an aligned address on. Lanes load 8 samples at a
/// time, so that all of the tile is on its way at once: 2 to 8 KiB a warp.
template <typename Type>
__device__ std::uint32_t pack_vectors(const typename Type::Element* samples, typename Type::Value threshold,
                                      bool& nan) {
  using Vector = ElementVector<Type>;
  constexpr int steps = word_samples / 8;
  constexpr int vectors = 8 / Vector::size;
  const int lane = static_cast<int>(threadIdx.x % warp_lanes);
  Vector z[steps][vectors];
  for (int step = 0; step < steps; ++step) {
    for (int v = 0; v < vectors; ++v) {
      z[step][v] = reinterpret_cast<const Vector*>(samples + (((step * warp_lanes) + lane) * 8))[v];
    }
  }
  std::uint32_t bytes = 0;
  for (int step = 0; step < steps; ++step) {
    for (int i = 0; i < 8; i += 2) {
      const auto x = Type::value(z[step][i / Vector::size].at[i % Vector::size]);
      const auto y = Type::value(z[step][(i + 1) / Vector::size].at[(i + 1) % Vector::size]);
      bytes |= (x > threshold ? 1U << ((8 * step) + i) : 0U) | (y > threshold ? 2U << ((8 * step) + i) : 0U);
      nan |= x != x || y != y;
    }
  }
  std::uint32_t word = 0;
  for (int k = 0; k < 4; ++k) {
    const std::uint32_t others = __shfl_sync(all_lanes, bytes, (4 * (lane % 8)) + k);
    word |= (others >> (lane / 8 * 8) & 0xFF) << (8 * k);
  }
  return word;
}

/// A lane's word of a tile of any `samples`, by votes of the warp.
template <bool at_offsets, typename Type>
__device__ std::uint32_t pack_by_votes(const PackTask<Type>& task, const typename Type::Element* column,
                                       std::int64_t first_sample, int samples, typename Type::Value threshold,
                                       bool& nan) {
  constexpr int loads = 8;
  const int lane = static_cast<int>(threadIdx.x % warp_lanes);
  const std::int64_t* offsets = at_offsets ? task.sample_offsets + first_sample + lane : nullptr;
  const std::int64_t stride = at_offsets ? 0 : task.sample_stride;
  const typename Type::Element* strided = column + ((first_sample + lane) * stride);
  std::uint32_t word = 0;
#pragma unroll 1
  for (int first = 0; first * word_samples < samples; first += loads) {
    const int left = samples - (first * word_samples) - lane;
    const typename Type::Element* places[loads];
    for (int k = 0; k < loads; ++k) {
      if constexpr (at_offsets) {
        places[k] = column + (k * word_samples < left ? offsets[(first + k) * warp_lanes] : 0);
      } else {
        places[k] = strided + (k * warp_lanes * stride);
      }
    }
    typename Type::Element z[loads];
    for (int k = 0; k < loads; ++k) {
      z[k] = k * word_samples < left ? *places[k] : 0;
    }
    strided += loads * warp_lanes * stride;
    for (int k = 0; k < loads; ++k) {
      const auto value = Type::value(z[k]);
      const std::uint32_t votes = __ballot_sync(all_lanes, value > threshold);
      word = lane == first + k ? votes : word;
      nan |= value != value;
    }
  }
  return word & low_bits(samples - (lane * word_samples));
}

/// The place of a lane's first NaN in a tile that has one.
template <typename Type>
__device__ FaultCell first_nan(const PackTask<Type>& task, std::int64_t unit, std::int64_t first_sample, int samples) {
  for (int s = static_cast<int>(threadIdx.x % warp_lanes); s < samples; s += warp_lanes) {
    const auto z = Type::value(task.data[task.offset(first_sample + s) + (unit * task.unit_stride)]);
    if (z != z) {
      return task.place(unit, first_sample + s);
    }
  }
  return no_fault;
}

/// Neighbouring warps have neighbouring units of the same samples.
template <typename Type>
__global__ void __launch_bounds__(sample_packers) pack_along_samples(const PackTask<Type> task) {
  const int lane = static_cast<int>(threadIdx.x % warp_lanes);
  const std::int64_t warps = std::int64_t{gridDim.x} * (sample_packers / warp_lanes);
  const std::int64_t tiles = task.units * ceil_div(task.samples, warp_samples);
  for (std::int64_t tile = ((std::int64_t{blockIdx.x} * sample_packers) + threadIdx.x) / warp_lanes; tile < tiles;
       tile += warps) {
    const std::int64_t unit = tile % task.units;
    const std::int64_t first_sample = tile / task.units * warp_samples;
    const auto samples = static_cast<int>(min(task.samples - first_sample, std::int64_t{warp_samples}));
    const typename Type::Element* column = task.data + (unit * task.unit_stride);
    const auto threshold = task.threshold(unit);
    const bool in_vectors = samples == warp_samples && task.sample_offsets == nullptr && task.sample_stride == 1 &&
                            is_aligned(column + first_sample, sizeof(ElementVector<Type>));
    bool nan = false;
    const std::uint32_t word = in_vectors ? pack_vectors<Type>(column + first_sample, threshold, nan)
                               : task.sample_offsets != nullptr
                                   ? pack_by_votes<true>(task, column, first_sample, samples, threshold, nan)
                                   : pack_by_votes<false>(task, column, first_sample, samples, threshold, nan);
    const bool is_here = __any_sync(all_lanes, nan) != 0;
    report_fault(task.nan.cell, is_here ? first_nan(task, unit, first_sample, samples) : no_fault);

    std::uint8_t* row = task.row(unit, first_sample);
    const auto bytes = static_cast<int>(signature_bytes(samples));
    const std::uint32_t before = __shfl_up_sync(all_lanes, word, 1);
    store_word(row, bytes, lane, lane == 0 ? 0 : before, word);
    if (lane == warp_lanes - 1) {
      store_word(row, bytes, warp_lanes, word, 0);
    }
  }
}

}  // namespace funcsim
