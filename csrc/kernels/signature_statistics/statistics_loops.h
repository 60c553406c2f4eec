#pragma once

#include <cstdint>

namespace funcsim {

/// The loop of signature_statistics() for one instruction set.
struct StatisticsLoops {
  /// Adds the set bits of `words` 8-byte words to `count`, and mix64(word ^ key) of those that aren't 0 to
  /// `fingerprint`.
  void (*add_words)(const std::uint8_t* bytes, const std::uint64_t* keys, std::int64_t words, std::int64_t* count,
                    std::uint64_t* fingerprint);
};

struct StatisticsLoopsByLevel {
  static const StatisticsLoops portable;
  static const StatisticsLoops avx2;
  static const StatisticsLoops avx512;
};

}  // namespace funcsim
