#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace funcsim {

/// Rows of signatures, `row_bytes` apart, of which every bit is set with probability `density`, rounded to 1/256.
inline std::vector<std::uint8_t> random_signatures(std::int64_t units, std::int64_t row_bytes, double density = 0.5,
                                                   unsigned seed = 1) {
  std::mt19937_64 random(seed);
  const auto steps = static_cast<unsigned>((256 * density) + 0.5);
  std::vector<std::uint8_t> rows(static_cast<std::size_t>(units * row_bytes));
  for (std::uint8_t& byte : rows) {
    // Bit by bit of the density, from the lowest: or with random bits where it is set, and where it isn't.
    const std::uint64_t bits = random();
    unsigned made = 0;
    for (int k = 0; k < 8; ++k) {
      const auto some = static_cast<unsigned>(bits >> (8 * k));
      made = ((steps >> k) & 1U) != 0 ? made | some : made & some;
    }
    byte = static_cast<std::uint8_t>(made);
  }
  return rows;
}

}  // namespace funcsim
