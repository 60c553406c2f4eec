#include "kernels/common/bits.h"
#include "kernels/common/ceil_div.h"
#include "kernels/common/hash.h"
#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/packed_words.cuh"
#include "kernels/cuda/warp.cuh"

namespace funcsim {

namespace {

constexpr int block_threads = 256;
/// Units of a block, which share the hashes of words.
constexpr int units_together = 8;
/// Words of a block.
constexpr std::int64_t block_words = 8 * block_threads;

struct StatisticsTask {
  const std::uint8_t* signatures;
  std::int64_t units;
  std::int64_t row_bytes;
  std::int64_t bytes;
  std::int64_t first_word;  ///< global index
  HashStream hash;
};

__device__ std::uint64_t join(std::uint32_t low, std::uint32_t high) {
  return (std::uint64_t{high} << 32) | low;
}

/// Blocks are (units_together units, block_words words), and add to what others have found of their units.
__global__ void __launch_bounds__(block_threads, 3)
    add_statistics(const StatisticsTask task, unsigned long long* counts, unsigned long long* fingerprints) {
  const auto thread = static_cast<int>(threadIdx.x);
  const std::int64_t words = ceil_div(task.bytes, 8);
  for (std::int64_t first_unit = std::int64_t{blockIdx.x} * units_together; first_unit < task.units;
       first_unit += std::int64_t{gridDim.x} * units_together) {
    const std::uint8_t* rows[units_together];
    unsigned set[units_together] = {};  // a thread's memory of bits is shorter than 2^32
    unsigned long long sums[units_together] = {};
    for (int u = 0; u < units_together; ++u) {
      rows[u] = task.signatures + (min(first_unit + u, task.units - 1) * task.row_bytes);
    }
    for (std::int64_t chunk = std::int64_t{blockIdx.y} * block_words; chunk < words;
         chunk += std::int64_t{gridDim.y} * block_words) {
      for (std::int64_t w = chunk + thread; w < min(words, chunk + block_words); w += block_threads) {
        const std::uint64_t key = task.hash(static_cast<std::uint64_t>(task.first_word + w));
        std::uint64_t word[units_together];
        if (is_inner_word(task.bytes, 2 * w) && is_inner_word(task.bytes, (2 * w) + 1)) {
          for (int u = 0; u < units_together; ++u) {
            word[u] = join(load_inner_word(rows[u], 2 * w), load_inner_word(rows[u], (2 * w) + 1));
          }
        } else {
          for (int u = 0; u < units_together; ++u) {
            word[u] =
                join(load_outer_word(rows[u], task.bytes, 2 * w), load_outer_word(rows[u], task.bytes, (2 * w) + 1));
          }
        }
        for (int u = 0; u < units_together; ++u) {
          set[u] += static_cast<unsigned>(__popcll(word[u]));
          sums[u] += mix64(word[u] ^ key) & (word[u] == 0 ? 0 : ~std::uint64_t{0});
        }
      }
    }
    for (int u = 0; u < units_together; ++u) {
      for (int lanes = warp_lanes / 2; lanes > 0; lanes /= 2) {
        set[u] += __shfl_xor_sync(all_lanes, set[u], lanes);
        sums[u] += __shfl_xor_sync(all_lanes, sums[u], lanes);
      }
      if (thread % warp_lanes == 0 && first_unit + u < task.units) {
        atomicAdd(counts + first_unit + u, static_cast<unsigned long long>(set[u]));
        atomicAdd(fingerprints + first_unit + u, sums[u]);
      }
    }
  }
}

}  // namespace

void CudaKernels::signature_statistics(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                                       std::int64_t num_samples, std::int64_t first_sample, std::int64_t* counts,
                                       std::uint64_t* fingerprints, const DeviceQueue& queue) const {
  if (units == 0) {
    return;
  }
  fill(counts, 0, units * static_cast<std::int64_t>(sizeof(*counts)), queue);
  fill(fingerprints, 0, units * static_cast<std::int64_t>(sizeof(*fingerprints)), queue);
  if (num_samples == 0) {
    return;
  }
  const StatisticsTask task{signatures,        units,
                            row_bytes,         signature_bytes(num_samples),
                            first_sample / 64, HashStream(0, HashPurpose::fingerprint)};
  const unsigned unit_groups = grid_blocks(ceil_div(units, units_together));
  const unsigned chunks = grid_blocks(ceil_div(ceil_div(num_samples, 64), block_words), 65535);
  launch(add_statistics, {dim3(unit_groups, chunks), block_threads}, queue, task,
         reinterpret_cast<unsigned long long*>(counts), reinterpret_cast<unsigned long long*>(fingerprints));
}

}  // namespace funcsim
