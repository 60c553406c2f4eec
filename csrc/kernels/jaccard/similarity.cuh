#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/cuda/ptx.cuh"
#include "kernels/jaccard/set_pairs.h"

namespace funcsim {

/// x / y for whole numbers up to 2^24, rounded to the nearest. This is __fdiv_rn() without its branch for operands near
/// the ends of the range of floats, with which no two divisions could be under way at a time.
__device__ inline float divide_whole(float x, float y) {
  const float rough = ptx::rcp_approx(y);
  const float reciprocal = __fmaf_rn(rough, __fmaf_rn(-y, rough, 1.0F), rough);
  float quotient = __fmul_rn(x, reciprocal);
  quotient = __fmaf_rn(reciprocal, __fmaf_rn(-y, quotient, x), quotient);
  return __fmaf_rn(reciprocal, __fmaf_rn(-y, quotient, x), quotient);
}

// What the kernels for the CPU (jaccard.cpp) make of counts, bit for bit.

struct JaccardByFloat {
  __device__ float operator()(std::int32_t common, std::int32_t count_a, std::int32_t count_b) const {
    const std::int32_t either = count_a + (count_b - common);
    return either == 0 ? 1.0F : divide_whole(static_cast<float>(common), static_cast<float>(either));
  }
};

struct JaccardByDouble {
  __device__ float operator()(std::int32_t common, std::int32_t count_a, std::int32_t count_b) const {
    const std::int32_t either = count_a + (count_b - common);
    return either == 0 ? 1.0F : static_cast<float>(static_cast<double>(common) / static_cast<double>(either));
  }
};

struct Phi {
  std::int64_t num_samples;

  __device__ float operator()(std::int32_t common, std::int32_t count_a, std::int32_t count_b) const {
    const auto a = static_cast<std::int64_t>(count_a);
    const auto b = static_cast<std::int64_t>(count_b);
    const std::int64_t spread_a = a * (num_samples - a);
    const std::int64_t spread_b = b * (num_samples - b);
    const double spread = sqrt(static_cast<double>(spread_a) * static_cast<double>(spread_b));
    if (spread == 0.0) {
      return spread_a == spread_b && a == b ? 1.0F : 0.0F;
    }
    return static_cast<float>(static_cast<double>((num_samples * common) - (a * b)) / spread);
  }
};

/// Calls use(similarity), where similarity(common, count_a, count_b) is that of the pairs.
template <typename Use>
__device__ void with_similarity(const SetPairs& pairs, const Use& use) {
  switch (pairs.similarity) {
    case Similarity::jaccard:
      use(JaccardByFloat{});
      break;
    case Similarity::jaccard_by_double:
      use(JaccardByDouble{});
      break;
    case Similarity::phi:
      use(Phi{pairs.num_samples});
      break;
  }
}

}  // namespace funcsim
