#include <immintrin.h>

#include "kernels/minhash/minhash_loops_inline.h"

// NOLINTBEGIN(*-avoid-c-arrays): a std::array's functions might be compiled for this level and linked into all
// NOLINTBEGIN(portability-simd-intrinsics): this file is for one kind of processor
namespace funcsim {

namespace {

/// The transpose of an 8x8 matrix of words.
[[gnu::always_inline]] inline void transpose_words_8x8(__m512i (&x)[8]) {
  __m512i pairs[8];
  for (int i = 0; i < 8; i += 2) {
    pairs[i] = _mm512_unpacklo_epi64(x[i], x[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_epi64(x[i], x[i + 1]);
  }
  for (int odd = 0; odd < 2; ++odd) {
    // 128-bit lanes: rows 2 i and 2 i + 1 of columns odd, odd + 2, odd + 4, odd + 6.
    const __m512i low01 = _mm512_shuffle_i64x2(pairs[odd], pairs[odd + 2], 0x88);
    const __m512i high01 = _mm512_shuffle_i64x2(pairs[odd], pairs[odd + 2], 0xDD);
    const __m512i low23 = _mm512_shuffle_i64x2(pairs[odd + 4], pairs[odd + 6], 0x88);
    const __m512i high23 = _mm512_shuffle_i64x2(pairs[odd + 4], pairs[odd + 6], 0xDD);
    x[odd] = _mm512_shuffle_i64x2(low01, low23, 0x88);
    x[odd + 4] = _mm512_shuffle_i64x2(low01, low23, 0xDD);
    x[odd + 2] = _mm512_shuffle_i64x2(high01, high23, 0x88);
    x[odd + 6] = _mm512_shuffle_i64x2(high01, high23, 0xDD);
  }
}

/// transpose_bits_8x8 of every word.
__m512i transpose_bits(__m512i x) {
  const auto swap = [&](unsigned shift, std::int64_t mask) {
    const __m512i swapped =
        _mm512_ternarylogic_epi64(x, _mm512_srli_epi64(x, shift), _mm512_set1_epi64(mask), 0x28);  // (x ^ y) & mask
    x = _mm512_ternarylogic_epi64(x, swapped, _mm512_slli_epi64(swapped, shift), 0x96);            // x ^ y ^ z
  };
  swap(7, 0x00AA00AA00AA00AALL);
  swap(14, 0x0000CCCC0000CCCCLL);
  swap(28, 0x00000000F0F0F0F0LL);
  return x;
}

/// Eight words, each a column of bytes of an 8x8 matrix: byte 8 r + c goes to byte 8 c + r.
__m512i transpose_bytes_8x8(__m512i x) {
  alignas(64) static constexpr std::uint8_t places[64] = {0, 8,  16, 24, 32, 40, 48, 56, 1, 9,  17, 25, 33, 41, 49, 57,
                                                          2, 10, 18, 26, 34, 42, 50, 58, 3, 11, 19, 27, 35, 43, 51, 59,
                                                          4, 12, 20, 28, 36, 44, 52, 60, 5, 13, 21, 29, 37, 45, 53, 61,
                                                          6, 14, 22, 30, 38, 46, 54, 62, 7, 15, 23, 31, 39, 47, 55, 63};
  return _mm512_permutexvar_epi8(_mm512_load_si512(places), x);
}

/// 64 words of 64 samples' bits: bits[8 q + g] holds samples 8 j ... 8 j + 7 of units 8 g ... 8 g + 7 in word j, byte
/// by byte. Sample 16 l + 2 q + h becomes word 2 l + h of squares[q].
void join_units(const __m512i* bits, __m512i* squares) {
  __m512i a[8];
  __m512i b[8];
  for (std::int64_t g = 0; g < 4; ++g) {
    a[g] = _mm512_unpacklo_epi8(bits[2 * g], bits[(2 * g) + 1]);
    a[g + 4] = _mm512_unpackhi_epi8(bits[2 * g], bits[(2 * g) + 1]);
  }
  for (int half = 0; half < 8; half += 4) {
    b[half] = _mm512_unpacklo_epi16(a[half], a[half + 1]);
    b[half + 1] = _mm512_unpacklo_epi16(a[half + 2], a[half + 3]);
    b[half + 2] = _mm512_unpackhi_epi16(a[half], a[half + 1]);
    b[half + 3] = _mm512_unpackhi_epi16(a[half + 2], a[half + 3]);
  }
  for (int i = 0; i < 8; i += 2) {
    squares[i] = _mm512_unpacklo_epi32(b[i], b[i + 1]);
    squares[i + 1] = _mm512_unpackhi_epi32(b[i], b[i + 1]);
  }
}

constexpr std::int64_t line_bytes = transposed_samples / 8;

/// Lines of a row that are copied together, before they are transposed one by one. Rows may be a power of two apart,
/// where lines of many of them would evict each other; and several neighbours cost little more than one.
constexpr std::int64_t staged_lines = 8;
constexpr std::int64_t staged_bytes = staged_lines * line_bytes;

/// Copies bytes [begin, begin + staged_bytes) of up to 64 rows; what is beyond `bytes`, and rows that there aren't,
/// become 0.
void stage_rows(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes, std::int64_t begin,
                std::int64_t bytes, std::uint8_t* staged) {
  __mmask64 masks[staged_lines];
  for (std::int64_t l = 0; l < staged_lines; ++l) {
    const std::int64_t left = bytes - begin - (l * line_bytes);
    masks[l] = left >= line_bytes ? ~std::uint64_t{0} : (std::uint64_t{1} << (left > 0 ? left : 0)) - 1;
  }
  for (std::int64_t u = 0; u < 64; ++u) {
    for (std::int64_t l = 0; l < staged_lines; ++l) {
      const __m512i line = u < units
                               ? _mm512_maskz_loadu_epi8(masks[l], rows + (u * row_bytes) + begin + (l * line_bytes))
                               : _mm512_setzero_si512();
      _mm512_storeu_si512(staged + (u * staged_bytes) + (l * line_bytes), line);
    }
  }
}

/// One line of 64 units: squares[8 c + q], word 2 l + h is sample 64 c + 16 l + 2 q + h.
void transpose_line(const std::uint8_t* line, __m512i* squares) {
  __m512i bits[8][8];
  for (std::int64_t g = 0; g < 8; ++g) {
    __m512i x[8];
    for (std::int64_t i = 0; i < 8; ++i) {
      x[i] = _mm512_loadu_si512(line + (((8 * g) + i) * staged_bytes));
    }
    transpose_words_8x8(x);
    for (int c = 0; c < 8; ++c) {
      bits[c][g] = transpose_bits(transpose_bytes_8x8(x[c]));
    }
  }
  for (std::int64_t c = 0; c < 8; ++c) {
    join_units(bits[c], squares + (8 * c));
  }
}

template <std::int64_t words>
void store_words(std::uint64_t* to, __m512i x) {
  if constexpr (words == 8) {
    _mm512_storeu_si512(to, x);
  } else if constexpr (words == 4) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm512_castsi512_si256(x));
  } else {
    _mm_mask_storeu_epi64(to, static_cast<__mmask8>((1U << words) - 1), _mm512_castsi512_si128(x));
  }
}

template <std::int64_t words>
void transpose_to(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes, std::int64_t samples,
                  const std::uint32_t* places, std::uint64_t* columns) {
  const std::int64_t bytes = signature_bytes(samples);
  __m512i squares[8][64];
  for (__m512i(&square)[64] : squares) {
    for (__m512i& x : square) {
      x = _mm512_setzero_si512();
    }
  }
  alignas(64) std::uint8_t staged[words][64 * staged_bytes];
  for (std::int64_t line = 0; line < bytes; line += line_bytes) {
    const std::int64_t in_stage = line % staged_bytes;
    for (std::int64_t w = 0; w < words && 64 * w < units; ++w) {
      if (in_stage == 0) {
        const std::int64_t left = units - (64 * w);
        stage_rows(rows + (64 * w * row_bytes), left, row_bytes, line, bytes, staged[w]);
      }
      transpose_line(staged[w] + in_stage, squares[w]);
    }
    const std::int64_t present = samples - (8 * line) < transposed_samples ? samples - (8 * line) : transposed_samples;
    for (std::int64_t c = 0; 64 * c < present; ++c) {
      for (std::int64_t q = 0; q < 8; ++q) {
        __m512i x[8];
        for (int w = 0; w < 8; ++w) {
          x[w] = squares[w][(8 * c) + q];
        }
        transpose_words_8x8(x);
        for (std::int64_t i = 0; i < 8; ++i) {
          const std::int64_t sample = (64 * c) + (16 * (i / 2)) + (2 * q) + (i % 2);
          if (sample < present) {
            const std::int64_t place = places != nullptr ? places[(8 * line) + sample] : (8 * line) + sample;
            store_words<words>(columns + (place * words), x[i]);
          }
        }
      }
    }
  }
}

void transpose(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes, std::int64_t samples,
               std::int64_t words, const std::uint32_t* places, std::uint64_t* columns) {
  switch (words) {
    case 1:
      transpose_to<1>(rows, units, row_bytes, samples, places, columns);
      break;
    case 2:
      transpose_to<2>(rows, units, row_bytes, samples, places, columns);
      break;
    case 4:
      transpose_to<4>(rows, units, row_bytes, samples, places, columns);
      break;
    default:
      transpose_to<8>(rows, units, row_bytes, samples, places, columns);
      break;
  }
}

/// The transpose of a 16x16 matrix of 32-bit integers.
[[gnu::always_inline]] inline void transpose_16x16(__m512i (&x)[16]) {
  __m512i a[16];
  for (int i = 0; i < 16; i += 4) {
    const __m512i low01 = _mm512_unpacklo_epi32(x[i], x[i + 1]);
    const __m512i high01 = _mm512_unpackhi_epi32(x[i], x[i + 1]);
    const __m512i low23 = _mm512_unpacklo_epi32(x[i + 2], x[i + 3]);
    const __m512i high23 = _mm512_unpackhi_epi32(x[i + 2], x[i + 3]);
    // 128-bit lane l: column 4 l + k of rows i ... i + 3.
    a[i] = _mm512_unpacklo_epi64(low01, low23);
    a[i + 1] = _mm512_unpackhi_epi64(low01, low23);
    a[i + 2] = _mm512_unpacklo_epi64(high01, high23);
    a[i + 3] = _mm512_unpackhi_epi64(high01, high23);
  }
  for (int k = 0; k < 4; ++k) {
    const __m512i low01 = _mm512_shuffle_i32x4(a[k], a[k + 4], 0x88);
    const __m512i high01 = _mm512_shuffle_i32x4(a[k], a[k + 4], 0xDD);
    const __m512i low23 = _mm512_shuffle_i32x4(a[k + 8], a[k + 12], 0x88);
    const __m512i high23 = _mm512_shuffle_i32x4(a[k + 8], a[k + 12], 0xDD);
    x[k] = _mm512_shuffle_i32x4(low01, low23, 0x88);
    x[k + 8] = _mm512_shuffle_i32x4(low01, low23, 0xDD);
    x[k + 4] = _mm512_shuffle_i32x4(high01, high23, 0x88);
    x[k + 12] = _mm512_shuffle_i32x4(high01, high23, 0xDD);
  }
}

struct Avx512 : AnyLevel {
  template <typename Vec>
  static Vec load(const std::uint64_t* words) {
    if constexpr (sizeof(Vec) == sizeof(__m512i)) {
      return reinterpret_cast<Vec>(_mm512_loadu_si512(words));
    } else {
      return AnyLevel::load<Vec>(words);
    }
  }
  template <typename Vec>
  static bool any_bit(const Vec& x) {
    if constexpr (sizeof(Vec) == 64) {
      return _mm512_test_epi64_mask(reinterpret_cast<__m512i>(x), reinterpret_cast<__m512i>(x)) != 0;
    } else {
      return AnyLevel::any_bit(x);
    }
  }

