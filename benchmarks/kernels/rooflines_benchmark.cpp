// What the hardware can do on one thread, for the shares of it that the other benchmarks reach.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstring>
#include <vector>

#ifdef __x86_64__
#include <immintrin.h>
#endif

#include "kernels/common/simd_level.h"

namespace funcsim {
namespace {

#ifdef __x86_64__
// NOLINTBEGIN(portability-no-assembler,*-avoid-c-arrays): what the compiler can neither improve nor spoil

/// And, count, add on lines in the first-level cache, with eight sums so that nothing waits.
[[gnu::target("avx512f,avx512vpopcntdq")]] void popcount_avx512(const std::uint8_t* lines, std::int64_t rounds) {
  __m512i sums[8] = {};
  const __m512i row = _mm512_loadu_si512(lines);
  for (std::int64_t k = 0; k < rounds; ++k) {
    for (std::int64_t line = 0; line < 8; ++line) {
      __m512i both;
      asm volatile(
          "vpandq %3, %2, %0\n\t"
          "vpopcntq %0, %0\n\t"
          "vpaddq %0, %1, %1"
          : "=&v"(both), "+v"(sums[line])
          : "v"(row), "m"(*reinterpret_cast<const __m512i*>(lines + (64 * line))));
    }
  }
}

/// The same with the instruction for words, of which processors before AVX-512 have no wider one.
[[gnu::target("popcnt")]] void popcount_words(const std::uint8_t* lines, std::int64_t rounds) {
  std::uint64_t sums[8] = {};
  std::uint64_t row = 0;
  std::memcpy(&row, lines, sizeof(row));
  for (std::int64_t k = 0; k < rounds; ++k) {
    for (std::int64_t word = 0; word < 8; ++word) {
      std::uint64_t both = row;
      asm volatile(
          "andq %2, %0\n\t"
          "popcntq %0, %0\n\t"
          "addq %0, %1"
          : "+r"(both), "+r"(sums[word])
          : "m"(*reinterpret_cast<const std::uint64_t*>(lines + (8 * word))));
    }
  }
}

void popcount_roofline(benchmark::State& state) {
  alignas(64) static std::uint8_t lines[512] = {1, 2, 3};
  constexpr std::int64_t rounds = 10000;
  const bool wide = simd_level() == SimdLevel::avx512;
  if (simd_level() == SimdLevel::portable) {
    state.SkipWithError("the portable level has no instruction that counts bits");
    return;
  }
  for (auto _ : state) {
    if (wide) {
      popcount_avx512(lines, rounds);
    } else {
      popcount_words(lines, rounds);
    }
  }
  state.counters["bit-pairs/s"] = benchmark::Counter(static_cast<double>(rounds * 8 * (wide ? 512 : 64)),
                                                     benchmark::Counter::kIsIterationInvariantRate);
}
BENCHMARK(popcount_roofline);

/// Compare, count where equal: bytes in the first-level cache with the same, with eight counters so that nothing waits.
[[gnu::target("avx512f,avx512bw")]] void compare_bytes_avx512(const std::uint8_t* lines, std::int64_t rounds) {
  __m512i counts[8] = {};
  const __m512i row = _mm512_loadu_si512(lines);
  const __m512i minus_one = _mm512_set1_epi8(-1);
  for (std::int64_t k = 0; k < rounds; ++k) {
    for (std::int64_t line = 0; line < 8; ++line) {
      __mmask64 equal = 0;
      asm volatile(
          "vpcmpeqb %3, %2, %0\n\t"
          "vpsubb %4, %1, %1%{%0%}"
          : "=&Yk"(equal), "+v"(counts[line])
          : "v"(row), "m"(*reinterpret_cast<const __m512i*>(lines + (64 * line))), "v"(minus_one));
    }
  }
}

[[gnu::target("avx512f,avx512bw")]] void compare_int32_avx512(const std::uint8_t* lines, std::int64_t rounds) {
  __m512i counts[8] = {};
  const __m512i row = _mm512_loadu_si512(lines);
  const __m512i minus_one = _mm512_set1_epi32(-1);
  for (std::int64_t k = 0; k < rounds; ++k) {
    for (std::int64_t line = 0; line < 8; ++line) {
      __mmask16 equal = 0;
      asm volatile(
          "vpcmpeqd %3, %2, %0\n\t"
          "vpsubd %4, %1, %1%{%0%}"
          : "=&Yk"(equal), "+v"(counts[line])
          : "v"(row), "m"(*reinterpret_cast<const __m512i*>(lines + (64 * line))), "v"(minus_one));
    }
  }
}

[[gnu::target("avx2")]] void compare_bytes_avx2(const std::uint8_t* lines, std::int64_t rounds) {
  __m256i counts[8] = {};
  const __m256i row = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lines));
  for (std::int64_t k = 0; k < rounds; ++k) {
    for (std::int64_t line = 0; line < 8; ++line) {
      __m256i equal;
      asm volatile(
          "vpcmpeqb %3, %2, %0\n\t"
          "vpsubb %0, %1, %1"
          : "=&v"(equal), "+v"(counts[line])
          : "v"(row), "m"(*reinterpret_cast<const __m256i*>(lines + (32 * line))));
    }
  }
}

