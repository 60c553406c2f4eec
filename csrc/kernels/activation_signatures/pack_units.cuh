#pragma once

#include "kernels/activation_signatures/pack_task.cuh"
#include "kernels/common/bits.h"
#include "kernels/common/ceil_div.h"
#include "kernels/cuda/faults.cuh"
#include "kernels/cuda/packed_words.cuh"

namespace funcsim {

// Packing where neighbours in memory are the units of one sample. A thread reads 16 bytes of each of 32 samples and
// makes a word of each unit in them, without asking another thread. Words go through shared memory, from where they are
// written as pieces of rows that are at least a sector (32 bytes) long and start at any address.
//
// Memory stays busy while as many bytes are on their way as come within its latency: 29 KB a multiprocessor of an H200
// (4.8 TB/s, 132 of them, 0.8 microseconds). A warp asks for 4 KiB before it looks at any of it.

inline constexpr int unit_packers = 128;  ///< threads of a block
/// Neighbours that read one sample, as a power of two: 64 to 256 bytes. Fewer would leave sectors to several threads.
inline constexpr int fewest_lane_bits = 2;
inline constexpr int most_lane_bits = 4;

/// What one thread packs: up to a word of samples of `units` units.
template <typename Type>
struct UnitPart {
  const unsigned char* column;  ///< of its first unit
  const std::int64_t* offsets;  ///< of its samples there, in bytes; beyond the last one, that one's
  int samples;
  std::int64_t first_unit;
  std::int64_t unit_step;
  int units;
};

/// @param in_vectors the units of each sample are one vector at an aligned address
/// @return whether one of the elements is NaN
template <bool in_vectors, typename Type>
__device__ bool pack_units(const PackTask<Type>& task, const UnitPart<Type>& part, std::uint32_t* words) {
  using Vector = ElementVector<Type>;
  // As many loads as registers hold.
  constexpr int rows = in_vectors || Vector::size <= 4 ? 8 : 4;
  typename Type::Value thresholds[Vector::size];
  for (int j = 0; j < Vector::size; ++j) {
    thresholds[j] = j < part.units ? task.threshold(part.first_unit + (j * part.unit_step)) : 0;
    words[j] = 0;
  }
  bool nan = false;
#pragma unroll 1
  for (int first = 0; first < part.samples; first += rows) {
    Vector z[rows];
    for (int k = 0; k < rows; ++k) {
      const auto* row = reinterpret_cast<const typename Type::Element*>(part.column + part.offsets[first + k]);
      if constexpr (in_vectors) {
        z[k] = *reinterpret_cast<const Vector*>(row);
      } else {
        for (int j = 0; j < Vector::size; ++j) {
          z[k].at[j] = j < part.units ? row[j * part.unit_step * task.unit_stride] : 0;
        }
      }
    }
    for (int j = 0; j < Vector::size; ++j) {
      std::uint32_t bits = 0;
      for (int k = 0; k < rows; k += 2) {
        const auto x = Type::value(z[k].at[j]);
        const auto y = Type::value(z[k + 1].at[j]);
        bits |= (x > thresholds[j] ? 1U << k : 0U) | (y > thresholds[j] ? 2U << k : 0U);
        nan |= x != x || y != y;  // one instruction
      }
      words[j] |= bits << first;
    }
  }
  for (int j = 0; j < Vector::size; ++j) {
    words[j] &= low_bits(part.samples);
  }
  return nan;
}

/// The place of the first NaN of units in order.
template <typename Type>
__device__ FaultCell first_nan(const PackTask<Type>& task, const UnitPart<Type>& part, std::int64_t first_sample) {
  for (int j = 0; j < part.units; ++j) {
    for (int i = 0; i < part.samples; ++i) {
      const auto z = Type::value(reinterpret_cast<const typename Type::Element*>(
          part.column + part.offsets[i])[j * part.unit_step * task.unit_stride]);
      if (z != z) {
        return task.place(part.first_unit + (j * part.unit_step), first_sample + i);
      }
    }
  }
  return no_fault;
}

/// Blocks are (tiles of units, tiles of samples); neighbours read neighbouring units.
template <typename Type>
__global__ void __launch_bounds__(unit_packers, 5) pack_along_units(const PackTask<Type> task, int lane_bits) {
  using Vector = ElementVector<Type>;
  constexpr std::int64_t size = sizeof(typename Type::Element);
  constexpr int most_words = unit_packers >> fewest_lane_bits;
  constexpr int most_lanes = 1 << most_lane_bits;
  constexpr int row_pitch = word_samples + 1;  // an odd number of banks from word to word
  __shared__ std::int64_t offsets[most_words * row_pitch];
  __shared__ std::uint32_t words[Vector::size * (unit_packers + most_lanes)];

  const int lanes = 1 << lane_bits;
  const int row_words = unit_packers >> lane_bits;
  const int word_pitch = row_words + 1;
  const int thread = static_cast<int>(threadIdx.x);
  const int lane = thread & (lanes - 1);
  const int my_word = thread >> lane_bits;
  const int tile_units = lanes * Vector::size;
  const int tile_samples = row_words * word_samples;

  for (std::int64_t first_unit = std::int64_t{blockIdx.x} * tile_units; first_unit < task.units;
       first_unit += std::int64_t{gridDim.x} * tile_units) {
    const auto units = static_cast<int>(min(task.units - first_unit, std::int64_t{tile_units}));
    const unsigned char* corner =
        reinterpret_cast<const unsigned char*>(task.data) + (size * first_unit * task.unit_stride);
    for (std::int64_t first_sample = std::int64_t{blockIdx.y} * tile_samples; first_sample < task.samples;
         first_sample += std::int64_t{gridDim.y} * tile_samples) {
      const auto samples = static_cast<int>(min(task.samples - first_sample, std::int64_t{tile_samples}));

      bool is_scattered = task.unit_stride != 1 || units % Vector::size != 0;
      for (int s = thread; s < tile_samples; s += unit_packers) {
        const std::int64_t offset = size * task.offset(first_sample + min(s, samples - 1));
        offsets[(s / word_samples * row_pitch) + (s % word_samples)] = offset;
        is_scattered |= !is_aligned(corner + offset, sizeof(Vector));
      }
      const bool in_vectors = __syncthreads_or(is_scattered) == 0;

      // Lanes that read single elements take turns, so that together they read neighbours.
      const int step = in_vectors ? 1 : lanes;
      const int my_first = in_vectors ? lane * Vector::size : lane;
      const int my_units = max(0, min((units - my_first + step - 1) / step, Vector::size));
      const int my_samples = my_units == 0 ? 0 : max(0, min(samples - (my_word * word_samples), word_samples));
      const UnitPart<Type> part{corner + (size * my_first * task.unit_stride),
                                offsets + (my_word * row_pitch),
                                my_samples,
                                first_unit + my_first,
                                step,
                                my_units};
      std::uint32_t packed[Vector::size];
      const bool nan = in_vectors ? pack_units<true>(task, part, packed) : pack_units<false>(task, part, packed);
      for (int j = 0; j < Vector::size; ++j) {
        words[((my_first + (j * step)) * word_pitch) + my_word] = packed[j];
      }
      report_fault(task.nan.cell, nan ? first_nan(task, part, first_sample + (my_word * word_samples)) : no_fault);
      __syncthreads();

      const auto bytes = static_cast<int>(signature_bytes(samples));
      const int w = thread & (row_words - 1);
      for (int u = thread / row_words; u < units; u += lanes) {
        std::uint8_t* row = task.row(first_unit + u, first_sample);
        const std::uint32_t* row_of_words = words + (u * word_pitch);
        store_word(row, bytes, w, w == 0 ? 0 : row_of_words[w - 1], row_of_words[w]);
        if (w == row_words - 1) {
          store_word(row, bytes, row_words, row_of_words[w], 0);
        }
      }
    }
  }
}

}  // namespace funcsim
