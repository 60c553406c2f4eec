#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

// IEEE's 16-bit floating point, as far as kernels use it: bits and exact widening.

struct alignas(2) __half {
  unsigned short bits;
};
struct alignas(4) __half2 {
  __half x, y;
};
using half = __half;
using half2 = __half2;

inline unsigned short __half_as_ushort(__half x) {
  return x.bits;
}
inline short __half_as_short(__half x) {
  return static_cast<short>(x.bits);
}
inline __half __ushort_as_half(unsigned short bits) {
  return {bits};
}

inline float __half2float(__half x) {
  const int exponent = x.bits >> 10 & 31;
  const int fraction = x.bits & 1023;
  const std::uint32_t sign = static_cast<std::uint32_t>(x.bits >> 15) << 31;
  if (exponent == 31) {
    return std::bit_cast<float>(sign | 0x7F800000U | static_cast<std::uint32_t>(fraction) << 13);
  }
  const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                                        : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(magnitude) | sign);
}
