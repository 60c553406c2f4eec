#pragma once

// The loop of StatisticsLoops, for the compiler to vectorise. Each level's file includes this once, and makes of it its
// table: all of it is in an unnamed namespace, so that no level's code is taken for another's.

#include <cstdint>

#include "kernels/common/bits.h"
#include "kernels/common/hash.h"
#include "kernels/signature_statistics/statistics_loops.h"

// NOLINTBEGIN(cert-dcl59-cpp,misc-anonymous-namespace-in-header): a copy for each level
namespace funcsim {

namespace {

inline void add_words(const std::uint8_t* bytes, const std::uint64_t* keys, std::int64_t words, std::int64_t* count,
                      std::uint64_t* fingerprint) {
  std::int64_t set = 0;
  std::uint64_t sum = 0;
  for (std::int64_t w = 0; w < words; ++w) {
    const std::uint64_t word = load_word(bytes + (8 * w));
    set += count_bits(word);
    sum += mix64(word ^ keys[w]) & (word == 0 ? 0 : ~std::uint64_t{0});
  }
  *count += set;
  *fingerprint += sum;
}

}  // namespace

}  // namespace funcsim
// NOLINTEND(cert-dcl59-cpp,misc-anonymous-namespace-in-header)
