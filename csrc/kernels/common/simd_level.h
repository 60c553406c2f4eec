#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace funcsim {

// Kernels whose inner loops gain from wide registers have those loops once for each level, in files of their own that
// are compiled for it: X_loops_portable.cpp, X_loops_neon.cpp, X_loops_avx2.cpp, X_loops_avx512.cpp. Which one runs is
// chosen at run time. All levels give the same results, bit for bit.

/// Instruction sets that kernels are written for, each a superset of the ones before it on its kind of processor.
enum class SimdLevel : std::uint8_t {
  portable,  ///< what every processor of its kind has (SSE2 on x86-64)
  neon,      ///< AArch64 with Advanced SIMD, which all have
  avx2,      ///< x86-64-v3: AVX2, BMI1, BMI2, POPCNT, LZCNT
  avx512,    ///< AVX-512 F, BW, CD, DQ, VL, VBMI, VBMI2, BITALG and VPOPCNTDQ: Intel from Ice Lake, AMD from Zen 4 on
};

/// "portable", "neon", "avx2" or "avx512".
std::string_view simd_level_name(SimdLevel level);

/// The levels that this build has and this machine can run, slowest first; at least portable.
std::vector<SimdLevel> supported_simd_levels();

/// The level that kernels run at: the one named by the environment variable FUNCSIM_SIMD when the first kernel runs,
/// else the last of supported_simd_levels().
///
/// @throws Error for a name that is no level, or one that this machine or build doesn't have
SimdLevel simd_level();

/// One kernel's inner loops at simd_level(). `ByLevel` has them, structs of function pointers, as static members with
/// the names of levels: `portable`, and those of the levels that have loops of their own. The others run those of the
/// level below.
template <typename ByLevel>
const auto& chosen_loops() {
#ifdef __x86_64__
  if constexpr (requires { ByLevel::avx512; }) {
    if (simd_level() >= SimdLevel::avx512) {
      return ByLevel::avx512;
    }
  }
  if constexpr (requires { ByLevel::avx2; }) {
    if (simd_level() >= SimdLevel::avx2) {
      return ByLevel::avx2;
    }
  }
#elif defined(__aarch64__)
  if constexpr (requires { ByLevel::neon; }) {
    if (simd_level() >= SimdLevel::neon) {
      return ByLevel::neon;
    }
  }
#endif
  return ByLevel::portable;
}

}  // namespace funcsim
