#pragma once

// CUDA's vector types, aligned as a device needs them: UndefinedBehaviorSanitizer reports an address that isn't.

#define EMULATED_CUDA_VECTORS(name, Element, alignment2, alignment4)             \
  struct name##1 {                                                               \
    Element x;                                                                   \
  };                                                                             \
  struct alignas(alignment2) name##2 {                                           \
    Element x, y;                                                                \
  };                                                                             \
  struct name##3 {                                                               \
    Element x, y, z;                                                             \
  };                                                                             \
  struct alignas(alignment4) name##4 {                                           \
    Element x, y, z, w;                                                          \
  };                                                                             \
  constexpr name##2 make_##name##2(Element x, Element y) {                       \
    return {x, y};                                                               \
  }                                                                              \
  constexpr name##3 make_##name##3(Element x, Element y, Element z) {            \
    return {x, y, z};                                                            \
  }                                                                              \
  constexpr name##4 make_##name##4(Element x, Element y, Element z, Element w) { \
    return {x, y, z, w};                                                         \
  }

EMULATED_CUDA_VECTORS(char, signed char, 2, 4)
EMULATED_CUDA_VECTORS(uchar, unsigned char, 2, 4)
EMULATED_CUDA_VECTORS(short, short, 4, 8)
EMULATED_CUDA_VECTORS(ushort, unsigned short, 4, 8)
EMULATED_CUDA_VECTORS(int, int, 8, 16)
EMULATED_CUDA_VECTORS(uint, unsigned int, 8, 16)
EMULATED_CUDA_VECTORS(longlong, long long, 16, 16)
EMULATED_CUDA_VECTORS(ulonglong, unsigned long long, 16, 16)
EMULATED_CUDA_VECTORS(float, float, 8, 16)
EMULATED_CUDA_VECTORS(double, double, 16, 16)

#undef EMULATED_CUDA_VECTORS

struct dim3 {
  unsigned int x = 1, y = 1, z = 1;
  constexpr dim3(unsigned int size_x = 1, unsigned int size_y = 1, unsigned int size_z = 1)
      : x(size_x), y(size_y), z(size_z) {}
};
