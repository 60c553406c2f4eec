#include <immintrin.h>

#include "kernels/activation_signatures/activation_loops.h"
#include "kernels/activation_signatures/element_types.h"
#include "kernels/activation_signatures/strided_copy.h"

// NOLINTBEGIN(*-avoid-c-arrays): a std::array's functions might be compiled for this level and linked into all
// NOLINTBEGIN(portability-simd-intrinsics): this file is for one kind of processor
namespace funcsim {

namespace {

/// One register of each type's elements. above() and merge() together set a bit of the lanes that exceed a threshold: a
/// comparison makes a mask, so that neither a movemask nor a transpose is needed. A NaN is noted in a register `nan`.
struct Float32Lanes : Float32 {
  using Vec = __m512;
  static constexpr int lanes = 16;
  using Mask = __mmask16;

  static Mask first(std::int64_t n) { return static_cast<Mask>(n >= lanes ? 0xFFFFU : (1U << n) - 1); }
  static Vec load(const void* z, Mask present) { return _mm512_maskz_loadu_ps(present, z); }
  static Vec spread(Threshold t) { return _mm512_set1_ps(t); }
  static Mask above(Vec z, Vec t) { return _mm512_cmp_ps_mask(z, t, _CMP_GT_OQ); }
  static __m512i load_bits(const Bits* bits, Mask present) { return _mm512_maskz_loadu_epi32(present, bits); }
  static void store(Bits* bits, Mask present, __m512i x) { _mm512_mask_storeu_epi32(bits, present, x); }
  static __m512i merge(__m512i bits, Mask above, int place) {
    return _mm512_mask_or_epi32(bits, above, bits, _mm512_set1_epi32(static_cast<int>(1U << place)));
  }
  static void note_nan(__m512i& nan, Vec x, Vec y) {
    const Mask found = _mm512_cmp_ps_mask(x, y, _CMP_UNORD_Q);
    nan = _mm512_mask_set1_epi32(nan, found, -1);
  }
  static bool any(__m512i nan) { return _mm512_test_epi32_mask(nan, nan) != 0; }
};

struct Float64Lanes : Float64 {
  using Vec = __m512d;
  static constexpr int lanes = 8;
  using Mask = __mmask8;

  static Mask first(std::int64_t n) { return static_cast<Mask>(n >= lanes ? 0xFFU : (1U << n) - 1); }
  static Vec load(const void* z, Mask present) { return _mm512_maskz_loadu_pd(present, z); }
  static Vec spread(Threshold t) { return _mm512_set1_pd(t); }
  static Mask above(Vec z, Vec t) { return _mm512_cmp_pd_mask(z, t, _CMP_GT_OQ); }
  static __m512i load_bits(const Bits* bits, Mask present) { return _mm512_maskz_loadu_epi64(present, bits); }
  static void store(Bits* bits, Mask present, __m512i x) { _mm512_mask_storeu_epi64(bits, present, x); }
  static __m512i merge(__m512i bits, Mask above, int place) {
    return _mm512_mask_or_epi64(bits, above, bits, _mm512_set1_epi64(static_cast<long long>(1ULL << place)));
  }
  static void note_nan(__m512i& nan, Vec x, Vec y) {
    const Mask found = _mm512_cmp_pd_mask(x, y, _CMP_UNORD_Q);
    nan = _mm512_mask_set1_epi64(nan, found, -1);
  }
  static bool any(__m512i nan) { return _mm512_test_epi64_mask(nan, nan) != 0; }
};

/// See exceeds() in activation_loops_inline.h. The register `nan` holds the largest magnitude.
template <typename Type>
struct NarrowLanes : Type {
  using Vec = __m512i;
  static constexpr int lanes = 32;
  using Mask = __mmask32;

