#include <immintrin.h>

#include "kernels/minhash_jaccard/minhash_jaccard_loops_inline.h"

// NOLINTBEGIN(portability-simd-intrinsics): this file is for one kind of processor
namespace funcsim {

namespace {

/// A comparison makes a mask, and a masked addition counts: two operations for 64 codes.
struct Avx512ByteCounters {
  using Element = std::uint8_t;
  using Codes = __m512i;
  static constexpr std::int64_t most = 255;

  static Codes load(const Element* codes) { return _mm512_loadu_si512(codes); }
  static void add_equal(Codes& counters, const Codes& x, const Codes& y) {
    counters = _mm512_mask_sub_epi8(counters, _mm512_cmpeq_epi8_mask(x, y), counters, _mm512_set1_epi8(-1));
  }
  static std::int32_t sum(const Codes& counters) {
    return static_cast<std::int32_t>(_mm512_reduce_add_epi64(_mm512_sad_epu8(counters, _mm512_setzero_si512())));
  }
};

struct Avx512HalfCounters {
  using Element = std::uint16_t;
  using Codes = __m512i;
  static constexpr std::int64_t most = 32767;

  static Codes load(const Element* codes) { return _mm512_loadu_si512(codes); }
  static void add_equal(Codes& counters, const Codes& x, const Codes& y) {
    counters = _mm512_mask_sub_epi16(counters, _mm512_cmpeq_epi16_mask(x, y), counters, _mm512_set1_epi16(-1));
  }
  static std::int32_t sum(const Codes& counters) {
    return _mm512_reduce_add_epi32(_mm512_madd_epi16(counters, _mm512_set1_epi16(1)));
  }
};

std::int64_t count_common_bits_wide(const std::uint64_t* x, const std::uint64_t* y, std::int64_t words) {
  __m512i counts = _mm512_setzero_si512();
  for (std::int64_t w = 0; w < words; w += 8) {
    const auto present = static_cast<__mmask8>(words - w >= 8 ? 0xFFU : (1U << (words - w)) - 1);
    const __m512i both =
        _mm512_and_si512(_mm512_maskz_loadu_epi64(present, x + w), _mm512_maskz_loadu_epi64(present, y + w));
    counts = _mm512_add_epi64(counts, _mm512_popcnt_epi64(both));
  }
  return _mm512_reduce_add_epi64(counts);
}

}  // namespace

constinit const MinhashJaccardLoops MinhashJaccardLoopsByLevel::avx512 = {
    .count_equal_bytes = count_tile<4, 4, Avx512ByteCounters>,
    .count_equal_halves = count_tile<4, 4, Avx512HalfCounters>,
    .count_equal_slots = count_equal_slots,
    .count_common_bits = count_common_bits_wide,
    .divide = divide};

}  // namespace funcsim
// NOLINTEND(portability-simd-intrinsics)
