#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <mutex>
#include <tuple>
#include <utility>

#include "kernels/common/hash.h"
#include "kernels/common/simd_level.h"
#include "kernels/minhash/minhash.h"
#include "kernels/minhash/minhash_loops.h"

namespace funcsim {

namespace {

/// Samples of a bucket, on average at most: a register sorts eight.
constexpr std::int64_t bucket_samples = 6;

/// Samples of a slot that have rows: at least 64, of which a unit that fires on a twentieth of all samples misses 4 %;
/// more where few slots leave room for them in the second cache or close to it.
std::int64_t most_rows(std::int64_t num_hashes) {
  return std::max<std::int64_t>(64, (std::int64_t{1} << 16) / num_hashes);
}

void number_rows(SampleOrder& order) {
  const auto num_hashes = static_cast<std::int64_t>(order.slot_begin.size()) - 1;
  const std::int64_t most = most_rows(num_hashes);
  order.row_begin.resize(order.slot_begin.size());
  for (std::int64_t slot = 0; slot < num_hashes; ++slot) {
    order.row_begin[slot + 1] =
        order.row_begin[slot] + std::min(most, order.slot_begin[slot + 1] - order.slot_begin[slot]);
  }
  order.rows.assign(order.samples.size(), static_cast<std::uint32_t>(order.row_begin.back()));
  for (std::int64_t slot = 0; slot < num_hashes; ++slot) {
    const std::uint32_t* samples = order.samples.data() + order.slot_begin[slot];
    for (std::int64_t row = order.row_begin[slot]; row < order.row_begin[slot + 1]; ++row) {
      order.rows[samples[row - order.row_begin[slot]]] = static_cast<std::uint32_t>(row);
    }
  }
}

/// Buckets are parts of a slot by the leading bits of the value, so many that each gets few samples: one pass puts
/// every sample into its bucket, and there is little left to sort.
SampleOrder sorted_order(const HashedRun& run) {
  const std::int64_t num_samples = run.count;
  const auto buckets = static_cast<std::uint64_t>(num_samples / bucket_samples / run.num_hashes);
  const int bits = std::min(31, static_cast<int>(std::bit_width(buckets)));
  // Uninitialised: all of it is written. NOLINTBEGIN(*-avoid-c-arrays)
  const auto entries = std::make_unique_for_overwrite<std::uint64_t[]>(num_samples);
  const auto bucket_of = std::make_unique_for_overwrite<std::uint32_t[]>(num_samples);
  const auto in_buckets = std::make_unique_for_overwrite<std::uint64_t[]>(num_samples);
  // NOLINTEND(*-avoid-c-arrays)
  const auto& loops = chosen_loops<MinhashLoopsByLevel>();
  loops.hash_samples(run, bits, entries.get(), bucket_of.get());

  const std::int64_t num_buckets = run.num_hashes << bits;
  std::vector<std::uint32_t> places(static_cast<std::size_t>(num_buckets) + 1);
  for (std::int64_t s = 0; s < num_samples; ++s) {
    ++places[bucket_of[s]];
  }
  std::uint32_t before = 0;
  for (std::uint32_t& place : places) {
    before += std::exchange(place, before);
  }
  SampleOrder order;
  order.slot_begin.resize(static_cast<std::size_t>(run.num_hashes) + 1);
  for (std::int64_t slot = 0; slot <= run.num_hashes; ++slot) {
    order.slot_begin[slot] = places[slot << bits];
  }
  for (std::int64_t s = 0; s < num_samples; ++s) {
    in_buckets[places[bucket_of[s]]++] = entries[s];
  }
  // Every place has moved on to the end of its bucket.
  order.samples.resize(static_cast<std::size_t>(num_samples));
  order.values.resize(static_cast<std::size_t>(num_samples));
  loops.sort_buckets(in_buckets.get(), places.data(), num_buckets, order.samples.data(), order.values.data());
  number_rows(order);
  return order;
}

/// The orders that were asked for last.
class OrderCache {
 public:
  using Key = std::tuple<std::int64_t, std::int64_t, std::int64_t, std::int64_t>;
  using Order = std::shared_ptr<const SampleOrder>;

  Order find(const Key& key) {
    const std::scoped_lock lock(mutex_);
    for (auto& [kept_key, order] : kept_) {
      if (order != nullptr && kept_key == key) {
        return order;
      }
    }
    return nullptr;
  }

  void keep(const Key& key, Order order) {
    const std::scoped_lock lock(mutex_);
    oldest_ = (oldest_ + 1) % kept_.size();
    kept_[oldest_] = {key, std::move(order)};
  }

 private:
  std::mutex mutex_;
  std::array<std::pair<Key, Order>, 4> kept_;
  std::size_t oldest_ = 0;
};

constexpr std::int64_t most_kept_samples = std::int64_t{1} << 18;

}  // namespace

SampleOrder sample_order(std::int64_t num_samples, std::int64_t num_hashes, std::int64_t seed,
                         std::int64_t first_sample) {
  const HashStream stream(seed, HashPurpose::sample_order);
  SampleOrder order = sorted_order({.first = stream.unmixed(static_cast<std::uint64_t>(first_sample)),
                                    .indices = nullptr,
                                    .count = num_samples,
                                    .num_hashes = num_hashes});
  order.seed = seed;
  order.first_sample = first_sample;
  return order;
}

SampleOrder sample_order(std::vector<std::int64_t> indices, std::int64_t num_hashes, std::int64_t seed) {
  const HashStream stream(seed, HashPurpose::sample_order);
  SampleOrder order = sorted_order({.first = stream.unmixed(0),
                                    .indices = indices.data(),
                                    .count = static_cast<std::int64_t>(indices.size()),
                                    .num_hashes = num_hashes});
  order.seed = seed;
  order.indices = std::move(indices);
  return order;
}

std::shared_ptr<const SampleOrder> shared_sample_order(std::int64_t num_samples, std::int64_t num_hashes,
                                                       std::int64_t seed, std::int64_t first_sample) {
  static OrderCache cache;
  const OrderCache::Key key{num_samples, num_hashes, seed, first_sample};
  OrderCache::Order order = cache.find(key);
  if (order == nullptr) {
    order = std::make_shared<const SampleOrder>(sample_order(num_samples, num_hashes, seed, first_sample));
    if (num_samples <= most_kept_samples) {
      cache.keep(key, order);
    }
  }
  return order;
}

}  // namespace funcsim
