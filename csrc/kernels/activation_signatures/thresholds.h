#pragma once

#include <cmath>
#include <limits>

namespace funcsim {

/// The largest float that is not above t: a float is above t exactly where it is above that one.
inline float floor_to_float(double t) {
  using Limits = std::numeric_limits<float>;
  if (t >= static_cast<double>(Limits::max())) {
    return Limits::max();
  }
  if (t < static_cast<double>(Limits::lowest())) {
    return -Limits::infinity();
  }
  const auto rounded = static_cast<float>(t);
  return static_cast<double>(rounded) > t ? std::nextafter(rounded, -Limits::infinity()) : rounded;
}

}  // namespace funcsim
