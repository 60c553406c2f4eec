#pragma once

// The loops of MinhashLoops for registers of any width. Each level's file includes this once, and makes of it its
// table: all of it is in an unnamed namespace, so that no level's code is taken for another's.

#include <cstdint>
#include <cstring>

#include "kernels/common/bits.h"
#include "kernels/common/hash.h"
#include "kernels/minhash/minhash_loops.h"

// NOLINTBEGIN(cert-dcl59-cpp,misc-anonymous-namespace-in-header): a copy for each level
// NOLINTBEGIN(*-avoid-c-arrays): a std::array's functions might be compiled for one level and linked into all
namespace funcsim {

namespace {

/// Slots that are merged together: the values of one unit fill four cache lines of its sketch. Sketches may be a power
/// of two apart, where a line of each would take the same place in the caches.
constexpr std::int64_t slots_together = 64;
/// Entry of a table of values for units that fire on none of the samples.
constexpr std::int64_t no_rank = ranked_samples;
constexpr std::int32_t no_value = 0x7FFFFFFF;
constexpr std::int64_t most_block_units = 512;
constexpr std::int64_t rank_bits = 8;

/// What a few slots say about a block of units, before it is merged into the sketches.
struct SlotGroup {
  alignas(64) std::uint8_t ranks[slots_together][most_block_units];
  /// By rank. A line more than that, so that the slots' first lines don't share their places in the cache.
  alignas(64) std::int32_t values[slots_together][ranked_samples + 1 + 16];
  bool few[slots_together];  ///< whether ranks are told apart by their last five bits
};

template <typename Vec>
bool any_bit(const Vec& x) {
  std::uint64_t words[sizeof(Vec) / 8];
  std::memcpy(words, &x, sizeof(Vec));
  std::uint64_t any = 0;
  for (const std::uint64_t word : words) {
    any |= word;
  }
  return any != 0;
}

/// Number of a group's planes that ranks below `count` take.
constexpr int planes_for(std::int64_t count) {
  int planes = 3;
  while ((std::int64_t{1} << planes) < count) {
    ++planes;
  }
  return planes;
}

/// Rank of the first of `count` samples on which each unit that remains fires, in bits: bit b of the ranks of the units
/// is planes[b]. Columns follow each other or, by_place, are at `places`. Units that fire on none remain, and have rank
/// no_rank.
///
/// Returns how many samples were looked at, until every unit had a rank.
///
/// Within eight samples the low bits of the rank are known beforehand, and the higher ones belong to all units found
/// there, so that a sample takes 2.5 operations for as many units as a register has bits.
template <typename Level, bool by_place, typename Vec>
std::int64_t find_first(const std::uint64_t* columns, const std::uint32_t* places, std::int64_t count, Vec& remaining,
                        Vec (&planes)[rank_bits]) {
  Vec low[3] = {};
  Vec high[rank_bits - 3] = {};
  Vec rest = remaining;
  const auto visit = [&](std::int64_t k, unsigned rank) {
    const std::int64_t place = by_place ? places[k] : k;
    const Vec row = Level::template load<Vec>(columns + (place * static_cast<std::int64_t>(sizeof(Vec) / 8)));
    for (unsigned b = 0; b < 3; ++b) {
      if (((rank >> b) & 1U) != 0) {
        low[b] |= rest & row;
      }
    }
    rest &= ~row;
  };
  std::int64_t looked_at = count;
  for (std::int64_t k = 0; k < count; k += 8) {
    const Vec before = rest;
    if (count - k >= 8) {
      visit(k, 0);
      visit(k + 1, 1);
      visit(k + 2, 2);
      visit(k + 3, 3);
      visit(k + 4, 4);
      visit(k + 5, 5);
      visit(k + 6, 6);
      visit(k + 7, 7);
    } else {
      for (std::int64_t r = 0; r < count - k; ++r) {
        visit(k + r, static_cast<unsigned>(r));
      }
    }
    const Vec found = before & ~rest;
    for (unsigned b = 0; b < rank_bits - 3; ++b) {
      if ((((k / 8) >> b) & 1) != 0) {
        high[b] |= found;
      }
    }
    if (!Level::any_bit(rest)) {
      looked_at = k + 8 < count ? k + 8 : count;
      break;
    }
  }
  // Units that were found in an earlier round have no rank in this one either.
  const Vec none = rest | ~remaining;
  for (int b = 0; b < rank_bits; ++b) {
    planes[b] = (b < 3 ? low[b] : high[b - 3]) | none;
  }
  remaining = rest;
  return looked_at;
}

/// Bytes from planes of bits: ranks[u] has bit u of plane b as its bit b.
template <int words>
void ranks_of_planes(const std::uint64_t* planes, int /*used*/, std::uint8_t* ranks) {
  for (int w = 0; w < words; ++w) {
    std::uint64_t bytes[8];
    for (int j = 0; j < 8; ++j) {
      std::uint64_t word = 0;
      for (int b = 0; b < rank_bits; ++b) {
        word |= ((planes[(b * words) + w] >> (8 * j)) & 0xFF) << (8 * b);
      }
      bytes[j] = transpose_bits_8x8(word);
    }
    std::memcpy(ranks + (std::int64_t{64} * w), bytes, sizeof(bytes));
  }
}

/// Merges the group's values into slots of the units' sketches, or writes them where the sketches are fresh.
inline void merge_group(const SlotGroup& group, std::int64_t slots, std::int64_t units, std::int64_t num_hashes,
                        bool fresh, std::int32_t* sketches) {
  for (std::int64_t u = 0; u < units; ++u) {
    std::int32_t* sketch = sketches + (u * num_hashes);
    for (std::int64_t g = 0; g < slots; ++g) {
      const std::int32_t value = group.values[g][group.ranks[g][u]];
      sketch[g] = fresh || value < sketch[g] ? value : sketch[g];
    }
  }
}

/// The functions above, some of which a level has better ones for.
struct AnyLevel {
  template <typename Vec>
  static Vec load(const std::uint64_t* words) {
    Vec x;
    std::memcpy(&x, words, sizeof(x));
    return x;
  }
  template <typename Vec>
  static bool any_bit(const Vec& x) {
    return funcsim::any_bit(x);
  }
  template <int words>
  static void ranks_of_planes(const std::uint64_t* planes, int used, std::uint8_t* ranks) {
    funcsim::ranks_of_planes<words>(planes, used, ranks);
  }
  static void merge_group(const SlotGroup& group, std::int64_t slots, std::int64_t units, std::int64_t num_hashes,
                          bool fresh, std::int32_t* sketches) {
    funcsim::merge_group(group, slots, units, num_hashes, fresh, sketches);
  }
};

/// Columns of a slot that are fetched while the slot before it is worked on, as nobody but us knows where they are.
constexpr std::int64_t fetched_columns = 16;

inline void prefetch_columns(const UnitBlock& block, std::int64_t begin) {
  const std::int64_t rows = block.row_begin[block.num_hashes];
  const std::int64_t end = begin + fetched_columns < rows ? begin + fetched_columns : rows;
  for (std::int64_t k = begin; k < end; ++k) {
    __builtin_prefetch(block.columns + (block.places[k] * block.words));
  }
}

template <typename Vec, typename Level, bool by_place>
void merge_columns(const UnitBlock& block, std::uint64_t* left_units) {
  constexpr std::int64_t words = sizeof(Vec) / 8;
  std::uint64_t present[words];
  for (std::int64_t w = 0; w < words; ++w) {
    const std::int64_t units = block.units - (64 * w);
    present[w] = 0;
    if (units > 0) {
      present[w] = units >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << units) - 1;
    }
  }
  SlotGroup group;  // NOLINT(*-member-init): ranks are written before they are read
  std::memset(group.values, 0, sizeof(group.values));
  for (std::int64_t first = 0; first < block.num_hashes; first += slots_together) {
    const std::int64_t left = block.num_hashes - first;
    const std::int64_t slots = left < slots_together ? left : slots_together;
    Vec remaining[slots_together];
    for (std::int64_t g = 0; g < slots; ++g) {
      std::memcpy(&remaining[g], present, sizeof(Vec));
    }
    // A rank is a byte, so that a slot with more samples takes several rounds.
    bool more = true;
    for (std::int64_t skipped = 0; more; skipped += ranked_samples) {
      more = false;
      for (std::int64_t g = 0; g < slots; ++g) {
        const std::int64_t begin = block.row_begin[first + g] + skipped;
        const std::int64_t in_slot = block.row_begin[first + g + 1] - begin;
        std::int64_t count = in_slot < ranked_samples ? in_slot : ranked_samples;
        count = count > 0 ? count : 0;
        Vec planes[rank_bits];
        const std::uint32_t* places = by_place ? block.places + begin : nullptr;
        const std::uint64_t* columns = by_place ? block.columns : block.columns + (begin * words);
        if (by_place && skipped == 0 && first + g + 1 < block.num_hashes) {
          prefetch_columns(block, block.row_begin[first + g + 1]);
        }
        const std::int64_t looked_at = find_first<Level, by_place>(columns, places, count, remaining[g], planes);
        const bool all_found = skipped == 0 && !Level::any_bit(remaining[g]);
        more = more || (in_slot > ranked_samples && Level::any_bit(remaining[g]));
        if (looked_at > 0) {
          std::memcpy(group.values[g], block.values + block.slot_begin[first + g] + skipped,
                      static_cast<std::size_t>(looked_at) * sizeof(std::int32_t));
        }
        group.values[g][no_rank] = no_value;
        if (looked_at < 32) {
          group.values[g][31] = no_value;  // what no_rank is modulo 32
        }
        group.few[g] = looked_at < 32 || (looked_at == 32 && all_found);
        std::uint64_t plane_words[rank_bits * words];
        std::memcpy(plane_words, planes, sizeof(planes));
        Level::template ranks_of_planes<words>(plane_words, planes_for(looked_at), group.ranks[g]);
      }
      Level::merge_group(group, slots, block.units, block.num_hashes, block.fresh && skipped == 0,
                         block.sketches + first);
    }
    std::memcpy(left_units + (first * words), remaining, static_cast<std::size_t>(slots) * sizeof(Vec));
  }
}

template <typename Vec, typename Level>
void merge_units(const UnitBlock& block, std::uint64_t* left_units) {
  (block.places != nullptr ? merge_columns<Vec, Level, true> : merge_columns<Vec, Level, false>)(block, left_units);
}

/// The transpose of a 64x64 matrix of bits (Warren, "Hacker's Delight", 7-3).
inline void transpose_bits_64x64(std::uint64_t (&rows)[64]) {
  const auto swap = [&](int distance, std::uint64_t mask) {
    for (int block = 0; block < 64; block += 2 * distance) {
      for (int r = block; r < block + distance; ++r) {
        const std::uint64_t swapped = ((rows[r] >> distance) ^ rows[r + distance]) & mask;
        rows[r] ^= swapped << distance;
        rows[r + distance] ^= swapped;
      }
    }
  };
  swap(32, 0x00000000FFFFFFFFULL);
  swap(16, 0x0000FFFF0000FFFFULL);
  swap(8, 0x00FF00FF00FF00FFULL);
  swap(4, 0x0F0F0F0F0F0F0F0FULL);
  swap(2, 0x3333333333333333ULL);
  swap(1, 0x5555555555555555ULL);
}

inline void transpose_rows(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes, std::int64_t samples,
                           std::int64_t words, const std::uint32_t* places, std::uint64_t* columns) {
  constexpr std::int64_t line_bytes = transposed_samples / 8;
  const std::int64_t bytes = signature_bytes(samples);
  for (std::int64_t line = 0; line < bytes; line += line_bytes) {
    const std::int64_t used = bytes - line < line_bytes ? bytes - line : line_bytes;
    for (std::int64_t w = 0; w < words; ++w) {
      const std::int64_t left = units - (64 * w);
      const std::int64_t present = left < 64 ? left : 64;
      // Whole lines, once: rows may be a power of two apart, and their lines would evict each other.
      std::uint64_t lines[64][line_bytes / 8] = {};
      for (std::int64_t u = 0; u < present; ++u) {
        std::memcpy(lines[u], rows + (((64 * w) + u) * row_bytes) + line, static_cast<std::size_t>(used));
      }
      for (std::int64_t c = 0; 8 * c < used; ++c) {
        std::uint64_t square[64];
        for (int u = 0; u < 64; ++u) {
          square[u] = lines[u][c];
        }
        transpose_bits_64x64(square);
        const std::int64_t first = (8 * line) + (64 * c);
        const std::int64_t count = samples - first < 64 ? samples - first : 64;
        for (std::int64_t s = 0; s < count; ++s) {
          const std::int64_t place = places != nullptr ? places[first + s] : first + s;
          columns[(place * words) + w] = square[s];
        }
      }
    }
  }
}

template <bool given>
[[gnu::always_inline]] inline void hash_each(const HashedRun& run, std::int64_t begin, std::int64_t end,
                                             std::uint64_t* entries, std::uint32_t* buckets) {
  const auto num_hashes = static_cast<std::uint64_t>(run.num_hashes);
  const auto slot_buckets = static_cast<std::uint64_t>(run.slot_buckets);
  const std::uint64_t first = run.first;
  const std::int64_t* indices = run.indices;
  for (std::int64_t s = begin; s < end; ++s) {
    const auto index = static_cast<std::uint64_t>(given ? indices[s] : s);
    const std::uint64_t hash = mix64(first + (index * HashStream::gamma));
    const std::uint64_t slot = ((hash >> 32) * num_hashes) >> 32;
    const std::uint64_t value = ((hash & 0xFFFFFFFFULL) * 0x7FFFFFFFULL) >> 32;
    entries[s - begin] = (value << 32) | static_cast<std::uint64_t>(s);
    buckets[s - begin] = static_cast<std::uint32_t>((slot * slot_buckets) + ((value * slot_buckets) >> 31));
  }
}

inline void hash_samples(const HashedRun& run, std::int64_t begin, std::int64_t end, std::uint64_t* entries,
                         std::uint32_t* buckets) {
  (run.indices != nullptr ? hash_each<true> : hash_each<false>)(run, begin, end, entries, buckets);
}

/// By insertion.
inline void sort_buckets(const std::uint64_t* entries, const std::uint32_t* counts, std::int64_t buckets,
                         std::uint32_t* samples, std::int32_t* values) {
  std::int64_t begin = 0;
  for (std::int64_t b = 0; b < buckets; ++b) {
    const std::int64_t count = counts[b];
    if (count <= bucket_places) {
      std::uint64_t sorted[bucket_places];
      for (std::int64_t k = 0; k < count; ++k) {
        const std::uint64_t entry = entries[(b * bucket_places) + k];
        std::int64_t place = k;
        for (; place > 0 && sorted[place - 1] > entry; --place) {
          sorted[place] = sorted[place - 1];
        }
        sorted[place] = entry;
      }
      for (std::int64_t k = 0; k < count; ++k) {
        samples[begin + k] = static_cast<std::uint32_t>(sorted[k]);
        values[begin + k] = static_cast<std::int32_t>(sorted[k] >> 32);
      }
    }
    begin += count;
  }
}

using Words2 [[gnu::vector_size(16)]] = std::uint64_t;
using Words4 [[gnu::vector_size(32)]] = std::uint64_t;
using Words8 [[gnu::vector_size(64)]] = std::uint64_t;

}  // namespace

}  // namespace funcsim
// NOLINTEND(*-avoid-c-arrays)
// NOLINTEND(cert-dcl59-cpp,misc-anonymous-namespace-in-header)
