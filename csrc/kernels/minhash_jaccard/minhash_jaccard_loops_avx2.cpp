#include <immintrin.h>

#include "kernels/minhash_jaccard/minhash_jaccard_loops_inline.h"

// NOLINTBEGIN(portability-simd-intrinsics): this file is for one kind of processor
namespace funcsim {

namespace {

struct Avx2ByteCounters {
  using Element = std::uint8_t;
  using Codes = __m256i;
  static constexpr std::int64_t most = 255;

  static Codes load(const Element* codes) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes)); }
  static void add_equal(Codes& counters, const Codes& x, const Codes& y) {
    counters = _mm256_sub_epi8(counters, _mm256_cmpeq_epi8(x, y));
  }
  static std::int32_t sum(const Codes& counters) {
    const __m256i words = _mm256_sad_epu8(counters, _mm256_setzero_si256());
    const __m128i pair = _mm_add_epi64(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    return _mm_cvtsi128_si32(pair) + _mm_extract_epi32(pair, 2);
  }
};

struct Avx2HalfCounters {
  using Element = std::uint16_t;
  using Codes = __m256i;
  static constexpr std::int64_t most = 32767;

  static Codes load(const Element* codes) { return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(codes)); }
  static void add_equal(Codes& counters, const Codes& x, const Codes& y) {
    counters = _mm256_sub_epi16(counters, _mm256_cmpeq_epi16(x, y));
  }
  static std::int32_t sum(const Codes& counters) {
    const __m256i pairs = _mm256_madd_epi16(counters, _mm256_set1_epi16(1));
    __m128i four = _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
    four = _mm_add_epi32(four, _mm_shuffle_epi32(four, 0x4E));
    return _mm_cvtsi128_si32(four) + _mm_extract_epi32(four, 1);
  }
};

}  // namespace

constinit const MinhashJaccardLoops MinhashJaccardLoopsByLevel::avx2 = {
    .count_equal_bytes = count_tile<2, 4, Avx2ByteCounters>,
    .count_equal_halves = count_tile<2, 4, Avx2HalfCounters>,
    .count_equal_slots = count_equal_slots,
    .count_common_bits = count_common_bits,
    .divide = divide};

}  // namespace funcsim
// NOLINTEND(portability-simd-intrinsics)
