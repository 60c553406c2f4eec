#pragma once

#include <cstdint>

namespace funcsim {

/// x / y rounded up, for x from 0 and y from 1.
constexpr std::int64_t ceil_div(std::int64_t x, std::int64_t y) {
  return (x / y) + (x % y != 0 ? 1 : 0);
}

}  // namespace funcsim
