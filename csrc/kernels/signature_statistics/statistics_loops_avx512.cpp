#include <immintrin.h>

#include "kernels/signature_statistics/statistics_loops_inline.h"

// NOLINTBEGIN(*-avoid-c-arrays): a std::array's functions might be compiled for this level and linked into all
// NOLINTBEGIN(portability-simd-intrinsics): this file is for one kind of processor
namespace funcsim {

namespace {

__m512i mix(__m512i x) {
  x = _mm512_mullo_epi64(_mm512_xor_si512(x, _mm512_srli_epi64(x, 30)),
                         _mm512_set1_epi64(static_cast<std::int64_t>(0xBF58476D1CE4E5B9ULL)));
  x = _mm512_mullo_epi64(_mm512_xor_si512(x, _mm512_srli_epi64(x, 27)),
                         _mm512_set1_epi64(static_cast<std::int64_t>(0x94D049BB133111EBULL)));
  return _mm512_xor_si512(x, _mm512_srli_epi64(x, 31));
}

void add_words_by_8(const std::uint8_t* bytes, const std::uint64_t* keys, std::int64_t words, std::int64_t* count,
                    std::uint64_t* fingerprint) {
  __m512i set = _mm512_setzero_si512();
  __m512i sum = _mm512_setzero_si512();
  std::int64_t w = 0;
  for (; w + 8 <= words; w += 8) {
    const __m512i x = _mm512_loadu_si512(bytes + (8 * w));
    set = _mm512_add_epi64(set, _mm512_popcnt_epi64(x));
    const __m512i mixed = mix(_mm512_xor_si512(x, _mm512_loadu_si512(keys + w)));
    sum = _mm512_mask_add_epi64(sum, _mm512_test_epi64_mask(x, x), sum, mixed);
  }
  *count += _mm512_reduce_add_epi64(set);
  // Not _mm512_reduce_add_epi64, whose sum is signed.
  alignas(64) std::uint64_t sums[8];
  _mm512_store_si512(sums, sum);
  for (const std::uint64_t part : sums) {
    *fingerprint += part;
  }
  add_words(bytes + (8 * w), keys + w, words - w, count, fingerprint);
}

}  // namespace

constinit const StatisticsLoops StatisticsLoopsByLevel::avx512 = {.add_words = add_words_by_8};

}  // namespace funcsim
// NOLINTEND(portability-simd-intrinsics)
// NOLINTEND(*-avoid-c-arrays)