  template <int words, int used>
  static void ranks_of_some_planes(const std::uint64_t* planes, std::uint8_t* ranks) {
    for (int w = 0; w < words; ++w) {
      // A plane that no rank needs is that of units without one.
      __m512i rank =
          used < rank_bits ? _mm512_movm_epi8(planes[((rank_bits - 1) * words) + w]) : _mm512_setzero_si512();
#pragma GCC unroll 8
      for (int b = 0; b < used; ++b) {
        const __mmask64 bits = planes[(b * words) + w];
        rank = _mm512_or_si512(rank, _mm512_maskz_set1_epi8(bits, static_cast<char>(1U << b)));
      }
      _mm512_storeu_si512(ranks + (std::int64_t{64} * w), rank);
    }
  }
  template <int words>
  static void ranks_of_planes(const std::uint64_t* planes, int used, std::uint8_t* ranks) {
    used <= 5 ? ranks_of_some_planes<words, 5>(planes, ranks) : ranks_of_some_planes<words, rank_bits>(planes, ranks);
  }

  /// The values of 16 units in one slot.
  template <bool few>
  [[gnu::always_inline]] static __m512i values_of(const SlotGroup& group, std::int64_t g, std::int64_t first) {
    const auto* bytes = reinterpret_cast<const __m128i*>(group.ranks[g] + first);
    const __m512i rank = _mm512_cvtepu8_epi32(_mm_load_si128(bytes));
    // Ranks are taken modulo 32 here.
    const __m512i values =
        _mm512_permutex2var_epi32(_mm512_load_si512(group.values[g]), rank, _mm512_load_si512(group.values[g] + 16));
    if (few || group.few[g]) {
      return values;
    }
    const __mmask16 beyond = _mm512_cmpgt_epi32_mask(rank, _mm512_set1_epi32(31));
    return _mm512_mask_i32gather_epi32(values, beyond, rank, group.values[g], 4);
  }

