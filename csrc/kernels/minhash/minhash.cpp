#include "kernels/minhash/minhash.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "kernels/common/bits.h"
#include "kernels/common/buffer.h"
#include "kernels/common/ceil_div.h"
#include "kernels/common/hash.h"
#include "kernels/common/simd_level.h"
#include "kernels/minhash/minhash_loops.h"
#include "kernels/minhash/slot_value.h"

namespace funcsim {

namespace {

/// How many samples of a slot are looked at together. A look at one at a time ends at an unpredictable place, which
/// costs more than looking at all of them.
constexpr std::int64_t looks = 8;

/// Bit k is whether sample order[k] is set in the row.
unsigned gather_bits(const std::uint8_t* row, const std::uint32_t* order, std::int64_t count) {
  unsigned bits = 0;
  for (std::int64_t k = 0; k < count; ++k) {
    const std::uint32_t s = order[k];
    bits |= ((static_cast<unsigned>(row[s / 8]) >> (s % 8)) & 1U) << k;
  }
  return bits;
}

/// Merges one slot's entries from `begin` on. Returns how many it looked at.
std::int64_t merge_slot(const std::uint8_t* row, const SampleOrder& order, std::int64_t slot, std::int64_t begin,
                        std::int32_t* sketch) {
  const std::int64_t last_full = order.slot_begin.back() - looks;
  const std::int64_t end = order.slot_begin[slot + 1];
  std::int64_t k = begin;
  for (; k < end && order.values[k] < sketch[slot]; k += looks) {
    // Looks past the slot's end where it can, to have a loop of fixed length, and drops what it saw there.
    const std::uint32_t* samples = order.samples.data() + k;
    unsigned bits =
        k <= last_full ? gather_bits(row, samples, looks) : gather_bits(row, samples, std::min(looks, end - k));
    bits &= end - k < looks ? (1U << (end - k)) - 1 : ~0U;
    if (bits != 0) {
      sketch[slot] = std::min(sketch[slot], order.values[k + std::countr_zero(bits)]);
      break;
    }
  }
  return k - begin;
}

/// Calls visit(w, word) for the 64-sample words of a row.
template <typename Visit>
void for_each_word(const std::uint8_t* row, std::int64_t num_samples, const Visit& visit) {
  const std::int64_t whole = num_samples / 64;
  for (std::int64_t w = 0; w < whole; ++w) {
    visit(w, load_word(row + (8 * w)));
  }
  if (num_samples % 64 != 0) {
    const std::uint64_t present = (std::uint64_t{1} << (num_samples % 64)) - 1;
    visit(whole, load_word(row + (8 * whole), signature_bytes(num_samples % 64)) & present);
  }
}

/// Merges all samples on which a unit fires, in the order in which they are.
void merge_set_bits(const std::uint8_t* row, const SampleOrder& order, std::int32_t* sketch) {
  const HashStream stream(order.seed, HashPurpose::sample_order);
  const auto num_hashes = static_cast<std::int64_t>(order.slot_begin.size()) - 1;
  for_each_word(row, static_cast<std::int64_t>(order.samples.size()), [&](std::int64_t w, std::uint64_t word) {
    for (; word != 0; word &= word - 1) {
      const std::int64_t s = (64 * w) + std::countr_zero(word);
      const std::int64_t index = order.indices.empty() ? order.first_sample + s : order.indices[s];
      const SlotValue hashed = slot_value(stream(static_cast<std::uint64_t>(index)), num_hashes);
      sketch[hashed.slot] = std::min(sketch[hashed.slot], hashed.value);
    }
  });
}

/// Merges the entries without rows of the slots whose rows have none of the unit's samples.
///
/// @param slots [count] those slots
void finish_unit(const std::uint8_t* row, const SampleOrder& order, const std::int64_t* slots, std::int64_t count,
                 std::int32_t* sketch) {
  const auto num_samples = static_cast<std::int64_t>(order.samples.size());
  std::int64_t set = 0;
  for_each_word(row, num_samples, [&](std::int64_t /*w*/, std::uint64_t word) { set += count_bits(word); });
  if (set == 0) {
    return;
  }
  // A slot takes num_samples / set looks.
  if (set * set <= count * num_samples) {
    merge_set_bits(row, order, sketch);
    return;
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t slot = slots[i];
    const std::int64_t with_rows = order.row_begin[slot + 1] - order.row_begin[slot];
    merge_slot(row, order, slot, order.slot_begin[slot] + with_rows, sketch);
  }
}

/// finish_unit() for a block of units.
///
/// @param left [num_hashes, words] units that fire on none of the samples with rows
void finish_units(const std::uint8_t* rows, std::int64_t row_bytes, const SampleOrder& order, const std::uint64_t* left,
                  std::int64_t words, std::int32_t* sketches) {
  const auto num_hashes = static_cast<std::int64_t>(order.slot_begin.size()) - 1;
  std::vector<std::int64_t> longer;  // slots with entries that have no row
  for (std::int64_t slot = 0; slot < num_hashes; ++slot) {
    if (order.slot_begin[slot + 1] - order.slot_begin[slot] > order.row_begin[slot + 1] - order.row_begin[slot]) {
      longer.push_back(slot);
    }
  }
  std::vector<std::int64_t> slots;
  for (std::int64_t w = 0; w < words; ++w) {
    std::uint64_t unfinished = 0;
    for (const std::int64_t slot : longer) {
      unfinished |= left[(slot * words) + w];
    }
    for (; unfinished != 0; unfinished &= unfinished - 1) {
      const int bit = std::countr_zero(unfinished);
      slots.clear();
      for (const std::int64_t slot : longer) {
        if (((left[(slot * words) + w] >> bit) & 1) != 0) {
          slots.push_back(slot);
        }
      }
      const std::int64_t u = (64 * w) + bit;
      finish_unit(rows + (u * row_bytes), order, slots.data(), static_cast<std::int64_t>(slots.size()),
                  sketches + (u * num_hashes));
    }
  }
}

/// Looks for each slot's first sample. Where that takes so long that the unit must fire rarely, all its samples are
/// fewer.
void merge_unit(const std::uint8_t* row, const SampleOrder& order, std::int32_t* sketch) {
  const auto num_hashes = static_cast<std::int64_t>(order.slot_begin.size()) - 1;
  const auto num_samples = static_cast<std::int64_t>(order.samples.size());
  std::int64_t looked_at = 0;
  for (std::int64_t slot = 0; slot < num_hashes; ++slot) {
    looked_at += merge_slot(row, order, slot, order.slot_begin[slot], sketch);
    if (looked_at > (num_samples / 8) + (looks * num_hashes)) {
      merge_set_bits(row, order, sketch);
      return;
    }
  }
}

/// Units that are worth turning rows into columns for, and the samples a slot up to which it is: it takes a pass over
/// all bits, where a walk looks at 1/density of a slot's samples.
constexpr std::int64_t fewest_transposed_units = 6;
constexpr std::int64_t most_slot_samples = 512;

void merge_columns(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes, const SampleOrder& order,
                   std::int32_t* sketches, bool fresh, const ParallelFor& parallel_for) {
  const auto& loops = chosen_loops<MinhashLoopsByLevel>();
  const auto num_samples = static_cast<std::int64_t>(order.samples.size());
  const auto num_hashes = static_cast<std::int64_t>(order.slot_begin.size()) - 1;
  parallel_for(0, ceil_div(units, 64), 1, [&](std::int64_t begin, std::int64_t end) {
    const auto words_for = [&](std::int64_t groups) {
      return std::min(loops.most_words, static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(groups))));
    };
    const std::int64_t most = words_for(end - begin);
    // Every block fills it but the last row, which is nobody's.
    const auto columns = new_buffer<std::uint64_t>((order.row_begin.back() + 1) * most);
    const bool in_order = order.rows.empty();
    std::vector<std::uint64_t> left(static_cast<std::size_t>(num_hashes * most));
    for (std::int64_t g = begin; g < end;) {
      const std::int64_t words = words_for(end - g);
      const std::int64_t first = 64 * g;
      const std::int64_t present = std::min(64 * std::min(words, end - g), units - first);
      const std::uint8_t* rows = signatures + (first * row_bytes);
      std::int32_t* block_sketches = sketches + (first * num_hashes);
      loops.transpose(rows, present, row_bytes, num_samples, words, in_order ? nullptr : order.rows.data(),
                      columns.get());
      loops.merge_block(
          {columns.get(), in_order ? order.samples.data() : nullptr, words, present, order.row_begin.data(),
           order.slot_begin.data(), order.values.data(), num_hashes, block_sketches, fresh},
          left.data());
      if (order.row_begin.back() < num_samples) {
        finish_units(rows, row_bytes, order, left.data(), words, block_sketches);
      }
      g += words;
    }
  });
}

