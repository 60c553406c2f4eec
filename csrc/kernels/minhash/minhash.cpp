#include "kernels/minhash/minhash.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "kernels/common/hash.h"

namespace funcsim {

namespace {

std::int64_t slot_of(std::uint64_t hash, std::int64_t num_hashes) {
  return static_cast<std::int64_t>(((hash >> 32) * static_cast<std::uint64_t>(num_hashes)) >> 32);
}

std::int32_t value_of(std::uint64_t hash) {
  return static_cast<std::int32_t>(((hash & 0xFFFFFFFFULL) * 0x7FFFFFFFULL) >> 32);
}

struct HashedSample {
  std::uint64_t hash;
  std::int64_t sample;
};

/// One pass of a radix sort by value, stable.
void sort_by_digit(const std::vector<HashedSample>& from, std::vector<HashedSample>& to, int shift) {
  constexpr std::size_t digits = std::size_t{1} << 11;
  const auto digit = [shift](const HashedSample& entry) {
    return (static_cast<std::size_t>(value_of(entry.hash)) >> shift) % digits;
  };
  std::array<std::size_t, digits + 1> place{};
  for (const HashedSample& entry : from) {
    ++place[digit(entry) + 1];
  }
  for (std::size_t d = 1; d < digits; ++d) {
    place[d] += place[d - 1];
  }
  for (const HashedSample& entry : from) {
    to[place[digit(entry)]++] = entry;
  }
}

/// How many samples of a slot are looked at together. A look at one at a time ends at an unpredictable place, which
/// costs more than looking at all of them.
constexpr std::int64_t looks = 8;

/// Bit k is whether sample order[k] is set in the row.
unsigned gather_bits(const std::uint8_t* row, const std::int64_t* order, std::int64_t count) {
  unsigned bits = 0;
  for (std::int64_t k = 0; k < count; ++k) {
    const auto s = static_cast<std::uint64_t>(order[k]);
    bits |= ((static_cast<unsigned>(row[s / 8]) >> (s % 8)) & 1U) << k;
  }
  return bits;
}

void merge_unit(const std::uint8_t* row, const SampleOrder& order, std::int32_t* sketch) {
  const auto num_hashes = static_cast<std::int64_t>(order.slot_begin.size()) - 1;
  const std::int64_t last_full = order.slot_begin.back() - looks;
  for (std::int64_t slot = 0; slot < num_hashes; ++slot) {
    const std::int64_t end = order.slot_begin[slot + 1];
    for (std::int64_t k = order.slot_begin[slot]; k < end && order.values[k] < sketch[slot]; k += looks) {
      // Looks past the slot's end where it can, to have a loop of fixed length, and drops what it saw there.
      const std::int64_t* samples = order.samples.data() + k;
      unsigned bits =
          k <= last_full ? gather_bits(row, samples, looks) : gather_bits(row, samples, std::min(looks, end - k));
      bits &= end - k < looks ? (1U << (end - k)) - 1 : ~0U;
      if (bits != 0) {
        sketch[slot] = std::min(sketch[slot], order.values[k + std::countr_zero(bits)]);
        break;
      }
    }
  }
}

SampleOrder sorted_order(std::vector<HashedSample> entries, std::int64_t num_hashes) {
  std::vector<HashedSample> sorted(entries.size());
  for (const int shift : {0, 11, 22}) {
    sort_by_digit(entries, sorted, shift);
    entries.swap(sorted);
  }

  SampleOrder order;
  order.slot_begin.resize(static_cast<std::size_t>(num_hashes) + 1);
  order.samples.resize(entries.size());
  order.values.resize(entries.size());
  for (const HashedSample& entry : entries) {
    ++order.slot_begin[slot_of(entry.hash, num_hashes) + 1];
  }
  for (std::int64_t slot = 0; slot < num_hashes; ++slot) {
    order.slot_begin[slot + 1] += order.slot_begin[slot];
  }
  std::vector<std::int64_t> place(order.slot_begin.begin(), order.slot_begin.end() - 1);
  for (const HashedSample& entry : entries) {
    const std::int64_t k = place[slot_of(entry.hash, num_hashes)]++;
    order.samples[k] = entry.sample;
    order.values[k] = value_of(entry.hash);
  }
  return order;
}

}  // namespace

SampleOrder sample_order(std::int64_t num_samples, std::int64_t num_hashes, std::int64_t seed,
                         std::int64_t first_sample) {
  const HashStream stream(seed, HashPurpose::sample_order);
  std::vector<HashedSample> entries(static_cast<std::size_t>(num_samples));
  for (std::int64_t s = 0; s < num_samples; ++s) {
    entries[s] = {stream(static_cast<std::uint64_t>(first_sample) + static_cast<std::uint64_t>(s)), s};
  }
  return sorted_order(std::move(entries), num_hashes);
}

SampleOrder sample_order(const std::vector<std::int64_t>& indices, std::int64_t num_hashes, std::int64_t seed) {
  const HashStream stream(seed, HashPurpose::sample_order);
  std::vector<HashedSample> entries(indices.size());
  for (std::size_t s = 0; s < indices.size(); ++s) {
    entries[s] = {stream(static_cast<std::uint64_t>(indices[s])), static_cast<std::int64_t>(s)};
  }
  return sorted_order(std::move(entries), num_hashes);
}

void minhash(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes, const SampleOrder& order,
             std::int32_t* sketches, const ParallelFor& parallel_for) {
  const auto num_hashes = static_cast<std::int64_t>(order.slot_begin.size()) - 1;
  const std::int64_t grain = 1 + ((1 << 14) / num_hashes);
  parallel_for(0, units, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t u = begin; u < end; ++u) {
      merge_unit(signatures + (u * row_bytes), order, sketches + (u * num_hashes));
    }
  });
}

}  // namespace funcsim
