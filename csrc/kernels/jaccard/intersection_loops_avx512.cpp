#include <immintrin.h>

#include <algorithm>

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

/// A block of rows_a by rows_b pairs, all of whose counts stay in registers.
template <int rows_a, int rows_b>
[[gnu::always_inline]] inline void count_block(const std::uint8_t* a, const std::uint8_t* b, std::int64_t row_bytes,
                                               std::int64_t bytes, std::int32_t* counts, std::int64_t counts_stride) {
  __m512i sums[rows_a][rows_b];
  for (int i = 0; i < rows_a; ++i) {
    for (int j = 0; j < rows_b; ++j) {
      sums[i][j] = _mm512_setzero_si512();
    }
  }
  const auto add = [&](std::int64_t c, __mmask64 some) __attribute__((always_inline)) {
    __m512i x[rows_a];
    for (int i = 0; i < rows_a; ++i) {
      x[i] = _mm512_maskz_loadu_epi8(some, a + (i * row_bytes) + c);
    }
    for (int j = 0; j < rows_b; ++j) {
      const __m512i y = _mm512_maskz_loadu_epi8(some, b + (j * row_bytes) + c);
      for (int i = 0; i < rows_a; ++i) {
        sums[i][j] += _mm512_popcnt_epi64(x[i] & y);
      }
    }
  };
  std::int64_t c = 0;
  for (; c + 64 <= bytes; c += 64) {
    add(c, ~__mmask64{0});
  }
  if (c < bytes) {
    add(c, (__mmask64{1} << (bytes - c)) - 1);
  }
  for (int i = 0; i < rows_a; ++i) {
    for (int j = 0; j < rows_b; ++j) {
      std::int64_t words[8];
      _mm512_storeu_si512(words, sums[i][j]);
      std::int64_t count = 0;
      for (const std::int64_t word : words) {
        count += word;
      }
      counts[(i * counts_stride) + j] += static_cast<std::int32_t>(count);
    }
  }
}

template <int rows_a>
void count_rows(const std::uint8_t* a, const std::uint8_t* b, std::int64_t rows_b, std::int64_t row_bytes,
                std::int64_t bytes, std::int32_t* counts, std::int64_t counts_stride) {
  std::int64_t j = 0;
  for (; j + 4 <= rows_b; j += 4) {
    count_block<rows_a, 4>(a, b + (j * row_bytes), row_bytes, bytes, counts + j, counts_stride);
  }
  for (; j < rows_b; ++j) {
    count_block<rows_a, 1>(a, b + (j * row_bytes), row_bytes, bytes, counts + j, counts_stride);
  }
}

void count_pairs(const std::uint8_t* a, std::int64_t rows_a, const std::uint8_t* b, std::int64_t rows_b,
                 std::int64_t row_bytes, std::int64_t bytes, std::int32_t* counts, std::int64_t counts_stride) {
  std::int64_t i = 0;
  for (; i + 4 <= rows_a; i += 4) {
    count_rows<4>(a + (i * row_bytes), b, rows_b, row_bytes, bytes, counts + (i * counts_stride), counts_stride);
  }
  for (; i < rows_a; ++i) {
    count_rows<1>(a + (i * row_bytes), b, rows_b, row_bytes, bytes, counts + (i * counts_stride), counts_stride);
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

}  // namespace

constinit const IntersectionLoops IntersectionLoopsByLevel::avx512 = loops_of<Avx512Register>(0.8, count_pairs, decode);

}  // namespace funcsim
