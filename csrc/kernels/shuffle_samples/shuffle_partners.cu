#include "kernels/common/hash.h"
#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/hash_buckets.cuh"
#include "kernels/cuda/launch.h"

namespace funcsim {

namespace {

/// What fill_hash_buckets() sorts: hashes of inputs, from which hash_stream.index_of() has the inputs again.
struct InputHashes {
  HashStream stream;
  std::uint64_t first_input;
  std::uint64_t buckets;  ///< less than 2^32

  __device__ std::uint64_t key(std::int64_t i) const { return stream(first_input + static_cast<std::uint64_t>(i)); }
  __device__ std::uint64_t bucket(std::uint64_t key) const { return ((key >> 32) * buckets) >> 32; }
  __device__ std::uint64_t input(std::uint64_t key) const { return stream.index_of(key); }
};

__global__ __launch_bounds__(key_threads) void order_inputs(InputHashes hashes, HashBuckets buckets,
                                                            std::int64_t num_inputs, std::uint64_t* order) {
  for_each_key(num_inputs, [&](std::int64_t i) {
    const std::uint64_t key = buckets.keys[i];
    order[sorted_place(hashes, buckets, key)] = hashes.input(key);
  });
}

__global__ __launch_bounds__(key_threads) void pair_inputs(const std::uint64_t* order, std::int64_t num_inputs,
                                                           std::uint64_t first_input, std::int64_t* partners) {
  for_each_key(num_inputs, [&](std::int64_t place) {
    const std::int64_t neighbour = place ^ 1;
    const std::uint64_t input = order[place];
    partners[input - first_input] = static_cast<std::int64_t>(neighbour < num_inputs ? order[neighbour] : input);
  });
}

}  // namespace

void CudaKernels::shuffle_partners(std::int64_t num_inputs, std::int64_t seed, std::int64_t first_input,
                                   std::int64_t* partners, const DeviceQueue& queue) const {
  if (num_inputs == 0) {
    return;
  }
  const std::int64_t count = ceil_div(num_inputs, bucket_keys);
  const InputHashes hashes = {.stream = HashStream(seed, HashPurpose::shuffle),
                              .first_input = static_cast<std::uint64_t>(first_input),
                              .buckets = static_cast<std::uint64_t>(count)};
  const HashBuckets buckets = new_hash_buckets(num_inputs, count, queue);
  fill_hash_buckets(hashes, num_inputs, count, buckets, *this, queue);
  auto* const order =
      static_cast<std::uint64_t*>(queue.scratch(num_inputs * static_cast<std::int64_t>(sizeof(std::uint64_t))));
  launch(order_inputs, key_launch(num_inputs), queue, hashes, buckets, num_inputs, order);
  launch(pair_inputs, key_launch(num_inputs), queue, order, num_inputs, hashes.first_input, partners);
}

}  // namespace funcsim
