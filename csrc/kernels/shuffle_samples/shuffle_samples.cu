#include <algorithm>
#include <bit>

#include "kernels/common/bits.h"
#include "kernels/common/ceil_div.h"
#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/packed_words.cuh"
#include "kernels/cuda/transpose_bits.cuh"

// Signatures are turned into columns, and columns into rows of the result. A column has a sample's bits of 256 units,
// which are a sector of memory: so moving a sample takes one access anywhere, however many samples there are, and one
// look at the partners serves 256 units.
//
// Either way a block turns a tile of 1024 samples. A thread turns 32 x 32 bits in its registers; a tile in shared
// memory is between threads, who have words of rows, and columns.

namespace funcsim {

namespace {

constexpr int most_column_words = 8;
constexpr int tile_samples = 1024;

/// Memory for columns, about: they should be in the second-level cache when they are read.
constexpr std::int64_t wanted_column_bytes = std::int64_t{1} << 25;

struct ColumnShape {
  std::int64_t samples;
  int words_bits;  ///< a column has 2^words_bits words of 32 units each

  __device__ int words() const { return 1 << words_bits; }
};

struct Inputs {
  const std::int64_t* partners;
  std::int64_t first_input;
  std::int64_t samples_per_input;

  /// Where a sample comes from.
  __device__ std::int64_t source(std::int64_t sample) const {
    const std::int64_t input = samples_per_input == 1 ? sample : sample / samples_per_input;
    return sample + ((partners[input] - first_input - input) * samples_per_input);
  }
};

/// Columns of a tile. 32 of them and a word more are together, so that neither threads with every 32nd sample nor
/// threads with one after the other are in the same bank.
using ColumnTile = std::uint32_t[32 * ((32 * most_column_words) + 1)];

/// A word of a column in a tile, the i-th of 32 that a thread moves: neighbours in memory for neighbours among threads.
struct ColumnWord {
  int place;   ///< in the tile
  int sample;  ///< of the tile
  int word;    ///< of the column
};

__device__ ColumnWord column_word(const ColumnShape& shape, int i) {
  const auto thread = static_cast<int>(threadIdx.x);
  return {.place = (i * ((32 * shape.words()) + 1)) + thread,
          .sample = (i * 32) + (thread >> shape.words_bits),
          .word = thread & (shape.words() - 1)};
}

/// The place in a tile of a thread's column of sample 0 to 31. It has a word of all of them.
__device__ int column_place(const ColumnShape& shape, int sample) {
  const auto lane = static_cast<int>(threadIdx.x) % 32;
  const auto warp = static_cast<int>(threadIdx.x) / 32;
  return (lane * ((32 * shape.words()) + 1)) + (sample * shape.words()) + warp;
}

/// @param units   those of blockIdx.y are from 32 * shape.words() * blockIdx.y on
/// @param columns [groups of units, samples, words]
__global__ __launch_bounds__(32 * most_column_words) void columns_of_rows(UnitRows units, ColumnShape shape,
                                                                          std::uint32_t* columns) {
  __shared__ PackedRow rows[32 * most_column_words];
  __shared__ ColumnTile tile;
  const auto thread = static_cast<int>(threadIdx.x);
  const std::int64_t first_unit = std::int64_t{blockIdx.y} * 32 * shape.words();
  const std::int64_t first_sample = std::int64_t{blockIdx.x} * tile_samples;
  rows[thread] = packed_row(units.rows + (min(first_unit + thread, units.count - 1) * units.row_bytes));
  __syncthreads();

  const std::int64_t bytes = signature_bytes(shape.samples);
  const std::int64_t w = (first_sample / 32) + (thread % 32);
  const int first_row = thread / 32 * 32;
  std::uint32_t square[32];
  if (w > 0 && w < inner_words_end(bytes)) {
#pragma unroll
    for (int r = 0; r < 32; ++r) {
      square[r] = load_inner_word(rows[first_row + r], w);
    }
  } else {
#pragma unroll
    for (int r = 0; r < 32; ++r) {
      square[r] = load_outer_word(rows[first_row + r], bytes, w);
    }
  }
  transpose_bits<32>(square);
#pragma unroll
  for (int sample = 0; sample < 32; ++sample) {
    tile[column_place(shape, sample)] = square[sample];
  }
  __syncthreads();
  columns += blockIdx.y * shape.samples * shape.words();
#pragma unroll 8
  for (int i = 0; i < 32; ++i) {
    const ColumnWord to = column_word(shape, i);
    if (first_sample + to.sample < shape.samples) {
      columns[((first_sample + to.sample) * shape.words()) + to.word] = tile[to.place];
    }
  }
}

__global__ __launch_bounds__(32 * most_column_words) void rows_of_columns(const std::uint32_t* columns,
                                                                          ColumnShape shape, Inputs inputs,
                                                                          UnitRows units, std::uint8_t* out) {
  __shared__ const std::uint32_t* sources[tile_samples];
  __shared__ ColumnTile tile;
  const auto thread = static_cast<int>(threadIdx.x);
  const std::int64_t first_unit = std::int64_t{blockIdx.y} * 32 * shape.words();
  const std::int64_t first_sample = std::int64_t{blockIdx.x} * tile_samples;
  const auto samples = static_cast<int>(min(std::int64_t{tile_samples}, shape.samples - first_sample));
  columns += blockIdx.y * shape.samples * shape.words();
  for (int sample = thread; sample < samples; sample += 32 * shape.words()) {
    sources[sample] = columns + (inputs.source(first_sample + sample) * shape.words());
  }
  __syncthreads();
  std::uint32_t square[32];
#pragma unroll
  for (int i = 0; i < 32; ++i) {
    const ColumnWord to = column_word(shape, i);
    square[i] = to.sample < samples ? __ldg(sources[to.sample] + to.word) : 0;
  }
#pragma unroll
  for (int i = 0; i < 32; ++i) {
    tile[column_word(shape, i).place] = square[i];
  }
  __syncthreads();
#pragma unroll
  for (int sample = 0; sample < 32; ++sample) {
    square[sample] = tile[column_place(shape, sample)];
  }
  transpose_bits<32>(square);
  // Through shared memory again, for a loop that isn't unrolled: there is much to do where rows aren't aligned.
  __syncthreads();
  std::uint32_t* const words = tile + (thread / 32 * 32 * 32) + (thread % 32);
#pragma unroll
  for (int r = 0; r < 32; ++r) {
    words[r * 32] = square[r];
  }
  const auto bytes = static_cast<int>(signature_bytes(samples));
  const std::int64_t unit = first_unit + (thread / 32 * 32);
  const auto present = static_cast<int>(min(std::int64_t{32}, units.count - unit));
  std::uint8_t* row = out + (unit * units.row_bytes) + (first_sample / 8);
#pragma unroll 4
  for (int r = 0; r < present; ++r) {
    store_words(row, bytes, words[r * 32]);
    row += units.row_bytes;
  }
}

/// As many as units need, and fewer where they would need too much memory.
int column_words_bits(std::int64_t units, std::int64_t samples) {
  const std::int64_t needed = std::min<std::int64_t>(ceil_div(units, 32), most_column_words);
  int bits = std::bit_width(static_cast<std::uint64_t>(needed - 1));
  while (bits > 0 && (samples << bits) * 4 > wanted_column_bytes) {
    --bits;
  }
  return bits;
}

}  // namespace

void CudaKernels::shuffle_samples(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                                  const std::int64_t* partners, std::int64_t num_inputs, std::int64_t first_input,
                                  std::int64_t samples_per_input, std::uint8_t* out, const DeviceQueue& queue) const {
  const std::int64_t samples = num_inputs * samples_per_input;
  if (units == 0 || samples == 0) {
    return;
  }
  const ColumnShape shape = {.samples = samples, .words_bits = column_words_bits(units, samples)};
  const Inputs inputs = {.partners = partners, .first_input = first_input, .samples_per_input = samples_per_input};
  const std::int64_t group_units = std::int64_t{32} << shape.words_bits;
  const std::int64_t group_bytes = samples * (group_units / 8);
  constexpr std::int64_t most_groups = 65535;
  const std::int64_t groups = std::clamp<std::int64_t>(wanted_column_bytes / group_bytes, 1,
                                                       std::min(most_groups, ceil_div(units, group_units)));
  auto* const columns = static_cast<std::uint32_t*>(queue.scratch(groups * group_bytes));
  for (std::int64_t first = 0; first < units; first += groups * group_units) {
    const UnitRows rows = {.rows = signatures + (first * row_bytes),
                           .count = std::min(groups * group_units, units - first),
                           .row_bytes = row_bytes};
    const LaunchShape launch_shape = {.blocks = dim3(static_cast<unsigned>(ceil_div(samples, tile_samples)),
                                                     static_cast<unsigned>(ceil_div(rows.count, group_units))),
                                      .threads = dim3(static_cast<unsigned>(group_units))};
    launch(columns_of_rows, launch_shape, queue, rows, shape, columns);
    launch(rows_of_columns, launch_shape, queue, columns, shape, inputs, rows, out + (first * row_bytes));
  }
}

}  // namespace funcsim