  /// The values of 16 units in up to 16 slots, from `slot` on: rows[i] has unit i's.
  template <bool all_few>
  static void gather_square(const SlotGroup& group, std::int64_t slot, std::int64_t slots, std::int64_t first,
                            std::int32_t (*rows)[slots_together]) {
    __m512i values[16];
#pragma GCC unroll 16
    for (std::int64_t g = 0; g < 16; ++g) {
      values[g] = all_few || g < slots ? values_of<all_few>(group, slot + g, first) : _mm512_setzero_si512();
    }
    transpose_16x16(values);
#pragma GCC unroll 16
    for (std::int64_t i = 0; i < 16; ++i) {
      _mm512_store_si512(rows[i] + slot, values[i]);
    }
  }

  static void merge_group(const SlotGroup& group, std::int64_t slots, std::int64_t units, std::int64_t num_hashes,
                          bool fresh, std::int32_t* sketches) {
    bool all_few[slots_together / 16] = {};
    for (std::int64_t slot = 0; slot + 16 <= slots; slot += 16) {
      all_few[slot / 16] = true;
      for (std::int64_t g = slot; g < slot + 16; ++g) {
        all_few[slot / 16] = all_few[slot / 16] && group.few[g];
      }
    }
    // Whole rows of the group are written one after the other: lines of different sketches may share their places in
    // the caches.
    alignas(64) std::int32_t rows[16][slots_together];
    for (std::int64_t first = 0; first < units; first += 16) {
      for (std::int64_t slot = 0; slot < slots; slot += 16) {
        const auto gather = all_few[slot / 16] ? gather_square<true> : gather_square<false>;
        gather(group, slot, slots - slot < 16 ? slots - slot : 16, first, rows);
      }
      for (std::int64_t i = 0; i < 16 && first + i < units; ++i) {
        std::int32_t* sketch = sketches + ((first + i) * num_hashes);
        for (std::int64_t slot = 0; slot < slots; slot += 16) {
          const std::int64_t left = slots - slot;
          const auto present = static_cast<__mmask16>(left < 16 ? (1U << left) - 1 : 0xFFFFU);
          __m512i values = _mm512_load_si512(rows[i] + slot);
          if (!fresh) {
            values = _mm512_min_epi32(_mm512_maskz_loadu_epi32(present, sketch + slot), values);
          }
          _mm512_mask_storeu_epi32(sketch + slot, present, values);
        }
      }
    }
  }
};

void merge_block(const UnitBlock& block, std::uint64_t* left) {
  switch (block.words) {
    case 1:
      merge_units<std::uint64_t, Avx512>(block, left);
      break;
    case 2:
      merge_units<Words2, Avx512>(block, left);
      break;
    case 4:
      merge_units<Words4, Avx512>(block, left);
      break;
    default:
      merge_units<Words8, Avx512>(block, left);
      break;
  }
}

/// Sorts eight numbers: a bitonic network, whose steps compare lanes `distance` apart.
template <int size, int distance>
__m512i sort_step(__m512i x) {
  __m512i other;
  if constexpr (distance == 1) {
    other = _mm512_shuffle_epi32(x, _MM_PERM_BADC);
  } else if constexpr (distance == 2) {
    other = _mm512_permutex_epi64(x, 0x4E);
  } else {
    other = _mm512_shuffle_i64x2(x, x, 0x4E);
  }
  constexpr auto larger = [] {
    unsigned mask = 0;
    for (unsigned lane = 0; lane < 8; ++lane) {
      const bool ascending = (lane & size) == 0;
      mask |= ((lane & distance) != 0) == ascending ? 1U << lane : 0U;
    }
    return static_cast<__mmask8>(mask);
  }();
  return _mm512_mask_max_epu64(_mm512_min_epu64(x, other), larger, x, other);
}

__m512i sort_8(__m512i x) {
  x = sort_step<2, 1>(x);
  x = sort_step<4, 2>(x);
  x = sort_step<4, 1>(x);
  x = sort_step<8, 4>(x);
  x = sort_step<8, 2>(x);
  return sort_step<8, 1>(x);
}

void sort_in_registers(const std::uint64_t* entries, const std::uint32_t* counts, std::int64_t buckets,
                       std::uint32_t* samples, std::int32_t* values) {
  std::int64_t begin = 0;
  for (std::int64_t b = 0; b < buckets; ++b) {
    const std::int64_t count = counts[b];
    if (count <= bucket_places) {
      const auto present = static_cast<__mmask8>((1U << count) - 1);
      const __m512i sorted =
          sort_8(_mm512_mask_loadu_epi64(_mm512_set1_epi64(-1), present, entries + (b * bucket_places)));
      _mm256_mask_storeu_epi32(samples + begin, present, _mm512_cvtepi64_epi32(sorted));
      _mm256_mask_storeu_epi32(values + begin, present, _mm512_cvtepi64_epi32(_mm512_srli_epi64(sorted, 32)));
    }
    begin += count;
  }
}

}  // namespace

constinit const MinhashLoops MinhashLoopsByLevel::avx512 = {.most_words = 8,
                                                            .transpose = transpose,
                                                            .merge_block = merge_block,
                                                            .hash_samples = hash_samples,
                                                            .sort_buckets = sort_in_registers};

}  // namespace funcsim
// NOLINTEND(portability-simd-intrinsics)
// NOLINTEND(*-avoid-c-arrays)
