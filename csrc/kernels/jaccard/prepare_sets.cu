#include <algorithm>

#include "kernels/common/ceil_div.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/packed_words.cuh"
#include "kernels/jaccard/set_pairs.h"

namespace funcsim {

namespace {

constexpr int block_threads = 256;
constexpr std::int64_t slice_bytes = std::int64_t{1} << 14;

/// Warps that count a row, 16 KB each.
__host__ __device__ std::int64_t slices_of(std::int64_t row_bytes) {
  return row_bytes > 0 ? ceil_div(row_bytes, slice_bytes) : 1;
}

/// Calls count(row, byte) for every `step` bytes of rows, and adds up what it returns for each row.
/// @param counts 0 where a row has several slices
template <typename Count>
__device__ void count_rows(std::int64_t units, std::int64_t row_bytes, int step, std::int32_t* counts,
                           const Count& count) {
  const std::int64_t slices = slices_of(row_bytes);
  const std::int64_t warp = ((static_cast<std::int64_t>(blockIdx.x) * block_threads) + threadIdx.x) / 32;
  const std::int64_t warps = static_cast<std::int64_t>(gridDim.x) * block_threads / 32;
  const int lane = static_cast<int>(threadIdx.x) % 32;
  for (std::int64_t part = warp; part < units * slices; part += warps) {
    const std::int64_t row = part / slices;
    const std::int64_t begin = part % slices * slice_bytes;
    const std::int64_t end = min(begin + slice_bytes, row_bytes);
    std::int32_t sum = 0;
    for (std::int64_t byte = begin + (lane * step); byte < end; byte += 32 * step) {
      sum += count(row, byte);
    }
    for (int lanes = 16; lanes > 0; lanes /= 2) {
      sum += __shfl_xor_sync(~0U, sum, lanes);
    }
    if (lane == 0 && slices > 1) {
      atomicAdd(counts + row, sum);
    } else if (lane == 0) {
      counts[row] = sum;
    }
  }
}

__global__ void __launch_bounds__(block_threads)
    count_aligned_rows(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes, std::int32_t* counts) {
  count_rows(units, row_bytes, 16, counts, [&](std::int64_t row, std::int64_t byte) {
    const uint4 words = *reinterpret_cast<const uint4*>(rows + (row * row_bytes) + byte);
    return __popc(words.x) + __popc(words.y) + __popc(words.z) + __popc(words.w);
  });
}

/// Rows of any size at any address, which are copied to rows of copy_bytes, with zeros at their end.
__global__ void __launch_bounds__(block_threads)
    count_and_copy_rows(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes, std::uint8_t* copy,
                        std::int64_t copy_bytes, std::int32_t* counts) {
  count_rows(units, copy_bytes, 4, counts, [&](std::int64_t row, std::int64_t byte) {
    const PackedRow from = packed_row(rows + (row * row_bytes));
    const std::int64_t w = byte / 4;
    const std::uint32_t word =
        is_inner_word(row_bytes, w) ? load_inner_word(from, w) : load_outer_word(from, row_bytes, w);
    *reinterpret_cast<std::uint32_t*>(copy + (row * copy_bytes) + byte) = word;
    return __popc(word);
  });
}

std::int32_t* new_counts(std::int64_t size, const DeviceQueue& queue) {
  return static_cast<std::int32_t*>(queue.scratch(size * static_cast<std::int64_t>(sizeof(std::int32_t))));
}

}  // namespace

std::int32_t* zeroed_counts(std::int64_t size, const DeviceQueue& queue) {
  std::int32_t* const counts = new_counts(size, queue);
  const CurrentDevice current(queue);
  check_cuda(cudaMemsetAsync(counts, 0, static_cast<std::size_t>(size) * sizeof(std::int32_t), stream_of(queue)),
             "clearing memory");
  return counts;
}

DeviceSets prepare_sets(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes,
                        const DeviceQueue& queue) {
  constexpr std::int64_t copy_alignment = 128;
  const bool aligned = row_bytes % 16 == 0 && reinterpret_cast<std::uintptr_t>(rows) % 16 == 0;
  // Both sets of a pair have rows of one size, so that either both or none of them is rounded up.
  const std::int64_t copy_bytes =
      row_bytes % 16 == 0 ? row_bytes : ceil_div(row_bytes, copy_alignment) * copy_alignment;
  const std::int64_t slices = slices_of(copy_bytes);
  std::int32_t* const counts = slices > 1 ? zeroed_counts(units, queue) : new_counts(units, queue);
  const LaunchShape shape{.blocks = dim3(grid_blocks(ceil_div(units * slices, block_threads / 32))),
                          .threads = dim3(block_threads)};
  if (aligned) {
    launch(count_aligned_rows, shape, queue, rows, units, row_bytes, counts);
    return {.rows = rows, .units = units, .row_bytes = row_bytes, .counts = counts};
  }
  auto* const copy = static_cast<std::uint8_t*>(queue.scratch(units * copy_bytes));
  launch(count_and_copy_rows, shape, queue, rows, units, row_bytes, copy, copy_bytes, counts);
  return {.rows = copy, .units = units, .row_bytes = copy_bytes, .counts = counts};
}

}  // namespace funcsim
