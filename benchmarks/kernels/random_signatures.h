#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace funcsim {

/// Signatures of units that fire on half of the samples: [units] rows `row_bytes` apart.
inline std::vector<std::uint8_t> random_signatures(std::int64_t units, std::int64_t row_bytes) {
  std::vector<std::uint8_t> signatures(static_cast<std::size_t>(units * row_bytes));
  std::minstd_rand random(1);
  for (std::uint8_t& byte : signatures) {
    byte = static_cast<std::uint8_t>(random() >> 8);
  }
  return signatures;
}

}  // namespace funcsim
