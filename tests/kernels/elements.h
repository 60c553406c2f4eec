#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "kernels/activation_signatures/activation_signatures.h"

// What tests of activation_signatures share: elements of all types, as the doubles they are.

namespace funcsim {

inline constexpr double infinity = std::numeric_limits<double>::infinity();
inline constexpr double nan = std::numeric_limits<double>::quiet_NaN();
inline constexpr ScalarType all_types[] = {ScalarType::float32, ScalarType::float64, ScalarType::float16,
                                           ScalarType::bfloat16};

inline std::int64_t element_size(ScalarType type) {
  return type == ScalarType::float64 ? 8 : type == ScalarType::float32 ? 4 : 2;
}

/// The value of 16 bits, by the definition of the formats: sign, exponent, fraction.
inline double widened(std::uint16_t bits, ScalarType type) {
  const int fraction_bits = type == ScalarType::float16 ? 10 : 7;
  const int exponent_bits = 15 - fraction_bits;
  const int exponent = (bits >> fraction_bits) & ((1 << exponent_bits) - 1);
  const double fraction = std::ldexp(bits & ((1 << fraction_bits) - 1), -fraction_bits);
  const double sign = (bits >> 15) != 0 ? -1.0 : 1.0;
  const int bias = (1 << (exponent_bits - 1)) - 1;
  if (exponent == (1 << exponent_bits) - 1) {
    return fraction != 0 ? nan : sign * infinity;
  }
  return sign * (exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1.0 + fraction, exponent - bias));
}

/// Elements of any type behind a view, readable one by one as the doubles they are.
class Memory {
 public:
  Memory(ScalarType type, std::int64_t elements) : type_(type), bytes_(elements * element_size(type)) {}

  void set_bits(std::int64_t i, std::uint16_t bits) { std::memcpy(&bytes_[2 * i], &bits, 2); }

  /// Sets an element to a value that every type has (small multiples of 1/4, infinities, NaN), or one near it.
  void set(std::int64_t i, double value) {
    if (type_ == ScalarType::float64) {
      std::memcpy(&bytes_[8 * i], &value, 8);
    } else if (type_ == ScalarType::float32) {
      const auto narrow = static_cast<float>(value);
      std::memcpy(&bytes_[4 * i], &narrow, 4);
    } else {
      std::uint16_t best = 0;
      if (std::isnan(value)) {
        // The one next to infinity.
        best = type_ == ScalarType::float16 ? 0x7C01 : 0x7F81;
        best |= std::signbit(value) ? 0x8000 : 0;
      } else {
        for (unsigned bits = 0; bits <= 0xFFFF; ++bits) {
          if (widened(static_cast<std::uint16_t>(bits), type_) == value) {
            best = static_cast<std::uint16_t>(bits);
          }
        }
      }
      set_bits(i, best);
    }
  }

  double get(std::int64_t i) const {
    if (type_ == ScalarType::float64) {
      double value = 0;
      std::memcpy(&value, &bytes_[8 * i], 8);
      return value;
    }
    if (type_ == ScalarType::float32) {
      float value = 0;
      std::memcpy(&value, &bytes_[4 * i], 4);
      return value;
    }
    std::uint16_t bits = 0;
    std::memcpy(&bits, &bytes_[2 * i], 2);
    return widened(bits, type_);
  }

  const void* data() const { return bytes_.data(); }
  const std::vector<std::uint8_t>& bytes() const { return bytes_; }
  ScalarType type() const { return type_; }

 private:
  ScalarType type_;
  std::vector<std::uint8_t> bytes_;
};

/// Memory filled with random bits of the type, NaN left out.
inline Memory random_memory(ScalarType type, std::int64_t elements, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  Memory memory(type, elements);
  for (std::int64_t i = 0; i < elements; ++i) {
    if (element_size(type) > 2) {
      memory.set(i, random() % 8 == 0 ? 0.0 : normal(random));
    } else {
      do {
        memory.set_bits(i, static_cast<std::uint16_t>(random()));
      } while (std::isnan(memory.get(i)));
    }
  }
  return memory;
}

inline std::int64_t place(const Activations& view, std::int64_t sample, std::int64_t unit) {
  return (view.sample_offsets != nullptr ? view.sample_offsets[sample] : sample * view.sample_stride) +
         (unit * view.unit_stride);
}

}  // namespace funcsim
