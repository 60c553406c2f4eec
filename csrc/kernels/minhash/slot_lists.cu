#include "kernels/minhash/slot_lists.cuh"

#include <algorithm>
#include <bit>
#include <cmath>

#include "kernels/minhash/slot_value.h"

namespace funcsim {

namespace {

/// Lists that are enough to keep the threads of a block busy.
constexpr std::int64_t enough_lists = 512;
constexpr std::int64_t most_slot_lists = 32;

int slot_list_bits(std::int64_t num_hashes) {
  const std::int64_t lists = std::clamp<std::int64_t>(enough_lists / num_hashes, 1, most_slot_lists);
  return std::bit_width(static_cast<std::uint64_t>(lists)) - 1;
}

/// Of every list, for a list of the average length or none.
int list_buckets(std::int64_t num_samples, int lists) {
  return static_cast<int>(std::max<std::int64_t>(1, num_samples / (bucket_keys * lists)));
}

/// Four standard deviations more than lists have on average: one in 30,000 has more. Short ones, whose lengths are
/// Poisson's rather than normal, need a few more.
int list_ranks(std::int64_t num_samples, int lists) {
  const double average = static_cast<double>(num_samples) / static_cast<double>(lists);
  return static_cast<int>(average + (4 * std::sqrt(average))) + 4;
}

/// Memory for lists, about: some parts together, so that one with little work leaves no processors idle.
constexpr std::int64_t wanted_list_bytes = std::int64_t{1} << 26;

/// What fill_hash_buckets() sorts.
struct SampleKeys {
  SampleRun run;
  std::int64_t num_samples;
  int lists;  ///< of a part
  int list_buckets;

  __device__ std::uint64_t key(std::int64_t s) const {
    const SlotValue hashed = slot_value(run.hash(s), lists);
    const std::int64_t part = s / part_samples;
    const std::int64_t words = ceil_div(min(part_samples, num_samples - (part * part_samples)), 32);
    return SampleKey::of((part * lists) + hashed.slot, hashed.value,
                         column_place(static_cast<std::uint32_t>(s % part_samples), static_cast<std::uint32_t>(words)));
  }
  /// Buckets are parts of lists, by value.
  __device__ std::uint64_t bucket(std::uint64_t key) const {
    return ((key >> SampleKey::place_bits) * static_cast<std::uint64_t>(list_buckets)) >> SampleKey::value_bits;
  }
};

__global__ __launch_bounds__(key_threads) void rank_samples(SampleKeys keys, SlotLists lists) {
  for_each_key(keys.num_samples, [&](std::int64_t i) {
    const std::uint64_t key = lists.buckets.keys[i];
    const auto list = static_cast<int>(SampleKey::list(key));
    const std::int64_t place = sorted_place(keys, lists.buckets, key);
    const std::int64_t rank = place - static_cast<std::int64_t>(lists.buckets.begin[list * lists.list_buckets]);
    const int part = list / lists.count;
    (rank < lists.ranks ? lists.ranked[(((part * lists.ranks) + rank) * lists.count) + (list % lists.count)]
                        : lists.sorted[place]) = {.place = SampleKey::place(key), .value = SampleKey::value(key)};
  });
}

}  // namespace

SlotListMaker::SlotListMaker(std::int64_t num_samples, std::int64_t num_hashes, const DeviceKernels& kernels,
                             const DeviceQueue& queue)
    : kernels_(kernels), queue_(queue) {
  const auto scratch = [&]<typename Element>(Element*& memory, std::int64_t elements) {
    memory = static_cast<Element*>(queue.scratch(elements * static_cast<std::int64_t>(sizeof(Element))));
  };
  const std::int64_t part = std::min(num_samples, part_samples);
  memory_.slot_list_bits = slot_list_bits(num_hashes);
  memory_.count = static_cast<int>(num_hashes << memory_.slot_list_bits);
  memory_.list_buckets = list_buckets(part, memory_.count);
  memory_.ranks = list_ranks(part, memory_.count);

  const std::int64_t ranked = std::int64_t{memory_.ranks} * memory_.count;
  const std::int64_t part_bytes = (ranked + (2 * part)) * static_cast<std::int64_t>(sizeof(ListedSample));
  const std::int64_t most_parts =
      std::min(ceil_div(num_samples, part), (std::int64_t{1} << SampleKey::list_bits) / memory_.count);
  const std::int64_t parts = std::clamp<std::int64_t>(wanted_list_bytes / part_bytes, 1, most_parts);
  most_samples_ = std::min(num_samples, parts * part);
  scratch(memory_.ranked, parts * ranked);
  scratch(memory_.sorted, most_samples_);
  memory_.buckets = new_hash_buckets(most_samples_, parts * memory_.count * memory_.list_buckets, queue);
}

SlotLists SlotListMaker::lists(const SampleRun& run, std::int64_t num_samples) const {
  const SampleKeys keys = {
      .run = run, .num_samples = num_samples, .lists = memory_.count, .list_buckets = memory_.list_buckets};
  const std::int64_t buckets = ceil_div(num_samples, part_samples) * memory_.count * memory_.list_buckets;
  fill_hash_buckets(keys, num_samples, buckets, memory_.buckets, kernels_, queue_);
  launch(rank_samples, key_launch(num_samples), queue_, keys, memory_);
  return memory_;
}

}  // namespace funcsim
