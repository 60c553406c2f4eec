#include "kernels/signature_statistics/signature_statistics.h"

#include <algorithm>
#include <array>

#include "kernels/common/bits.h"
#include "kernels/common/ceil_div.h"
#include "kernels/common/hash.h"
#include "kernels/common/simd_level.h"
#include "kernels/signature_statistics/statistics_loops.h"

namespace funcsim {

namespace {

/// Words whose hashes are kept at a time, for all units.
constexpr std::int64_t block_words = 512;

}  // namespace

void signature_statistics(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                          std::int64_t num_samples, std::int64_t first_sample, std::int64_t* counts,
                          std::uint64_t* fingerprints, const ParallelFor& parallel_for) {
  const HashStream stream(0, HashPurpose::fingerprint);
  const std::int64_t bytes = signature_bytes(num_samples);
  const std::int64_t words = ceil_div(bytes, 8);
  const auto add_words = chosen_loops<StatisticsLoopsByLevel>().add_words;
  const std::int64_t grain = 1 + ((1 << 13) / (words + 1));
  parallel_for(0, units, grain, [&](std::int64_t begin, std::int64_t end) {
    std::fill(counts + begin, counts + end, 0);
    std::fill(fingerprints + begin, fingerprints + end, 0);
    std::array<std::uint64_t, block_words> keys{};
    for (std::int64_t first = 0; first < words; first += block_words) {
      const std::int64_t block = std::min(block_words, words - first);
      for (std::int64_t w = 0; w < block; ++w) {
        keys[w] = stream(static_cast<std::uint64_t>((first_sample / 64) + first + w));
      }
      for (std::int64_t u = begin; u < end; ++u) {
        const std::uint8_t* row = signatures + (u * row_bytes) + (8 * first);
        const std::int64_t row_left = bytes - (8 * first);
        const std::int64_t whole = std::min(block, row_left / 8);
        add_words(row, keys.data(), whole, &counts[u], &fingerprints[u]);
        if (whole < block) {
          const std::uint64_t word = load_word(row + (8 * whole), row_left - (8 * whole));
          counts[u] += count_bits(word);
          fingerprints[u] += word == 0 ? 0 : mix64(word ^ keys[whole]);
        }
      }
    }
  });
}

}  // namespace funcsim
