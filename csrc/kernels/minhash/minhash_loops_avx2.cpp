#include <immintrin.h>

#include "kernels/minhash/minhash_loops_inline.h"

namespace funcsim {

namespace {

struct Avx2 : AnyLevel {
  template <typename Vec>
  static Vec load(const std::uint64_t* words) {
    if constexpr (sizeof(Vec) == sizeof(__m256i)) {
      // Not memcpy(), which GCC turns into two halves.
      return reinterpret_cast<Vec>(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(words)));
    } else {
      return AnyLevel::load<Vec>(words);
    }
  }
};

void merge_block(const UnitBlock& block, std::uint64_t* left) {
  switch (block.words) {
    case 1:
      merge_units<std::uint64_t, Avx2>(block, left);
      break;
    case 2:
      merge_units<Words2, Avx2>(block, left);
      break;
    default:
      merge_units<Words4, Avx2>(block, left);
      break;
  }
}

}  // namespace

constinit const MinhashLoops MinhashLoopsByLevel::avx2 = {.most_words = 4,
                                                          .transpose = transpose_rows,
                                                          .merge_block = merge_block,
                                                          .hash_samples = hash_samples,
                                                          .sort_buckets = sort_buckets};

}  // namespace funcsim
