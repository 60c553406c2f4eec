#include "kernels/signature_statistics/signature_statistics.h"

#include <algorithm>
#include <array>

#include "kernels/common/bits.h"
#include "kernels/common/hash.h"

namespace funcsim {

namespace {

/// Words whose hashes are kept at a time, for all units.
constexpr std::int64_t block_words = 512;

}  // namespace

void signature_statistics(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                          std::int64_t num_samples, std::int64_t first_sample, std::int64_t* counts,
                          std::uint64_t* fingerprints, const ParallelFor& parallel_for) {
  const HashStream stream(0, HashPurpose::fingerprint);
  const std::int64_t bytes = (num_samples / 8) + (num_samples % 8 != 0 ? 1 : 0);
  const std::int64_t words = (bytes + 7) / 8;
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
        std::int64_t count = 0;
        std::uint64_t fingerprint = 0;
        const auto add = [&](std::int64_t w, std::uint64_t word) {
          count += count_bits(word);
          fingerprint += word == 0 ? 0 : mix64(word ^ keys[w]);
        };
        const std::int64_t whole = std::min(block, row_left / 8);
        for (std::int64_t w = 0; w < whole; ++w) {
          add(w, load_word(row + (8 * w)));
        }
        if (whole < block) {
          add(whole, load_word(row + (8 * whole), row_left - (8 * whole)));
        }
        counts[u] += count;
        fingerprints[u] += fingerprint;
      }
    }
  });
}

}  // namespace funcsim