/// Looks at the samples of one unit after the other.
void merge_rows(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes, const SampleOrder& order,
                std::int32_t* sketches, bool fresh, const ParallelFor& parallel_for) {
  const auto num_hashes = static_cast<std::int64_t>(order.slot_begin.size()) - 1;
  const std::int64_t grain = 1 + ((1 << 14) / num_hashes);
  parallel_for(0, units, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t u = begin; u < end; ++u) {
      if (fresh) {
        std::fill_n(sketches + (u * num_hashes), num_hashes, empty_slot);
      }
      merge_unit(signatures + (u * row_bytes), order, sketches + (u * num_hashes));
    }
  });
}

void merge_samples(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes, const SampleOrder& order,
                   std::int32_t* sketches, bool fresh, const ParallelFor& parallel_for) {
  const auto num_samples = static_cast<std::int64_t>(order.samples.size());
  const auto num_hashes = static_cast<std::int64_t>(order.slot_begin.size()) - 1;
  const bool by_columns = units >= fewest_transposed_units && num_samples <= most_slot_samples * num_hashes;
  (by_columns ? merge_columns : merge_rows)(signatures, units, row_bytes, order, sketches, fresh, parallel_for);
}

}  // namespace

void minhash(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes, const SampleOrder& order,
             std::int32_t* sketches, const ParallelFor& parallel_for) {
  merge_samples(signatures, units, row_bytes, order, sketches, false, parallel_for);
}

void new_minhash(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes, const SampleOrder& order,
                 std::int32_t* sketches, const ParallelFor& parallel_for) {
  merge_samples(signatures, units, row_bytes, order, sketches, true, parallel_for);
}

void new_minhash_of_run(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                        std::int64_t num_samples, std::int64_t num_hashes, std::int64_t seed, std::int64_t first_sample,
                        std::int32_t* sketches, const ParallelFor& parallel_for) {
  if (units == 0) {
    return;  // however many samples they have
  }
  const std::int64_t part = ordered_samples(num_hashes);
  for (std::int64_t start = 0; start == 0 || start < num_samples; start += part) {
    const std::int64_t count = std::min(part, num_samples - start);
    const auto order = shared_sample_order(count, num_hashes, seed, first_sample + start, parallel_for);
    (start == 0 ? new_minhash : minhash)(signatures + (start / 8), units, row_bytes, *order, sketches, parallel_for);
  }
}

}  // namespace funcsim