[[gnu::target("avx2")]] void compare_int32_avx2(const std::uint8_t* lines, std::int64_t rounds) {
  __m256i counts[8] = {};
  const __m256i row = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(lines));
  for (std::int64_t k = 0; k < rounds; ++k) {
    for (std::int64_t line = 0; line < 8; ++line) {
      __m256i equal;
      asm volatile(
          "vpcmpeqd %3, %2, %0\n\t"
          "vpsubd %0, %1, %1"
          : "=&v"(equal), "+v"(counts[line])
          : "v"(row), "m"(*reinterpret_cast<const __m256i*>(lines + (32 * line))));
    }
  }
}

void compare_slots(benchmark::State& state, bool as_bytes) {
  alignas(64) static std::uint8_t lines[512] = {1, 2, 3};
  constexpr std::int64_t rounds = 10000;
  const bool wide = simd_level() == SimdLevel::avx512;
  if (simd_level() == SimdLevel::portable) {
    state.SkipWithError("measured for AVX2 and AVX-512 only");
    return;
  }
  const auto of_bytes = wide ? compare_bytes_avx512 : compare_bytes_avx2;
  const auto of_int32 = wide ? compare_int32_avx512 : compare_int32_avx2;
  const auto compare = as_bytes ? of_bytes : of_int32;
  for (auto _ : state) {
    compare(lines, rounds);
  }
  const std::int64_t slots = rounds * 8 * (wide ? 64 : 32) / (as_bytes ? 1 : 4);
  state.counters["slots/s"] =
      benchmark::Counter(static_cast<double>(slots), benchmark::Counter::kIsIterationInvariantRate);
}

/// Slots as the byte codes that minhash_jaccard makes of them.
void slot_roofline(benchmark::State& state) {
  compare_slots(state, true);
}
BENCHMARK(slot_roofline);

/// Slots as they are.
void int32_slot_roofline(benchmark::State& state) {
  compare_slots(state, false);
}
BENCHMARK(int32_slot_roofline);

// NOLINTEND(portability-no-assembler,*-avoid-c-arrays)
#endif

/// Larger than any cache.
constexpr std::int64_t memory_bytes = std::int64_t{1} << 28;

void memory_read(benchmark::State& state) {
  const std::vector<std::uint64_t> words(memory_bytes / 8, 1);
  for (auto _ : state) {
    std::uint64_t sum = 0;
    for (const std::uint64_t word : words) {
      sum += word;
    }
    benchmark::DoNotOptimize(sum);
  }
  state.SetBytesProcessed(state.iterations() * memory_bytes);
}
BENCHMARK(memory_read)->Unit(benchmark::kMillisecond);

/// Bytes read; as many are written.
void memory_copy(benchmark::State& state) {
  const std::vector<std::uint8_t> from(memory_bytes, 1);
  std::vector<std::uint8_t> to(memory_bytes);
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * memory_bytes);
}
BENCHMARK(memory_copy)->Unit(benchmark::kMillisecond);

/// What is too large for a core's own caches, but not for the last one. Bytes read; as many are written.
void cache_copy(benchmark::State& state) {
  constexpr std::int64_t bytes = std::int64_t{1} << 22;
  const std::vector<std::uint8_t> from(bytes, 1);
  std::vector<std::uint8_t> to(bytes);
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * bytes);
}
BENCHMARK(cache_copy);

}  // namespace
}  // namespace funcsim
