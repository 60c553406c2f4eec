#include <algorithm>
#include <bit>
#include <utility>

#include "kernels/common/hash.h"
#include "kernels/minhash/minhash.h"

namespace funcsim {

namespace {

std::int64_t slot_of(std::uint64_t hash, std::int64_t num_hashes) {
  return static_cast<std::int64_t>(((hash >> 32) * static_cast<std::uint64_t>(num_hashes)) >> 32);
}

std::int32_t value_of(std::uint64_t hash) {
  return static_cast<std::int32_t>(((hash & 0xFFFFFFFFULL) * 0x7FFFFFFFULL) >> 32);
}

/// Samples of a bucket, on average: few enough to be sorted by insertion.
constexpr std::int64_t bucket_samples = 4;

/// Sorts entries [begin, end) by value; those of equal values stay in order.
void sort_bucket(SampleOrder& order, std::int64_t begin, std::int64_t end) {
  for (std::int64_t k = begin + 1; k < end; ++k) {
    const std::int32_t value = order.values[k];
    const std::int64_t sample = order.samples[k];
    std::int64_t place = k;
    for (; place > begin && order.values[place - 1] > value; --place) {
      order.values[place] = order.values[place - 1];
      order.samples[place] = order.samples[place - 1];
    }
    order.values[place] = value;
    order.samples[place] = sample;
  }
}

/// Buckets are parts of a slot by the leading bits of the value, so many that each gets few samples: one pass puts
/// every sample into its bucket, and there is little left to sort.
SampleOrder sorted_order(const std::vector<std::uint64_t>& hashes, std::int64_t num_hashes) {
  const auto num_samples = static_cast<std::int64_t>(hashes.size());
  const auto buckets = static_cast<std::uint64_t>(num_samples / bucket_samples / num_hashes);
  const int bits = std::min(31, static_cast<int>(std::bit_width(buckets)));
  const auto bucket_of = [num_hashes, bits](std::uint64_t hash) {
    return (slot_of(hash, num_hashes) << bits) + (value_of(hash) >> (31 - bits));
  };
  std::vector<std::int64_t> places(static_cast<std::size_t>((num_hashes << bits) + 1));
  for (const std::uint64_t hash : hashes) {
    ++places[bucket_of(hash)];
  }
  std::int64_t before = 0;
  for (std::int64_t& place : places) {
    before += std::exchange(place, before);
  }

  SampleOrder order;
  order.slot_begin.resize(static_cast<std::size_t>(num_hashes) + 1);
  for (std::int64_t slot = 0; slot <= num_hashes; ++slot) {
    order.slot_begin[slot] = places[slot << bits];
  }
  order.samples.resize(hashes.size());
  order.values.resize(hashes.size());
  for (std::int64_t s = 0; s < num_samples; ++s) {
    const std::int64_t k = places[bucket_of(hashes[s])]++;
    order.samples[k] = s;
    order.values[k] = value_of(hashes[s]);
  }
  // Every place has moved on to the end of its bucket.
  std::int64_t begin = 0;
  for (const std::int64_t end : places) {
    sort_bucket(order, begin, end);
    begin = end;
  }
  return order;
}

}  // namespace

SampleOrder sample_order(std::int64_t num_samples, std::int64_t num_hashes, std::int64_t seed,
                         std::int64_t first_sample) {
  const HashStream stream(seed, HashPurpose::sample_order);
  std::vector<std::uint64_t> hashes(static_cast<std::size_t>(num_samples));
  for (std::int64_t s = 0; s < num_samples; ++s) {
    hashes[s] = stream(static_cast<std::uint64_t>(first_sample) + static_cast<std::uint64_t>(s));
  }
  return sorted_order(hashes, num_hashes);
}

SampleOrder sample_order(const std::vector<std::int64_t>& indices, std::int64_t num_hashes, std::int64_t seed) {
  const HashStream stream(seed, HashPurpose::sample_order);
  std::vector<std::uint64_t> hashes(indices.size());
  std::ranges::transform(indices, hashes.begin(),
                         [&](std::int64_t index) { return stream(static_cast<std::uint64_t>(index)); });
  return sorted_order(hashes, num_hashes);
}

}  // namespace funcsim
