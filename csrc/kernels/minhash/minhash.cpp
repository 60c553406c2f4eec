#include "kernels/minhash/minhash.h"

#include <algorithm>
#include <bit>
#include <memory>

#include "kernels/common/simd_level.h"
#include "kernels/minhash/minhash_loops.h"

namespace funcsim {

namespace {

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

/// Units that are worth turning rows into columns for, and the samples a slot up to which it is: it takes a pass over
/// all bits, where a walk looks at 1/density of a slot's samples.
constexpr std::int64_t fewest_transposed_units = 6;
constexpr std::int64_t most_slot_samples = 512;

const MinhashLoops& loops() {
  static const MinhashLoops& chosen =
      LoopsByLevel<MinhashLoops>{
          .portable = &minhash_loops_portable,
#ifdef __aarch64__
          .neon = &minhash_loops_neon,
#elif defined(__x86_64__)
          .avx2 = &minhash_loops_avx2,
          .avx512 = &minhash_loops_avx512,
#endif
      }
          .chosen();
  return chosen;
}

void merge_columns(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes, const SampleOrder& order,
                   std::int32_t* sketches, bool fresh, const ParallelFor& parallel_for) {
  const auto num_samples = static_cast<std::int64_t>(order.samples.size());
  const auto num_hashes = static_cast<std::int64_t>(order.slot_begin.size()) - 1;
  const std::int64_t padded = (num_samples + transposed_samples - 1) / transposed_samples * transposed_samples;
  parallel_for(0, (units + 63) / 64, 1, [&](std::int64_t begin, std::int64_t end) {
    const auto words_for = [&](std::int64_t groups) {
      return std::min(loops().most_words, static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(groups))));
    };
    // Uninitialised: every block fills it. NOLINTNEXTLINE(*-avoid-c-arrays)
    const auto columns = std::make_unique_for_overwrite<std::uint64_t[]>(padded * words_for(end - begin));
    for (std::int64_t g = begin; g < end;) {
      const std::int64_t words = words_for(end - g);
      const std::int64_t first = 64 * g;
      const std::int64_t present = std::min(64 * std::min(words, end - g), units - first);
      loops().transpose(signatures + (first * row_bytes), present, row_bytes, (num_samples + 7) / 8, words,
                        columns.get());
      loops().merge_block({columns.get(), words, present, order.slot_begin.data(), order.samples.data(),
                           order.values.data(), num_hashes, sketches + (first * num_hashes), fresh});
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

}  // namespace funcsim
