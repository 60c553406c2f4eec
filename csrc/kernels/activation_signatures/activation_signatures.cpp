#include "kernels/activation_signatures/activation_signatures.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "kernels/common/bits.h"

namespace funcsim {

namespace {

// How each element type is compared with a threshold that is a double. Nothing is converted in the loops over samples:
// z > t holds exactly where z > floor(t), the largest element value that is not above t, and that one is found once a
// unit. -infinity is such a value, +infinity never is, since thresholds are finite.

template <typename Float>
struct NativeFloat {
  using Element = Float;
  using Threshold = Float;
  /// Unsigned integer of the element's size, so that a vector of comparisons and one of bits have equally many lanes.
  using Bits = std::conditional_t<sizeof(Float) == 4, std::uint32_t, std::uint64_t>;

  static Threshold floor(double t) {
    using Limits = std::numeric_limits<Float>;
    if (t >= static_cast<double>(Limits::max())) {
      return Limits::max();
    }
    if (t < static_cast<double>(Limits::lowest())) {
      return -Limits::infinity();
    }
    const auto rounded = static_cast<Float>(t);
    return static_cast<double>(rounded) > t ? std::nextafter(rounded, -Limits::infinity()) : rounded;
  }
  static bool exceeds(Element z, Threshold t) { return z > t; }
  static bool any_nan(Element x, Element y) { return std::isunordered(x, y); }
};

/// IEEE 754 binary16 (5 exponent bits) and bfloat16 (8) in 16-bit integers, compared as such: read as sign and
/// magnitude, they have the order of the values. The two zeros are taken care of by floor(), which never returns -0.
template <int exponent_bits>
struct NarrowFloat {
  using Element = std::uint16_t;
  using Threshold = std::int16_t;
  using Bits = std::uint16_t;

  static constexpr int mantissa_bits = 15 - exponent_bits;
  static constexpr Element infinity = ((1U << exponent_bits) - 1) << mantissa_bits;

  /// Increases with the value of z; -1 for -0 and 0 for +0.
  static Threshold rank(Element z) {
    const auto bits = static_cast<std::int16_t>(z);
    return static_cast<Threshold>(bits ^ ((bits >> 15) & 0x7FFF));
  }
  /// The value of a magnitude below infinity.
  static double widen(int magnitude) {
    constexpr int bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = magnitude >> mantissa_bits;
    const int mantissa = magnitude & ((1 << mantissa_bits) - 1);
    const int significand = exponent == 0 ? mantissa : mantissa + (1 << mantissa_bits);
    return std::ldexp(significand, std::max(exponent, 1) - bias - mantissa_bits);
  }
  static Threshold floor(double t) {
    int below = 0;  // the largest magnitude not above |t|, by bisection
    int above = infinity;
    while (above - below > 1) {
      const int middle = (below + above) / 2;
      (widen(middle) <= std::abs(t) ? below : above) = middle;
    }
    if (t >= 0) {
      return static_cast<Threshold>(below);
    }
    const int magnitude = widen(below) == -t ? below : above;
    return static_cast<Threshold>(-1 - magnitude);
  }
  static bool exceeds(Element z, Threshold t) { return rank(z) > t; }
  static bool any_nan(Element x, Element y) {
    const auto a = static_cast<Threshold>(x & 0x7FFF);
    const auto b = static_cast<Threshold>(y & 0x7FFF);
    return std::max(a, b) > static_cast<Threshold>(infinity);
  }
};

// A unit's bits are computed and written one cache line at a time: rows of signatures may be a power of two apart, so
// that the lines of many units would evict each other if they were visited more than once.
constexpr std::int64_t line_samples = 512;
constexpr std::int64_t line_bytes = line_samples / 8;

/// A part of the samples and units, the work of one iteration.
struct Tile {
  std::int64_t first_sample;
  std::int64_t samples;
  std::int64_t first_unit;
  std::int64_t units;
};

constexpr std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return (a + b - 1) / b;
}

template <typename Type>
class Packer {
 public:
  using Element = Type::Element;
  using Threshold = Type::Threshold;
  using Bits = Type::Bits;

