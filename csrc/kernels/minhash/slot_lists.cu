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

/// What fill_hash_buckets() sorts.
struct SampleKeys {
  SampleRun run;
  int lists;
  int list_buckets;
  std::uint32_t words;

  __device__ std::uint64_t key(std::int64_t s) const {
    const SlotValue hashed = slot_value(run.hash(s), lists);
    return SampleKey::of(hashed.slot, hashed.value, column_place(static_cast<std::uint32_t>(s), words));
  }
  /// Buckets are parts of lists, by value.
  __device__ std::uint64_t bucket(std::uint64_t key) const {
    return ((key >> SampleKey::place_bits) * static_cast<std::uint64_t>(list_buckets)) >> SampleKey::value_bits;
  }
};

__global__ __launch_bounds__(key_threads) void rank_samples(SampleKeys keys, std::int64_t num_samples,
                                                            SlotLists lists) {
  for_each_key(num_samples, [&](std::int64_t i) {
    const std::uint64_t key = lists.buckets.keys[i];
    const std::int64_t list = SampleKey::list(key);
    const std::int64_t place = sorted_place(keys, lists.buckets, key);
    const std::int64_t rank = place - static_cast<std::int64_t>(lists.buckets.begin[list * lists.list_buckets]);
    (rank < lists.ranks ? lists.ranked[(rank * lists.count) + list] : lists.sorted[place]) = {
        .place = SampleKey::place(key), .value = SampleKey::value(key)};
  });
}

}  // namespace

SlotListMaker::SlotListMaker(std::int64_t most_samples, std::int64_t num_hashes, const DeviceKernels& kernels,
                             const DeviceQueue& queue)
    : kernels_(kernels), queue_(queue) {
  const auto scratch = [&]<typename Element>(Element*& memory, std::int64_t elements) {
    memory = static_cast<Element*>(queue.scratch(elements * static_cast<std::int64_t>(sizeof(Element))));
  };
  memory_.slot_list_bits = slot_list_bits(num_hashes);
  memory_.count = static_cast<int>(num_hashes << memory_.slot_list_bits);
  const std::int64_t ranks = list_ranks(most_samples, memory_.count);
  scratch(memory_.ranked, ranks * memory_.count);
  scratch(memory_.sorted, most_samples);
  memory_.buckets =
      new_hash_buckets(most_samples, std::int64_t{memory_.count} * list_buckets(most_samples, memory_.count), queue);
}

SlotLists SlotListMaker::lists(const SampleRun& run, std::int64_t num_samples) const {
  SlotLists lists = memory_;
  lists.list_buckets = list_buckets(num_samples, lists.count);
  lists.ranks = list_ranks(num_samples, lists.count);
  const SampleKeys keys = {.run = run,
                           .lists = lists.count,
                           .list_buckets = lists.list_buckets,
                           .words = static_cast<std::uint32_t>(ceil_div(num_samples, 32))};
  fill_hash_buckets(keys, num_samples, std::int64_t{lists.count} * lists.list_buckets, lists.buckets, kernels_, queue_);
  launch(rank_samples, key_launch(num_samples), queue_, keys, num_samples, lists);
  return lists;
}

}  // namespace funcsim
