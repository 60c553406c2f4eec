#include "kernels/common/simd_level.h"

#include <cstdlib>
#include <string>

#include "kernels/common/error.h"

namespace funcsim {

namespace {

#ifdef __x86_64__
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
         __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("lzcnt");
}

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
         __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512bitalg") &&
         __builtin_cpu_supports("avx512vpopcntdq");
}
#endif

SimdLevel choose_level() {
  const std::vector<SimdLevel> levels = supported_simd_levels();
  const char* forced = std::getenv("FUNCSIM_SIMD");
  if (forced == nullptr || *forced == '\0') {
    return levels.back();
  }
  std::string names;
  for (const SimdLevel level : levels) {
    if (simd_level_name(level) == forced) {
      return level;
    }
    names += (names.empty() ? "" : ", ") + std::string(simd_level_name(level));
  }
  fail("FUNCSIM_SIMD must name an instruction set that this machine and this build of funcsim have (", names,
       "), got \"", forced, "\"");
}

}  // namespace

std::string_view simd_level_name(SimdLevel level) {
  switch (level) {
    case SimdLevel::portable:
      return "portable";
    case SimdLevel::neon:
      return "neon";
    case SimdLevel::avx2:
      return "avx2";
    case SimdLevel::avx512:
      return "avx512";
  }
  return "";
}

std::vector<SimdLevel> supported_simd_levels() {
  std::vector<SimdLevel> levels = {SimdLevel::portable};
#ifdef __x86_64__
  if (has_avx2()) {
    levels.push_back(SimdLevel::avx2);
  }
  if (has_avx512()) {
    levels.push_back(SimdLevel::avx512);
  }
#elif defined(__aarch64__)
  levels.push_back(SimdLevel::neon);
#endif
  return levels;
}

SimdLevel simd_level() {
  static const SimdLevel level = choose_level();
  return level;
}

}  // namespace funcsim