  Packer(const Activations& activations, const double* thresholds, std::uint8_t* signatures, std::int64_t row_bytes)
      : view_(activations),
        data_(static_cast<const Element*>(activations.data)),
        thresholds_(static_cast<std::size_t>(activations.units), Type::floor(0.0)),
        signatures_(signatures),
        row_bytes_(row_bytes) {
    if (thresholds != nullptr) {
      std::transform(thresholds, thresholds + activations.units, thresholds_.begin(), Type::floor);
    }
  }

  std::optional<NanPosition> pack(const ParallelFor& parallel_for) {
    if (view_.samples == 0 || view_.units == 0) {
      return std::nullopt;
    }
    const bool along_units = units_are_closest();
    // Along samples, a tile is as long as the first run of neighbours, so that memory is read from front to back.
    const std::int64_t samples = along_units ? line_samples
                                             : std::clamp(find_contiguous_words() / line_samples * line_samples,
                                                          line_samples, 64 * line_samples);
    const std::int64_t units = along_units ? most_units : most_units * line_samples / samples;
    const std::int64_t unit_tiles = ceil_div(view_.units, units);
    std::atomic<bool> found_nan = false;
    parallel_for(0, ceil_div(view_.samples, samples) * unit_tiles, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t t = begin; t < end && !found_nan.load(std::memory_order_relaxed); ++t) {
        const std::int64_t s = t / unit_tiles * samples;
        const std::int64_t u = t % unit_tiles * units;
        const Tile tile{s, std::min(samples, view_.samples - s), u, std::min(units, view_.units - u)};
        if (along_units ? pack_along_units(tile) : pack_along_samples(tile)) {
          found_nan.store(true, std::memory_order_relaxed);
        }
      }
    });
    return found_nan ? first_nan() : std::nullopt;
  }

 private:
  static constexpr std::int64_t most_units = 512;

  /// Whether neighbours in memory are the units of one sample, rather than the samples of one unit.
  bool units_are_closest() const {
    if (view_.sample_offsets != nullptr) {
      return view_.unit_stride == 1;
    }
    const bool tie =
        std::abs(view_.unit_stride) == std::abs(view_.sample_stride);  // of a matrix with one column or row
    return tie ? view_.units >= view_.samples : std::abs(view_.unit_stride) < std::abs(view_.sample_stride);
  }

  const Element* sample(std::int64_t s) const {
    return data_ + (view_.sample_offsets != nullptr ? view_.sample_offsets[s] : s * view_.sample_stride);
  }

  /// Marks the words (64 samples) that are contiguous in memory. Returns how many samples are so from the first on.
  std::int64_t find_contiguous_words() {
    contiguous_.assign(static_cast<std::size_t>(ceil_div(view_.samples, 64)), 1);
    std::int64_t first_run = view_.samples;
    for (std::int64_t s = 1; s < view_.samples; ++s) {
      if (sample(s) != sample(s - 1) + 1) {
        first_run = std::min(first_run, s);
        contiguous_[s / 64] &= s % 64 == 0 ? 1 : 0;
      }
    }
    return first_run;
  }

  /// Sets bit `shift` + k of bits[i] where rows[k][i] is above its threshold, and a bit of `nan` where an element is
  /// NaN. A comparison of several elements at once leaves all bits or none in each lane, so it takes one AND and one OR
  /// to put them where they belong.
  static void compare(const std::array<const Element*, 8>& rows, const Threshold* thresholds, std::int64_t elements,
                      int shift, Bits* bits, Bits& nan) {
    Bits any_nan = 0;
    for (std::int64_t i = 0; i < elements; ++i) {
      const Threshold threshold = thresholds[i];
      Bits word = 0;
      for (std::size_t k = 0; k < rows.size(); k += 2) {
        const Element x = rows[k][i];
        const Element y = rows[k + 1][i];
        word |= Type::exceeds(x, threshold) ? static_cast<Bits>(1U << k) : Bits{0};
        word |= Type::exceeds(y, threshold) ? static_cast<Bits>(2U << k) : Bits{0};
        any_nan |= Type::any_nan(x, y) ? static_cast<Bits>(-1) : Bits{0};
      }
      bits[i] |= static_cast<Bits>(word << shift);
    }
    nan |= any_nan;
  }

  /// Rows are samples. Each unit's word fills up with the bits of consecutive samples: a transpose without one.
  bool pack_along_units(const Tile& tile) const {
    constexpr std::int64_t word_samples = 8 * sizeof(Bits);
    const Threshold* thresholds = thresholds_.data() + tile.first_unit;
    std::array<std::array<std::uint8_t, line_bytes>, most_units> lines{};
    std::array<std::array<Element, most_units>, 8> copies{};
    Bits nan = 0;
    for (std::int64_t first = 0; first < tile.samples; first += word_samples) {
      std::array<Bits, most_units> words{};
      for (std::int64_t s = first; s < std::min(first + word_samples, tile.samples); s += 8) {
        std::array<const Element*, 8> rows{};
        for (std::int64_t k = 0; k < 8; ++k) {
          // Beyond the last sample, the last one once more: its bits are cut off.
          const std::int64_t present = std::min(s + k, tile.samples - 1);
          rows[k] = unit_row(tile, present, copies[k].data());
        }
        compare(rows, thresholds, tile.units, static_cast<int>(s - first), words.data(), nan);
      }
      for (std::int64_t u = 0; u < tile.units; ++u) {
        std::memcpy(lines[u].data() + (first / 8), &words[u], sizeof(Bits));
      }
    }
    for (std::int64_t u = 0; u < tile.units; ++u) {
      if (tile.samples % 8 != 0) {
        lines[u][tile.samples / 8] &= static_cast<std::uint8_t>((1U << (tile.samples % 8)) - 1);
      }
      std::memcpy(bits(tile.first_unit + u, tile.first_sample), lines[u].data(),
                  static_cast<std::size_t>(signature_bytes(tile.samples)));
    }
    return nan != 0;
  }

  /// The tile's units on one of its samples, copied where they are not contiguous.
  const Element* unit_row(const Tile& tile, std::int64_t s, Element* copy) const {
    const Element* row = sample(tile.first_sample + s) + (tile.first_unit * view_.unit_stride);
    if (view_.unit_stride == 1) {
      return row;
    }
    for (std::int64_t u = 0; u < tile.units; ++u) {
      copy[u] = row[u * view_.unit_stride];
    }
    return copy;
  }

  /// Rows are eight samples of one unit, and eight of them make a word: bit k of byte i is sample 8 k + i, and a
  /// transpose puts it right.
  bool pack_along_samples(const Tile& tile) const {
    std::array<Element, 64> copy{};
    Bits nan = 0;
    for (std::int64_t u = tile.first_unit; u < tile.first_unit + tile.units; ++u) {
      std::array<Threshold, 8> thresholds{};
      thresholds.fill(thresholds_[u]);
      for (std::int64_t s = tile.first_sample; s < tile.first_sample + tile.samples; s += 64) {
        const std::int64_t present = std::min<std::int64_t>(tile.first_sample + tile.samples - s, 64);
        const Element* z = sample_run(u, s, present, copy.data());
        std::array<Bits, 8> words{};
        compare({z, z + 8, z + 16, z + 24, z + 32, z + 40, z + 48, z + 56}, thresholds.data(), 8, 0, words.data(), nan);
        std::uint64_t bytes = 0;
        for (std::size_t i = 0; i < 8; ++i) {
          bytes |= std::uint64_t{words[i]} << (8 * i);
        }
        const std::uint64_t word = transpose_bits_8x8(bytes) & (~std::uint64_t{0} >> (64 - present));
        std::memcpy(bits(u, s), &word, static_cast<std::size_t>(signature_bytes(present)));
      }
    }
    return nan != 0;
  }

  /// 64 samples of a unit from s on, copied where they are not contiguous. Beyond those `present`, the last one once
  /// more.
  const Element* sample_run(std::int64_t unit, std::int64_t s, std::int64_t present, Element* copy) const {
    const std::int64_t offset = unit * view_.unit_stride;
    if (present == 64 && contiguous_[s / 64] != 0) {
      return sample(s) + offset;
    }
    for (std::int64_t i = 0; i < 64; ++i) {
      copy[i] = sample(s + std::min(i, present - 1))[offset];
    }
    return copy;
  }

  std::uint8_t* bits(std::int64_t unit, std::int64_t first_sample) const {
    return signatures_ + (unit * row_bytes_) + (first_sample / 8);
  }

  /// The smallest (unit, sample) that is NaN. Looks at everything once more, sample by sample, at units that could
  /// still be smaller.
  std::optional<NanPosition> first_nan() const {
    std::optional<NanPosition> found;
    std::int64_t units = view_.units;
    for (std::int64_t s = 0; s < view_.samples && units > 0; ++s) {
      const Element* z = sample(s);
      for (std::int64_t u = 0; u < units; ++u) {
        if (Type::any_nan(z[u * view_.unit_stride], z[u * view_.unit_stride])) {
          found = NanPosition{s, u};
          units = u;
        }
      }
    }
    return found;
  }

  const Activations& view_;
  const Element* data_;
  std::vector<Threshold> thresholds_;
  std::uint8_t* signatures_;
  std::int64_t row_bytes_;
  std::vector<std::uint8_t> contiguous_;  ///< [words] whether its 64 samples lie one after the other in memory
};

