#include <immintrin.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "kernels/jaccard/intersection_loops_inline.h"

namespace funcsim {

namespace {

// NOLINTBEGIN(*-avoid-c-arrays): a std::array of vectors would drop what makes them vectors

struct Avx512Register {
  using Vector [[gnu::vector_size(64)]] = std::uint64_t;

  [[gnu::always_inline]] static Vector full_add(Vector& a, Vector x, Vector y) {
    const auto sum = reinterpret_cast<__m512i>(a);
    const auto carry = _mm512_ternarylogic_epi64(sum, reinterpret_cast<__m512i>(x), reinterpret_cast<__m512i>(y), 0xE8);
    a = reinterpret_cast<Vector>(
        _mm512_ternarylogic_epi64(sum, reinterpret_cast<__m512i>(x), reinterpret_cast<__m512i>(y), 0x96));
    return reinterpret_cast<Vector>(carry);
  }
};

/// Bytes of a row, and units of B, that are packed together: 16 KiB, which stay in the first-level cache.
constexpr std::int64_t packed_row_bytes = 512;
constexpr std::int64_t group = 8;  // units whose words lie side by side in a register
constexpr std::int64_t panel_groups = 4;
/// With fewer rows of A than these, rows of B aren't packed.
constexpr std::int64_t packing_pays_from = 8;

[[gnu::always_inline]] inline __mmask64 first_bytes(std::int64_t bytes) {
  return bytes >= 64 ? ~__mmask64{0} : (__mmask64{1} << bytes) - 1;
}

/// f(c, mask of the bytes that there are) for every 64 bytes; whole ones have a constant mask, and so none.
template <typename F>
[[gnu::always_inline]] inline void each_64_bytes(std::int64_t bytes, const F& f) {
  std::int64_t c = 0;
  for (; c + 64 <= bytes; c += 64) {
    f(c, ~__mmask64{0});
  }
  if (c < bytes) {
    f(c, first_bytes(bytes - c));
  }
}

/// f(integral_constant 0), f(1) ... f(count - 1): indices that are constants keep arrays of sums in registers.
template <int count, typename F>
[[gnu::always_inline]] inline void unrolled(const F& f) {
  [&]<int... k>(std::integer_sequence<int, k...> /*indices*/) __attribute__((always_inline)) {
    (f(std::integral_constant<int, k>{}), ...);
  }(std::make_integer_sequence<int, count>{});
}

/// An 8 x 8 transposition of words.
[[gnu::always_inline]] inline void transpose_words(__m512i* rows) {
  __m512i pairs[8];
  __m512i fours[8];
  unrolled<4>([&](auto k) __attribute__((always_inline)) {
    pairs[2 * k] = _mm512_unpacklo_epi64(rows[2 * k], rows[(2 * k) + 1]);
    pairs[(2 * k) + 1] = _mm512_unpackhi_epi64(rows[2 * k], rows[(2 * k) + 1]);
  });
  unrolled<4>([&](auto k) __attribute__((always_inline)) {
    constexpr int first = (4 * (k / 2)) + (k % 2);
    fours[2 * k] = _mm512_shuffle_i64x2(pairs[first], pairs[first + 2], 0x88);
    fours[(2 * k) + 1] = _mm512_shuffle_i64x2(pairs[first], pairs[first + 2], 0xDD);
  });
  unrolled<4>([&](auto k) __attribute__((always_inline)) {
    // fours[k] and fours[k + 4] have words w and w + 4 of their four rows each.
    constexpr int word = (k / 2) + (2 * (k % 2));
    rows[word] = _mm512_shuffle_i64x2(fours[k], fours[k + 4], 0x88);
    rows[word + 4] = _mm512_shuffle_i64x2(fours[k], fours[k + 4], 0xDD);
  });
}

/// The sum of the words of each of eight registers, side by side.
[[gnu::always_inline]] inline __m512i sums_of_words(__m512i* registers) {
  transpose_words(registers);
  return ((registers[0] + registers[1]) + (registers[2] + registers[3])) +
         ((registers[4] + registers[5]) + (registers[6] + registers[7]));
}

/// Word w of unit u of the panel goes to register w * groups + u / 8, place u % 8; words are filled up with zeros, and
/// a group that has fewer than eight units with copies of the last one.
void pack_panel(const std::uint8_t* b, std::int64_t rows_b, std::int64_t row_bytes, std::int64_t bytes,
                std::int64_t groups, std::uint64_t* packed) {
  for (std::int64_t g = 0; g < groups; ++g) {
    const std::uint8_t* rows[group];
    for (std::int64_t u = 0; u < group; ++u) {
      rows[u] = b + (std::min((group * g) + u, rows_b - 1) * row_bytes);
    }
    each_64_bytes(bytes, [&](std::int64_t c, __mmask64 some) __attribute__((always_inline)) {
      __m512i words[group];
      unrolled<group>([&](auto u)
                          __attribute__((always_inline)) { words[u] = _mm512_maskz_loadu_epi8(some, rows[u] + c); });
      transpose_words(words);
      const std::int64_t num_words = std::min<std::int64_t>(8, (bytes - c + 7) / 8);
      for (std::int64_t w = 0; w < num_words; ++w) {
        _mm512_store_si512(packed + (((((c / 8) + w) * groups) + g) * group), words[w]);
      }
    });
  }
}

/// Words of rows_a rows, each against those of all units of a panel: every place of a register is a pair, whose sum
/// stays there.
template <int rows_a, int groups>
void count_panel(const std::uint8_t* a, std::int64_t row_bytes, std::int64_t bytes, const std::uint64_t* packed,
                 std::int32_t* counts, std::int64_t counts_stride) {
  __m512i sums[rows_a * groups];
  unrolled<rows_a * groups>([&](auto k) __attribute__((always_inline)) { sums[k] = _mm512_setzero_si512(); });
  // One word of each row, which `load` reads.
  const auto add = [&](std::int64_t w, const auto& load) __attribute__((always_inline)) {
    __m512i y[groups];
    unrolled<groups>([&](auto g) __attribute__((always_inline)) {
      y[g] = _mm512_load_si512(packed + (((w * groups) + g) * group));
    });
    unrolled<rows_a>([&](auto i) __attribute__((always_inline)) {
      const __m512i x = load(a + (i * row_bytes) + (8 * w));
      unrolled<groups>([&](auto g)
                           __attribute__((always_inline)) { sums[(i * groups) + g] += _mm512_popcnt_epi64(x & y[g]); });
    });
  };
  for (std::int64_t w = 0; w < bytes / 8; ++w) {
    add(w, [](const std::uint8_t* word) __attribute__((always_inline)) {
      std::int64_t x = 0;
      std::memcpy(&x, word, sizeof(x));
      return _mm512_set1_epi64(x);
    });
  }
  if (bytes % 8 != 0) {
    const auto some = static_cast<__mmask16>((1U << (bytes % 8)) - 1);
    add(bytes / 8, [some](const std::uint8_t* word) __attribute__((always_inline)) {
      return _mm512_broadcastq_epi64(_mm_maskz_loadu_epi8(some, word));
    });
  }
  unrolled<rows_a * groups>([&](auto k) __attribute__((always_inline)) {
    using Counts [[gnu::vector_size(32)]] = std::int32_t;
    std::int32_t* place = counts + ((k / groups) * counts_stride) + (group * (k % groups));
    Counts total;
    std::memcpy(&total, place, sizeof(total));
    total += reinterpret_cast<Counts>(_mm512_cvtepi64_epi32(sums[k]));
    std::memcpy(place, &total, sizeof(total));
  });
}

template <int groups>
void count_rows(const std::uint8_t* a, std::int64_t rows_a, std::int64_t row_bytes, std::int64_t bytes,
                const std::uint64_t* packed, std::int32_t* counts, std::int64_t counts_stride) {
  std::int64_t i = 0;
  for (; i + 4 <= rows_a; i += 4) {
    count_panel<4, groups>(a + (i * row_bytes), row_bytes, bytes, packed, counts + (i * counts_stride), counts_stride);
  }
  constexpr auto of_rest = std::array{count_panel<1, groups>, count_panel<2, groups>, count_panel<3, groups>};
  if (i < rows_a) {
    of_rest[rows_a - i - 1](a + (i * row_bytes), row_bytes, bytes, packed, counts + (i * counts_stride), counts_stride);
  }
}

/// A few rows, one or two, against many, eight at a time, with the words of a row in one register.
template <int few_rows>
void count_few(const std::uint8_t* few, const std::uint8_t* many, std::int64_t many_rows, std::int64_t row_bytes,
               std::int64_t bytes, std::int32_t* counts, std::int64_t few_stride, std::int64_t many_stride) {
  for (std::int64_t j = 0; j < many_rows; j += group) {
    const std::uint8_t* rows[group];
    for (std::int64_t u = 0; u < group; ++u) {
      rows[u] = many + (std::min(j + u, many_rows - 1) * row_bytes);
    }
    __m512i sums[few_rows * group];
    unrolled<few_rows * group>([&](auto k) __attribute__((always_inline)) { sums[k] = _mm512_setzero_si512(); });
    each_64_bytes(bytes, [&](std::int64_t c, __mmask64 some) __attribute__((always_inline)) {
      __m512i x[few_rows];
      unrolled<few_rows>([&](auto i) __attribute__((always_inline)) {
        x[i] = _mm512_maskz_loadu_epi8(some, few + (i * row_bytes) + c);
      });
      unrolled<group>([&](auto u) __attribute__((always_inline)) {
        const __m512i y = _mm512_maskz_loadu_epi8(some, rows[u] + c);
        unrolled<few_rows>(
            [&](auto i) __attribute__((always_inline)) { sums[(i * group) + u] += _mm512_popcnt_epi64(x[i] & y); });
      });
    });
    unrolled<few_rows>([&](auto i) __attribute__((always_inline)) {
      alignas(64) std::int64_t totals[group];
      _mm512_store_si512(totals, sums_of_words(sums + (i * group)));
      for (std::int64_t u = 0; u < std::min(group, many_rows - j); ++u) {
        counts[(i * few_stride) + ((j + u) * many_stride)] += static_cast<std::int32_t>(totals[u]);
      }
    });
  }
}

void count_unpacked(const std::uint8_t* few, std::int64_t few_rows, const std::uint8_t* many, std::int64_t many_rows,
                    std::int64_t row_bytes, std::int64_t bytes, std::int32_t* counts, std::int64_t few_stride,
                    std::int64_t many_stride) {
  std::int64_t i = 0;
  for (; i + 2 <= few_rows; i += 2) {
    count_few<2>(few + (i * row_bytes), many, many_rows, row_bytes, bytes, counts + (i * few_stride), few_stride,
                 many_stride);
  }
  if (i < few_rows) {
    count_few<1>(few + (i * row_bytes), many, many_rows, row_bytes, bytes, counts + (i * few_stride), few_stride,
                 many_stride);
  }
}

void count_pairs(const std::uint8_t* a, std::int64_t rows_a, const std::uint8_t* b, std::int64_t rows_b,
                 std::int64_t row_bytes, std::int64_t bytes, std::int32_t* counts, std::int64_t counts_stride) {
  if (rows_a < packing_pays_from) {
    count_unpacked(a, rows_a, b, rows_b, row_bytes, bytes, counts, counts_stride, 1);
    return;
  }
  // Half a group or less would waste more than it saves.
  const std::int64_t odd = rows_b % group <= group / 2 ? rows_b % group : 0;
  const std::int64_t columns = rows_b - odd;
  alignas(64) std::uint64_t packed[panel_groups * group * packed_row_bytes / 8];
  constexpr auto of_groups = std::array{count_rows<1>, count_rows<2>, count_rows<3>, count_rows<4>};
  for (std::int64_t j = 0; j < columns; j += panel_groups * group) {
    const std::int64_t some = std::min(panel_groups * group, columns - j);
    const std::int64_t groups = (some + group - 1) / group;
    for (std::int64_t c = 0; c < bytes; c += packed_row_bytes) {
      const std::int64_t part = std::min(packed_row_bytes, bytes - c);
      pack_panel(b + (j * row_bytes) + c, some, row_bytes, part, groups, packed);
      of_groups[groups - 1](a + c, rows_a, row_bytes, part, packed, counts + j, counts_stride);
    }
  }
  count_unpacked(b + (columns * row_bytes), odd, a, rows_a, row_bytes, bytes, counts + columns, 1, counts_stride);
}

void count_sets(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes, std::int32_t* counts) {
  for (std::int64_t u = 0; u < units; u += group) {
    const std::uint8_t* row[group];
    for (std::int64_t k = 0; k < group; ++k) {
      row[k] = rows + (std::min(u + k, units - 1) * row_bytes);
    }
    __m512i sums[group];
    unrolled<group>([&](auto k) __attribute__((always_inline)) { sums[k] = _mm512_setzero_si512(); });
    each_64_bytes(row_bytes, [&](std::int64_t c, __mmask64 some) __attribute__((always_inline)) {
      unrolled<group>([&](auto k) __attribute__((always_inline)) {
        sums[k] += _mm512_popcnt_epi64(_mm512_maskz_loadu_epi8(some, row[k] + c));
      });
    });
    _mm256_mask_storeu_epi32(counts + u, static_cast<__mmask8>(first_bytes(units - u)),
                             _mm512_cvtepi64_epi32(sums_of_words(sums)));
  }
}

std::int64_t decode(const std::uint64_t* bits, std::int64_t words, bool complement, std::uint16_t* offsets) {
  using Offsets [[gnu::vector_size(64)]] = std::uint16_t;
  Offsets candidates{};
  for (int k = 0; k < 32; ++k) {
    candidates[k] = static_cast<std::uint16_t>(64 * k);
  }
  std::int64_t length = 0;
  for (std::int64_t w = 0; w < words; ++w) {
    const std::uint64_t word = complement ? ~bits[w] : bits[w];
    for (int half = 0; half < 2; ++half) {
      const auto chosen = static_cast<__mmask32>(word >> (32 * half));
      _mm512_storeu_si512(offsets + length, _mm512_maskz_compress_epi16(chosen, reinterpret_cast<__m512i>(candidates)));
      length += __builtin_popcount(chosen);
      candidates += 64 * 32;
    }
  }
  return length;
}

// NOLINTEND(*-avoid-c-arrays)

constexpr CountCosts costs = {
    .summing_a_pair = 0.35,
    .counting_a_register = 0.63,
    .packing_a_register = 2.9,
    .mirroring_a_pair = 0.9,
    .transposing_a_run = 27,
    .touching_a_run = 33,
    .decoding_a_sample = 0.18,
    .visiting_a_block = 53,
    .reading_a_block = 200,
    .writing_a_column = 0.58,
};

}  // namespace

constinit const IntersectionLoops IntersectionLoopsByLevel::avx512 =
    loops_of<Avx512Register>(costs, count_pairs, count_sets, decode);

}  // namespace funcsim
