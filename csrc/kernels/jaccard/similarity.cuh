#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/jaccard/set_pairs.h"

namespace funcsim {

/// What the kernels for the CPU (jaccard.cpp) make of counts, bit for bit.
__device__ inline float similarity_of(const SetPairs& pairs, std::int32_t common, std::int32_t count_a,
                                      std::int32_t count_b) {
  if (pairs.similarity == Similarity::phi) {
    const auto a = static_cast<std::int64_t>(count_a);
    const auto b = static_cast<std::int64_t>(count_b);
    const std::int64_t spread_a = a * (pairs.num_samples - a);
    const std::int64_t spread_b = b * (pairs.num_samples - b);
    const double spread = sqrt(static_cast<double>(spread_a) * static_cast<double>(spread_b));
    if (spread == 0.0) {
      return spread_a == spread_b && a == b ? 1.0F : 0.0F;
    }
    return static_cast<float>(static_cast<double>((pairs.num_samples * common) - (a * b)) / spread);
  }
  const std::int32_t either = count_a + (count_b - common);
  if (either == 0) {
    return 1.0F;
  }
  return pairs.similarity == Similarity::jaccard
             ? __fdiv_rn(static_cast<float>(common), static_cast<float>(either))
             : static_cast<float>(static_cast<double>(common) / static_cast<double>(either));
}

}  // namespace funcsim