/// Whether any of the bits [begin, end) of a row is set.
bool any_bit(const std::uint8_t* row, std::int64_t begin, std::int64_t end) {
  while (begin < end) {
    const std::int64_t shift = begin % 8;
    const std::int64_t count = std::min<std::int64_t>(64 - shift, end - begin);
    const std::uint64_t word = load_word(row + (begin / 8), signature_bytes(shift + count)) >> shift;
    if ((word << (64 - count)) != 0) {
      return true;
    }
    begin += count;
  }
  return false;
}

}  // namespace

std::optional<NanPosition> activation_signatures(const Activations& activations, const double* thresholds,
                                                 std::uint8_t* signatures, std::int64_t row_bytes,
                                                 const ParallelFor& parallel_for) {
  switch (activations.type) {
    case ScalarType::float32:
      return Packer<NativeFloat<float>>(activations, thresholds, signatures, row_bytes).pack(parallel_for);
    case ScalarType::float64:
      return Packer<NativeFloat<double>>(activations, thresholds, signatures, row_bytes).pack(parallel_for);
    case ScalarType::float16:
      return Packer<NarrowFloat<5>>(activations, thresholds, signatures, row_bytes).pack(parallel_for);
    case ScalarType::bfloat16:
      return Packer<NarrowFloat<8>>(activations, thresholds, signatures, row_bytes).pack(parallel_for);
  }
  return std::nullopt;
}

void any_of_groups(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes, std::int64_t groups,
                   std::int64_t group_size, std::uint8_t* out, std::int64_t out_row_bytes,
                   const ParallelFor& parallel_for) {
  const std::int64_t grain = 1 + ((1 << 14) / (1 + groups));
  parallel_for(0, units, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t u = begin; u < end; ++u) {
      const std::uint8_t* row = signatures + (u * row_bytes);
      std::uint8_t* any = out + (u * out_row_bytes);
      for (std::int64_t first = 0; first < groups; first += 8) {
        unsigned byte = 0;
        for (std::int64_t g = first; g < std::min(first + 8, groups); ++g) {
          byte |= (any_bit(row, g * group_size, (g + 1) * group_size) ? 1U : 0U) << (g - first);
        }
        any[first / 8] = static_cast<std::uint8_t>(byte);
      }
    }
  });
}

}  // namespace funcsim
