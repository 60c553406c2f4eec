#include "kernels/minhash/minhash.h"

#include <algorithm>

#include "kernels/common/bits.h"
#include "kernels/common/ceil_div.h"
#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/packed_words.cuh"
#include "kernels/cuda/transpose_bits.cuh"
#include "kernels/minhash/slot_lists.cuh"
#include "kernels/minhash/slot_value.h"

namespace funcsim {

namespace {

/// Units whose bits for a sample are a byte: what a block looks at together.
constexpr int group_units = 8;
constexpr int group_threads = 512;

/// Writes the columns of a group of units.
///
/// @param rows    those of the group
/// @param bytes   of each that are used
/// @param columns by column_place()
/// @return the bits that are in any of the columns that this thread wrote
__device__ unsigned write_columns(const PackedRow (&rows)[group_units], unsigned bytes, uint4* columns) {
  const auto words = static_cast<int>((bytes + 3) / 4);
  const auto inner_end = static_cast<int>(inner_words_end(bytes));
  std::uint32_t any = 0;
  for (int w = static_cast<int>(threadIdx.x); w < words; w += group_threads) {
    std::uint32_t squares[group_units];
    if (w > 0 && w < inner_end) {
#pragma unroll
      for (int u = 0; u < group_units; ++u) {
        squares[u] = load_inner_word(rows[u], w);
      }
    } else {
#pragma unroll
      for (int u = 0; u < group_units; ++u) {
        squares[u] = load_outer_word(rows[u], bytes, w);
      }
    }
    transpose_bits<group_units>(squares);
    columns[w] = make_uint4(squares[0], squares[1], squares[2], squares[3]);
    columns[words + w] = make_uint4(squares[4], squares[5], squares[6], squares[7]);
#pragma unroll
    for (int b = 0; b < group_units; ++b) {
      any |= squares[b];
    }
  }
  any |= any >> 16;
  return (any | (any >> 8)) & 0xFF;
}

/// A value for every unit of a group.
using GroupValues = std::int32_t[group_units];

/// Finds the smallest value of each unit in a list of a part.
///
/// @param columns by column_place()
/// @param left    units that have samples
__device__ void find_values(const SlotLists& lists, std::int64_t part, int list, const std::uint8_t* columns,
                            unsigned left, GroupValues& values) {
  const auto take = [&](unsigned found, std::int32_t value) {
#pragma unroll
    for (int u = 0; u < group_units; ++u) {
      if ((found >> u & 1) != 0) {
        values[u] = value;
      }
    }
    left &= ~found;
  };
  const std::uint64_t* const begin = lists.buckets.begin + ((part * lists.count) + list) * lists.list_buckets;
  const auto length = static_cast<int>(begin[lists.list_buckets] - begin[0]);
  const int ranked = min(length, lists.ranks);
  const ListedSample* const side_by_side = lists.ranked + (part * lists.ranks * lists.count) + list;
  // Several samples are looked at together, so that one doesn't wait for the one before. After the last there is the
  // last once more, whose units have been found.
  constexpr int looks = 4;
  for (int rank = 0; rank < ranked && left != 0; rank += looks) {
    std::int32_t value[looks];
    unsigned column[looks];
    unsigned any = 0;
#pragma unroll
    for (int k = 0; k < looks; ++k) {
      const ListedSample sample = side_by_side[min(rank + k, ranked - 1) * lists.count];
      column[k] = columns[sample.place];
      value[k] = sample.value;
      any |= column[k];
    }
    if ((any & left) != 0) {
#pragma unroll
      for (int k = 0; k < looks; ++k) {
        take(column[k] & left, value[k]);
      }
    }
  }
  for (int rank = ranked; rank < length && left != 0; ++rank) {
    const ListedSample sample = lists.sorted[begin[0] + rank];
    take(columns[sample.place] & left, sample.value);
  }
}

/// Writes a slot of each unit, or the smaller of it and what is there.
///
/// @param slot of the group's first unit
__device__ void write_values(const GroupValues& values, int units, std::int64_t num_hashes, bool fresh,
                             std::int32_t* slot) {
#pragma unroll
  for (int u = 0; u < group_units; ++u) {
    if (u < units) {
      if (fresh) {
        *slot = values[u];
      } else if (values[u] != empty_slot) {
        atomicMin(slot, values[u]);
      }
    }
    slot += num_hashes;
  }
}

/// Sketches units by looking for the first sample of each list on which they fire. Blocks have a group of units and a
/// part of samples.
///
/// @param bytes of rows that are used
/// @param fresh whether there is nothing in the sketches yet, and one part
__global__ __launch_bounds__(group_threads) void merge_lists(UnitRows units, std::int64_t bytes, SlotLists lists,
                                                             std::int64_t num_hashes, bool fresh,
                                                             std::int32_t* sketches) {
  FUNCSIM_DYNAMIC_SHARED(uint4, columns);
  __shared__ PackedRow rows[group_units];
  __shared__ unsigned firing;
  constexpr std::int64_t most_part_bytes = part_samples / 8;
  const std::int64_t part = blockIdx.y;
  const auto part_bytes = static_cast<unsigned>(min(most_part_bytes, bytes - (part * most_part_bytes)));
  const auto thread = static_cast<int>(threadIdx.x);
  for (std::int64_t first = std::int64_t{blockIdx.x} * group_units; first < units.count;
       first += std::int64_t{gridDim.x} * group_units) {
    const auto present = static_cast<int>(min(std::int64_t{group_units}, units.count - first));
    if (thread < group_units) {
      // Of units that a group lacks: any row, for columns that nobody looks at.
      const std::int64_t unit = first + min(thread, present - 1);
      rows[thread] = packed_row(units.rows + (unit * units.row_bytes) + (part * most_part_bytes));
    }
    if (thread == 0) {
      firing = 0;
    }
    __syncthreads();
    const unsigned any = write_columns(rows, part_bytes, columns);
    if (any != 0) {
      atomicOr(&firing, any);
    }
    __syncthreads();
    const int lane = thread % 32;
    for (int first_list = thread - lane; first_list < lists.count; first_list += group_threads) {
      const int list = first_list + lane;
      GroupValues values;
#pragma unroll
      for (int u = 0; u < group_units; ++u) {
        values[u] = empty_slot;
      }
      if (list < lists.count) {
        const unsigned left = firing & ((1U << present) - 1);
        find_values(lists, part, list, reinterpret_cast<const std::uint8_t*>(columns), left, values);
      }
      for (int lanes = 1; lanes < (1 << lists.slot_list_bits); lanes *= 2) {
#pragma unroll
        for (int u = 0; u < group_units; ++u) {
          values[u] = min(values[u], __shfl_xor_sync(~0U, values[u], lanes));
        }
      }
      if (list < lists.count && lane % (1 << lists.slot_list_bits) == 0) {
        write_values(values, present, num_hashes, fresh,
                     sketches + (first * num_hashes) + (list >> lists.slot_list_bits));
      }
    }
    __syncthreads();
  }
}

constexpr int sample_threads = 256;
constexpr int chunk_units = 32;

/// Sketches units sample by sample, for samples that are fewer than slots.
__global__ __launch_bounds__(sample_threads) void merge_samples(UnitRows units, std::int64_t num_samples, SampleRun run,
                                                                std::int64_t num_hashes, std::int32_t* sketches) {
  const std::int64_t sample_step = std::int64_t{gridDim.x} * sample_threads;
  const std::int64_t unit_step = std::int64_t{gridDim.y} * chunk_units;
  for (std::int64_t s = (std::int64_t{blockIdx.x} * sample_threads) + threadIdx.x; s < num_samples; s += sample_step) {
    const SlotValue hashed = slot_value(run.hash(s), num_hashes);
    for (std::int64_t first = std::int64_t{blockIdx.y} * chunk_units; first < units.count; first += unit_step) {
      const std::int64_t end = min(first + chunk_units, units.count);
#pragma unroll 4
      for (std::int64_t unit = first; unit < end; ++unit) {
        if ((units.rows[(unit * units.row_bytes) + (s / 8)] >> (s % 8) & 1) != 0) {
          atomicMin(sketches + (unit * num_hashes) + hashed.slot, hashed.value);
        }
      }
    }
  }
}

__global__ __launch_bounds__(sample_threads) void empty_sketches(std::int32_t* sketches, std::int64_t slots) {
  const std::int64_t step = std::int64_t{gridDim.x} * sample_threads;
  for (std::int64_t k = (std::int64_t{blockIdx.x} * sample_threads) + threadIdx.x; k < slots; k += step) {
    sketches[k] = empty_slot;
  }
}

void launch_merge_lists(const UnitRows& units, std::int64_t num_samples, const SlotLists& lists,
                        std::int64_t num_hashes, bool fresh, std::int32_t* sketches, const DeviceQueue& queue) {
  const std::int64_t parts = ceil_div(num_samples, part_samples);
  launch(merge_lists,
         {.blocks = dim3(grid_blocks(ceil_div(units.count, group_units)), static_cast<unsigned>(parts)),
          .threads = dim3(group_threads),
          .shared_bytes = ceil_div(std::min(num_samples, part_samples), 32) * 32,
          .most_shared_bytes = part_samples},
         queue, units, signature_bytes(num_samples), lists, num_hashes, fresh, sketches);
}

void launch_merge_samples(const UnitRows& units, std::int64_t num_samples, const SampleRun& run,
                          std::int64_t num_hashes, std::int32_t* sketches, const DeviceQueue& queue) {
  constexpr std::int64_t most_chunks = 65535;
  launch(merge_samples,
         {.blocks = dim3(grid_blocks(ceil_div(num_samples, sample_threads)),
                         grid_blocks(ceil_div(units.count, chunk_units), most_chunks)),
          .threads = dim3(sample_threads)},
         queue, units, num_samples, run, num_hashes, sketches);
}

void launch_empty_sketches(std::int32_t* sketches, std::int64_t slots, const DeviceQueue& queue) {
  launch(empty_sketches,
         {.blocks = dim3(grid_blocks(ceil_div(slots, sample_threads))), .threads = dim3(sample_threads)}, queue,
         sketches, slots);
}

}  // namespace

void CudaKernels::minhash(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                          std::int64_t num_samples, const HashedSamples& samples, std::int64_t num_hashes,
                          std::int64_t seed, bool merge, std::int32_t* sketches, const DeviceQueue& queue) const {
  if (units == 0) {
    return;
  }
  const HashStream stream(seed, HashPurpose::sample_order);
  const bool with_lists = std::min(num_samples, part_samples) > num_hashes;
  const bool fresh = !merge && with_lists && num_samples <= part_samples;
  if (!merge && !fresh) {
    launch_empty_sketches(sketches, units * num_hashes, queue);
  }
  if (num_samples == 0) {
    return;
  }
  const UnitRows rows = {.rows = signatures, .count = units, .row_bytes = row_bytes};
  SampleRun run = {.stream = stream, .samples = samples, .start = 0};
  if (!with_lists) {
    launch_merge_samples(rows, num_samples, run, num_hashes, sketches, queue);
    return;
  }
  const SlotListMaker maker(num_samples, num_hashes, *this, queue);
  for (; run.start < num_samples; run.start += maker.most_samples()) {
    const std::int64_t count = std::min(maker.most_samples(), num_samples - run.start);
    const UnitRows part = {.rows = signatures + (run.start / 8), .count = units, .row_bytes = row_bytes};
    launch_merge_lists(part, count, maker.lists(run, count), num_hashes, fresh, sketches, queue);
  }
}

}  // namespace funcsim