  static Mask first(std::int64_t n) { return static_cast<Mask>(n >= lanes ? ~0U : (1U << n) - 1); }
  static Vec load(const void* z, Mask present) { return _mm512_maskz_loadu_epi16(present, z); }
  static Vec spread(std::int16_t t) { return _mm512_set1_epi16(t); }
  static Mask above(Vec z, Vec t) {
    const Vec flipped = _mm512_srli_epi16(_mm512_srai_epi16(t, 15), 1);
    return _mm512_cmpgt_epi16_mask(_mm512_xor_si512(z, flipped), t);
  }
  static __m512i load_bits(const Type::Bits* bits, Mask present) { return _mm512_maskz_loadu_epi16(present, bits); }
  static void store(Type::Bits* bits, Mask present, __m512i x) { _mm512_mask_storeu_epi16(bits, present, x); }
  static __m512i merge(__m512i bits, Mask above, int place) {
    return _mm512_mask_add_epi16(bits, above, bits, _mm512_set1_epi16(static_cast<short>(1U << place)));
  }
  static void note_nan(__m512i& nan, Vec x, Vec y) {
    const Vec magnitude = _mm512_set1_epi16(0x7FFF);
    nan = _mm512_max_epi16(nan, _mm512_max_epi16(_mm512_and_si512(x, magnitude), _mm512_and_si512(y, magnitude)));
  }
  static bool any(__m512i nan) {
    return _mm512_cmpgt_epi16_mask(nan, _mm512_set1_epi16(static_cast<short>(Type::infinity))) != 0;
  }
};

/// compare_units() for elements [begin, end), which prefetches as many from `ahead` on unless that is null.
template <typename Lanes, bool prefetch>
[[gnu::always_inline]] inline void compare_range(const void* const* rows, const typename Lanes::Element* const* ahead,
                                                 const typename Lanes::Threshold* thresholds, std::int64_t begin,
                                                 std::int64_t end, int shift, typename Lanes::Bits* words,
                                                 __m512i& found) {
  using Element = Lanes::Element;
  for (std::int64_t i = begin; i < end; i += Lanes::lanes) {
    const auto present = Lanes::first(end - i);
    const auto threshold = Lanes::load(thresholds + i, present);
    __m512i word = Lanes::load_bits(words + i, present);
    for (int k = 0; k < rows_together; k += 2) {
      const auto x = Lanes::load(static_cast<const Element*>(rows[k]) + i, present);
      const auto y = Lanes::load(static_cast<const Element*>(rows[k + 1]) + i, present);
      word = Lanes::merge(word, Lanes::above(x, threshold), shift + k);
      word = Lanes::merge(word, Lanes::above(y, threshold), shift + k + 1);
      Lanes::note_nan(found, x, y);
      if constexpr (prefetch) {
        _mm_prefetch(ahead[k] + (i - begin), _MM_HINT_T0);
        _mm_prefetch(ahead[k + 1] + (i - begin), _MM_HINT_T0);
      }
    }
    Lanes::store(words + i, present, word);
  }
}

template <typename Lanes>
void compare_units(const void* const* rows, const void* const* next, const void* thresholds, std::int64_t elements,
                   int shift, void* bits, void* nan) {
  using Element = Lanes::Element;
  constexpr std::int64_t distance = prefetch_bytes / sizeof(Element);
  const auto* t = static_cast<const Lanes::Threshold*>(thresholds);
  auto* words = static_cast<Lanes::Bits*>(bits);
  __m512i found = _mm512_setzero_si512();
  if (next == nullptr) {
    compare_range<Lanes, false>(rows, nullptr, t, 0, elements, shift, words, found);
  } else {
    // What is read soon: further on in these rows, then at the start of the next ones.
    const std::int64_t split = elements > distance ? (elements - distance) / Lanes::lanes * Lanes::lanes : 0;
    const Element* ahead[rows_together];
    for (int k = 0; k < rows_together; ++k) {
      ahead[k] = static_cast<const Element*>(rows[k]) + (elements - split);
    }
    compare_range<Lanes, true>(rows, ahead, t, 0, split, shift, words, found);
    for (int k = 0; k < rows_together; ++k) {
      ahead[k] = static_cast<const Element*>(next[k]);
    }
    compare_range<Lanes, true>(rows, ahead, t, split, elements, shift, words, found);
  }
  if (Lanes::any(found)) {
    *static_cast<Lanes::Bits*>(nan) = static_cast<Lanes::Bits>(-1);
  }
}

template <typename Lanes>
bool pack_samples(const void* samples, std::int64_t words, const void* threshold, std::uint8_t* out) {
  constexpr auto all = static_cast<Lanes::Mask>(-1);
  const auto t = Lanes::spread(*static_cast<const Lanes::Threshold*>(threshold));
  const auto* z = static_cast<const Lanes::Element*>(samples);
  __m512i found = _mm512_setzero_si512();
  for (std::int64_t w = 0; w < words; ++w) {
    for (int i = 0; i < 64; i += 2 * Lanes::lanes) {
      const auto x = Lanes::load(z + (64 * w) + i, all);
      const auto y = Lanes::load(z + (64 * w) + i + Lanes::lanes, all);
      const typename Lanes::Mask bits[2] = {Lanes::above(x, t), Lanes::above(y, t)};
      __builtin_memcpy(out + (8 * w) + (i / 8), bits, sizeof(bits));
      Lanes::note_nan(found, x, y);
    }
  }
  return Lanes::any(found);
}

template <typename Lanes>
constexpr PackLoops loops_of = {.compare_units = compare_units<Lanes>,
                                .pack_samples = pack_samples<Lanes>,
                                .copy_strided = copy_strided<typename Lanes::Element>};

}  // namespace

constinit const ActivationLoops ActivationLoopsByLevel::avx512 = {.float32 = loops_of<Float32Lanes>,
                                                                  .float64 = loops_of<Float64Lanes>,
                                                                  .float16 = loops_of<NarrowLanes<Float16>>,
                                                                  .bfloat16 = loops_of<NarrowLanes<BFloat16>>};

}  // namespace funcsim
// NOLINTEND(portability-simd-intrinsics)
// NOLINTEND(*-avoid-c-arrays)
