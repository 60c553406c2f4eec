#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/common/ceil_div.h"
#include "kernels/cuda/inclusive_scan.h"
#include "kernels/cuda/launch.h"

// Sorting what hashes have spread evenly. Keys go into buckets, of about four, whose order is that of keys; a key's
// place is then the beginning of its bucket and the keys of the bucket that are smaller. That takes a pass over the
// keys to count and one to move them, where a radix sort moves them once for every eight bits.
//
// `Keys` says what is sorted, different 64-bit numbers:
//
//   std::uint64_t key(std::int64_t i) const;              the i-th of them
//   std::uint64_t bucket(std::uint64_t key) const;        its bucket, no smaller than that of any smaller key

namespace funcsim {

/// Keys by bucket, those of a bucket in any order.
struct HashBuckets {
  std::uint64_t* keys;   ///< [count]
  std::uint64_t* begin;  ///< [buckets + 1] place of every bucket's first key
};

/// Average number of keys that a bucket should have.
inline constexpr std::int64_t bucket_keys = 4;

/// Threads of kernels that have one for every key.
inline constexpr int key_threads = 256;

/// Scratch memory for so many keys and buckets.
inline HashBuckets new_hash_buckets(std::int64_t count, std::int64_t buckets, const DeviceQueue& queue) {
  constexpr auto key_bytes = static_cast<std::int64_t>(sizeof(std::uint64_t));
  return {.keys = static_cast<std::uint64_t*>(queue.scratch(count * key_bytes)),
          .begin = static_cast<std::uint64_t*>(queue.scratch((buckets + 1) * key_bytes))};
}

/// The launch of a kernel that calls for_each_key().
inline LaunchShape key_launch(std::int64_t count) {
  return {.blocks = dim3(grid_blocks(ceil_div(count, key_threads))), .threads = dim3(key_threads)};
}

/// Calls visit(i) for a thread's share of 0 ... count - 1.
template <typename Visit>
__device__ void for_each_key(std::int64_t count, const Visit& visit) {
  const std::int64_t step = std::int64_t{gridDim.x} * key_threads;
  for (std::int64_t i = (std::int64_t{blockIdx.x} * key_threads) + threadIdx.x; i < count; i += step) {
    visit(i);
  }
}

/// @param counts [buckets] 0 before
template <typename Keys>
__global__ __launch_bounds__(key_threads) void count_keys(Keys keys, std::int64_t count, unsigned long long* counts) {
  for_each_key(count, [&](std::int64_t i) { atomicAdd(counts + keys.bucket(keys.key(i)), 1ULL); });
}

/// Fills buckets from their ends on, which so become their beginnings.
template <typename Keys>
__global__ __launch_bounds__(key_threads) void place_keys(Keys keys, std::int64_t count, unsigned long long* ends,
                                                          std::uint64_t* placed) {
  for_each_key(count, [&](std::int64_t i) {
    const std::uint64_t key = keys.key(i);
    placed[atomicAdd(ends + keys.bucket(key), ~0ULL) - 1] = key;
  });
}

/// Puts keys into buckets.
///
/// @param into memory for at least so many
template <typename Keys>
void fill_hash_buckets(const Keys& keys, std::int64_t count, std::int64_t buckets, const HashBuckets& into,
                       const DeviceKernels& kernels, const DeviceQueue& queue) {
  const std::int64_t begin_bytes = (buckets + 1) * static_cast<std::int64_t>(sizeof(*into.begin));
  auto* const counters = reinterpret_cast<unsigned long long*>(into.begin);
  kernels.fill(into.begin, 0, begin_bytes, queue);
  launch(count_keys<Keys>, key_launch(count), queue, keys, count, counters);
  inclusive_scan(into.begin, buckets + 1, queue);  // the last, which has no keys, begins where all end
  launch(place_keys<Keys>, key_launch(count), queue, keys, count, counters, into.keys);
}

/// How many keys are smaller than one of them: its place in order.
template <typename Keys>
__device__ std::int64_t sorted_place(const Keys& keys, const HashBuckets& buckets, std::uint64_t key) {
  const std::uint64_t bucket = keys.bucket(key);
  const std::uint64_t begin = buckets.begin[bucket];
  const std::uint64_t end = buckets.begin[bucket + 1];
  std::uint64_t place = begin;
  for (std::uint64_t k = begin; k < end; ++k) {
    place += buckets.keys[k] < key ? 1 : 0;
  }
  return static_cast<std::int64_t>(place);
}

}  // namespace funcsim
