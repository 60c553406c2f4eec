#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <numeric>
#include <tuple>
#include <utility>

#include "kernels/common/buffer.h"
#include "kernels/common/hash.h"
#include "kernels/common/simd_level.h"
#include "kernels/minhash/minhash.h"
#include "kernels/minhash/minhash_loops.h"

namespace funcsim {

namespace {

/// Samples that are worth another thread.
constexpr std::int64_t least_sorted = std::int64_t{1} << 15;

/// Samples of a slot that have rows: at least 64, of which a unit that fires on a twentieth of all samples misses 4 %;
/// more where few slots leave room for them in the second cache or close to it.
std::int64_t most_rows(std::int64_t num_hashes) {
  return std::max<std::int64_t>(64, (std::int64_t{1} << 16) / num_hashes);
}

/// Three and a half samples in a bucket, on average: one in a hundred gets more than eight.
std::int64_t slot_buckets(std::int64_t num_samples, std::int64_t num_hashes) {
  return std::max<std::int64_t>(1, ((2 * num_samples / 7) + (num_hashes / 2)) / num_hashes);
}

/// Buckets are parts of a slot, by the leading bits of the value, with room for as many entries as a register sorts.
class Buckets {
 public:
  explicit Buckets(const HashedRun& run) : run_(run) {
    const std::int64_t num_buckets = run_.num_hashes * run_.slot_buckets;
    counts_.resize(static_cast<std::size_t>(num_buckets));
    // Few samples of many slots would touch a page each.
    places_ = run.count < num_buckets && num_buckets > (1 << 16) ? 0 : bucket_places;
    entries_ = new_buffer<std::uint64_t>(num_buckets * places_);
    newest_surplus_ = new_buffer<std::uint32_t>(num_buckets);
    fill();
  }

  [[nodiscard]] std::vector<std::int64_t> slot_begin() const {
    std::vector<std::int64_t> begin(static_cast<std::size_t>(run_.num_hashes) + 1);
    const std::uint32_t* count = counts_.data();
    for (std::int64_t slot = 0; slot < run_.num_hashes; ++slot, count += run_.slot_buckets) {
      begin[slot + 1] = std::accumulate(count, count + run_.slot_buckets, begin[slot]);
    }
    return begin;
  }

  /// Sorts the samples of slots [first, last), whose slot_begin the order has.
  void sort(std::int64_t first, std::int64_t last, SampleOrder& order) const {
    const std::int64_t begin = first * run_.slot_buckets;
    const std::int64_t end = last * run_.slot_buckets;
    std::int64_t place = order.slot_begin[first];
    if (places_ != 0) {
      chosen_loops<MinhashLoopsByLevel>().sort_buckets(entries_.get() + (begin * places_), counts_.data() + begin,
                                                       end - begin, order.samples.data() + place,
                                                       order.values.data() + place);
    }
    for (std::int64_t bucket = begin; bucket < end && !surplus_.empty(); place += counts_[bucket++]) {
      if (counts_[bucket] > places_) {
        sort_surplus(bucket, place, order);
      }
    }
  }

 private:
  struct Surplus {
    std::uint64_t entry;
    std::uint32_t before;  ///< the bucket's surplus entry before this one, if it has more
  };

  /// Sorts a bucket that has more entries than places.
  void sort_surplus(std::int64_t bucket, std::int64_t place, SampleOrder& order) const {
    const std::uint64_t* line = entries_.get() + (bucket * places_);
    std::vector<std::uint64_t> sorted(line, line + places_);
    std::uint32_t next = newest_surplus_[bucket];
    for (std::int64_t k = places_; k < counts_[bucket]; ++k) {
      sorted.push_back(surplus_[next].entry);
      next = surplus_[next].before;
    }
    std::ranges::sort(sorted);
    for (const std::uint64_t entry : sorted) {
      order.samples[place] = static_cast<std::uint32_t>(entry);
      order.values[place++] = static_cast<std::int32_t>(entry >> 32);
    }
  }

  void fill() {
    constexpr std::int64_t together = 1024;
    std::array<std::uint64_t, together> entries;  // NOLINT(*-member-init): written before it is read
    std::array<std::uint32_t, together> buckets;  // NOLINT(*-member-init)
    const auto& loops = chosen_loops<MinhashLoopsByLevel>();
    // Not the members, which stores might change for all that the compiler knows.
    const auto places = static_cast<std::uint32_t>(places_);
    std::uint64_t* const in_buckets = entries_.get();
    std::uint32_t* const counts = counts_.data();
    for (std::int64_t begin = 0; begin < run_.count; begin += together) {
      const std::int64_t end = std::min(begin + together, run_.count);
      loops.hash_samples(run_, begin, end, entries.data(), buckets.data());
      for (std::int64_t s = 0; s < end - begin; ++s) {
        const std::uint32_t bucket = buckets[s];
        const std::uint32_t count = counts[bucket]++;
        if (count < places) {
          in_buckets[(bucket * std::size_t{bucket_places}) + count] = entries[s];
        } else {
          surplus_.push_back({entries[s], count > places ? newest_surplus_[bucket] : 0});
          newest_surplus_[bucket] = static_cast<std::uint32_t>(surplus_.size() - 1);
        }
      }
    }
  }

