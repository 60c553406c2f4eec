#include "kernels/common/ceil_div.h"
#include "kernels/common/error.h"
#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/launch.h"
#include "kernels/jaccard/count_path.h"
#include "kernels/jaccard/set_pairs.h"
#include "kernels/jaccard/similarity.cuh"

namespace funcsim {

namespace {

constexpr int block_threads = 256;

__global__ void __launch_bounds__(block_threads) write_all_similarities(SetPairs pairs, const std::int32_t* common) {
  const std::int64_t columns = pairs.b.units;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * block_threads;
  const std::int64_t first = (static_cast<std::int64_t>(blockIdx.x) * block_threads) + threadIdx.x;
  with_similarity(pairs, [&](const auto& similarity_of) {
    for (std::int64_t place = first; place < pairs.a.units * columns; place += step) {
      const std::int64_t row = place / columns;
      const std::int64_t column = place % columns;
      const bool mirrored = pairs.symmetric && column < row;
      const std::int32_t both = common[mirrored ? (column * columns) + row : place];
      pairs.out[place] = similarity_of(both, pairs.a.counts[row], pairs.b.counts[column]);
    }
  });
}

void all_pairs(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b, std::int64_t units_b,
               std::int64_t row_bytes, Similarity similarity, std::int64_t num_samples, float* out,
               const DeviceQueue& queue) {
  check(row_bytes < (std::int64_t{1} << 28),
        "similarity of signatures: takes fewer than 2^31 samples, 2^28 bytes a unit, got ", row_bytes, " bytes");
  if (units_a == 0 || units_b == 0) {
    return;
  }
  const bool symmetric = a == b && units_a == units_b;
  const CountFunction count = choose_count(units_a, units_b, row_bytes, queue);
  const DeviceSets sets_a = prepare_sets(a, units_a, row_bytes, queue);
  count({.a = sets_a,
         .b = symmetric ? sets_a : prepare_sets(b, units_b, row_bytes, queue),
         .symmetric = symmetric,
         .similarity = similarity,
         .num_samples = num_samples,
         .out = out},
        queue);
}

}  // namespace

void write_similarities(const SetPairs& pairs, const std::int32_t* common, const DeviceQueue& queue) {
  const std::int64_t blocks = ceil_div(pairs.a.units * pairs.b.units, block_threads);
  launch(write_all_similarities, {.blocks = dim3(grid_blocks(blocks)), .threads = dim3(block_threads)}, queue, pairs,
         common);
}

void CudaKernels::jaccard(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b, std::int64_t units_b,
                          std::int64_t row_bytes, float* out, const DeviceQueue& queue) const {
  all_pairs(a, units_a, b, units_b, row_bytes, jaccard_of_rows(row_bytes), 0, out, queue);
}

void CudaKernels::phi(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b, std::int64_t units_b,
                      std::int64_t row_bytes, std::int64_t num_samples, float* out, const DeviceQueue& queue) const {
  all_pairs(a, units_a, b, units_b, row_bytes, Similarity::phi, num_samples, out, queue);
}

}  // namespace funcsim
