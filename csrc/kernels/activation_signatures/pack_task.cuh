#pragma once

#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "kernels/common/device_kernels.h"

namespace funcsim {

// How a device compares elements of each type: widened, which is exact. Memory is what takes the time, not this.

template <typename Float>
struct DeviceFloat {
  using Element = Float;
  using Value = Float;
  __device__ static Value value(Element z) { return z; }
};

struct DeviceFloat16 {
  using Element = std::uint16_t;
  using Value = float;
  __device__ static Value value(Element z) { return __half2float(__ushort_as_half(z)); }
};

struct DeviceBFloat16 {
  using Element = std::uint16_t;
  using Value = float;
  __device__ static Value value(Element z) { return __uint_as_float(std::uint32_t{z} << 16); }
};

/// What one load gets at most.
template <typename Type>
struct alignas(16) ElementVector {
  static constexpr int size = 16 / sizeof(typename Type::Element);
  typename Type::Element at[size];
};

/// What activation_signatures() is given, for one element type.
template <typename Type>
struct PackTask {
  const typename Type::Element* data;
  std::int64_t samples;
  std::int64_t units;
  std::int64_t sample_stride;
  std::int64_t unit_stride;
  const std::int64_t* sample_offsets;      ///< or null
  const typename Type::Value* thresholds;  ///< or null
  std::uint8_t* signatures;
  std::int64_t row_bytes;
  NanReport nan;

  __device__ std::int64_t offset(std::int64_t sample) const {
    return sample_offsets != nullptr ? sample_offsets[sample] : sample * sample_stride;
  }
  __device__ typename Type::Value threshold(std::int64_t unit) const {
    return thresholds != nullptr ? thresholds[unit] : 0;
  }
  __device__ std::uint8_t* row(std::int64_t unit, std::int64_t first_sample) const {
    return signatures + (unit * row_bytes) + (first_sample / 8);
  }
  __device__ FaultCell place(std::int64_t unit, std::int64_t sample) const {
    return static_cast<FaultCell>((unit * nan.samples) + nan.first_sample + sample);
  }
};

/// Samples of a word of packed bits.
inline constexpr int word_samples = 32;

/// A word's lowest bits, for any count.
__device__ inline std::uint32_t low_bits(int count) {
  return count <= 0 ? 0 : count < word_samples ? (1U << count) - 1 : ~0U;
}

__device__ inline bool is_aligned(const void* address, std::size_t bytes) {
  return reinterpret_cast<std::uintptr_t>(address) % bytes == 0;
}

}  // namespace funcsim