  HashedRun run_;
  std::int64_t places_ = 0;  ///< of each bucket; what has none is surplus
  std::vector<std::uint32_t> counts_;
  Buffer<std::uint64_t> entries_;         ///< [buckets, places]
  Buffer<std::uint32_t> newest_surplus_;  ///< of buckets that have any
  std::vector<Surplus> surplus_;
};

/// Gives rows to the first samples of every slot.
void choose_rows(SampleOrder& order) {
  const auto num_hashes = static_cast<std::int64_t>(order.slot_begin.size()) - 1;
  const std::int64_t most = most_rows(num_hashes);
  order.row_begin.resize(order.slot_begin.size());
  for (std::int64_t slot = 0; slot < num_hashes; ++slot) {
    order.row_begin[slot + 1] =
        order.row_begin[slot] + std::min(most, order.slot_begin[slot + 1] - order.slot_begin[slot]);
  }
  order.rows.assign(order.samples.size(), static_cast<std::uint32_t>(order.row_begin.back()));
}

/// Numbers the rows of slots [first, last), whose row_begin the order has.
void number_rows(std::int64_t first, std::int64_t last, SampleOrder& order) {
  for (std::int64_t slot = first; slot < last; ++slot) {
    const std::uint32_t* samples = order.samples.data() + order.slot_begin[slot];
    for (std::int64_t row = order.row_begin[slot]; row < order.row_begin[slot + 1]; ++row) {
      order.rows[samples[row - order.row_begin[slot]]] = static_cast<std::uint32_t>(row);
    }
  }
}

SampleOrder sorted_order(const HashedRun& run, const ParallelFor& parallel_for) {
  const Buckets buckets(run);
  SampleOrder order;
  order.slot_begin = buckets.slot_begin();
  order.samples.resize(static_cast<std::size_t>(run.count));
  order.values.resize(static_cast<std::size_t>(run.count));
  const bool with_rows = run.count > run.num_hashes * most_rows(run.num_hashes);
  if (with_rows) {
    choose_rows(order);
  } else {
    order.row_begin = order.slot_begin;
  }
  const std::int64_t grain = 1 + (run.num_hashes * least_sorted / (run.count + 1));
  parallel_for(0, run.num_hashes, grain, [&](std::int64_t first, std::int64_t last) {
    buckets.sort(first, last, order);
    if (with_rows) {
      number_rows(first, last, order);
    }
  });
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
                         std::int64_t first_sample, const ParallelFor& parallel_for) {
  const HashStream stream(seed, HashPurpose::sample_order);
  SampleOrder order = sorted_order({.first = stream.unmixed(static_cast<std::uint64_t>(first_sample)),
                                    .indices = nullptr,
                                    .count = num_samples,
                                    .num_hashes = num_hashes,
                                    .slot_buckets = slot_buckets(num_samples, num_hashes)},
                                   parallel_for);
  order.seed = seed;
  order.first_sample = first_sample;
  return order;
}

SampleOrder sample_order(std::vector<std::int64_t> indices, std::int64_t num_hashes, std::int64_t seed,
                         const ParallelFor& parallel_for) {
  const HashStream stream(seed, HashPurpose::sample_order);
  const auto count = static_cast<std::int64_t>(indices.size());
  SampleOrder order = sorted_order({.first = stream.unmixed(0),
                                    .indices = indices.data(),
                                    .count = count,
                                    .num_hashes = num_hashes,
                                    .slot_buckets = slot_buckets(count, num_hashes)},
                                   parallel_for);
  order.seed = seed;
  order.indices = std::move(indices);
  return order;
}

std::shared_ptr<const SampleOrder> shared_sample_order(std::int64_t num_samples, std::int64_t num_hashes,
                                                       std::int64_t seed, std::int64_t first_sample,
                                                       const ParallelFor& parallel_for) {
  static OrderCache cache;
  const OrderCache::Key key{num_samples, num_hashes, seed, first_sample};
  OrderCache::Order order = cache.find(key);
  if (order == nullptr) {
    order =
        std::make_shared<const SampleOrder>(sample_order(num_samples, num_hashes, seed, first_sample, parallel_for));
    if (num_samples <= most_kept_samples) {
      cache.keep(key, order);
    }
  }
  return order;
}

}  // namespace funcsim
