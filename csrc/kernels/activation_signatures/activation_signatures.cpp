#include "kernels/activation_signatures/activation_signatures.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "kernels/activation_signatures/activation_loops.h"
#include "kernels/activation_signatures/element_types.h"
#include "kernels/activation_signatures/thresholds.h"
#include "kernels/common/bits.h"
#include "kernels/common/ceil_div.h"
#include "kernels/common/simd_level.h"

namespace funcsim {

namespace {

float floor_threshold(Float32 /*type*/, double t) {
  return floor_to_float(t);
}

double floor_threshold(Float64 /*type*/, double t) {
  return t;
}

/// The value of a magnitude below infinity.
template <int exponent_bits>
double widen(NarrowFloat<exponent_bits> /*type*/, int magnitude) {
  constexpr int mantissa_bits = NarrowFloat<exponent_bits>::mantissa_bits;
  constexpr int bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = magnitude >> mantissa_bits;
  const int mantissa = magnitude & ((1 << mantissa_bits) - 1);
  const int significand = exponent == 0 ? mantissa : mantissa + (1 << mantissa_bits);
  return std::ldexp(significand, std::max(exponent, 1) - bias - mantissa_bits);
}

/// As an integer that increases with the value; never -1, which is -0.
template <int exponent_bits>
std::int16_t floor_threshold(NarrowFloat<exponent_bits> type, double t) {
  int below = 0;  // the largest magnitude not above |t|, by bisection
  int above = NarrowFloat<exponent_bits>::infinity;
  while (above - below > 1) {
    const int middle = (below + above) / 2;
    (widen(type, middle) <= std::abs(t) ? below : above) = middle;
  }
  if (t >= 0) {
    return static_cast<std::int16_t>(below);
  }
  const int magnitude = widen(type, below) == -t ? below : above;
  return static_cast<std::int16_t>(-1 - magnitude);
}

template <typename Float, typename Unsigned>
bool is_nan(NativeFloat<Float, Unsigned> /*type*/, Float z) {
  return std::isnan(z);
}

template <int exponent_bits>
bool is_nan(NarrowFloat<exponent_bits> /*type*/, std::uint16_t z) {
  return (z & 0x7FFF) > NarrowFloat<exponent_bits>::infinity;
}

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

template <typename Type>
class Packer {
 public:
  using Element = Type::Element;
  using Threshold = Type::Threshold;
  using Bits = Type::Bits;

  Packer(const Activations& activations, const double* thresholds, std::uint8_t* signatures, std::int64_t row_bytes,
         const PackLoops& loops)
      : loops_(loops),
        view_(activations),
        data_(static_cast<const Element*>(activations.data)),
        thresholds_(static_cast<std::size_t>(activations.units), floor_threshold(Type{}, 0.0)),
        signatures_(signatures),
        row_bytes_(row_bytes) {
    if (thresholds != nullptr) {
      std::transform(thresholds, thresholds + activations.units, thresholds_.begin(),
                     [](double t) { return floor_threshold(Type{}, t); });
    }
  }

  std::optional<NanPosition> pack(const ParallelFor& parallel_for) {
    if (view_.samples == 0 || view_.units == 0) {
      return std::nullopt;
    }
    const bool along_units = units_are_closest();
    // A tile is as long as the first run of neighbours, so that memory is read from front to back: all units of a
    // sample up to most_units, or as many samples of a unit.
    const std::int64_t samples = along_units ? line_samples
                                             : std::clamp(find_contiguous_words() / line_samples * line_samples,
                                                          line_samples, 64 * line_samples);
    const std::int64_t width = ceil_div(view_.samples, samples) >= enough_tiles ? most_units : fewer_units;
    const std::int64_t units = along_units ? std::min(width, view_.units) : 512 * line_samples / samples;
    const std::int64_t unit_tiles = ceil_div(view_.units, units);
    std::atomic<bool> found_nan = false;
    parallel_for(0, ceil_div(view_.samples, samples) * unit_tiles, 1, [&](std::int64_t begin, std::int64_t end) {
      Scratch scratch(along_units ? units : 0, view_.unit_stride == 1);
      for (std::int64_t t = begin; t < end && !found_nan.load(std::memory_order_relaxed); ++t) {
        const std::int64_t s = t / unit_tiles * samples;
        const std::int64_t u = t % unit_tiles * units;
        const Tile tile{s, std::min(samples, view_.samples - s), u, std::min(units, view_.units - u)};
        if (along_units ? pack_along_units(tile, scratch) : pack_along_samples(tile)) {
          found_nan.store(true, std::memory_order_relaxed);
        }
      }
    });
    return found_nan ? first_nan() : std::nullopt;
  }

 private:
  /// Units of a tile whose rows are samples: wide enough to read pages from front to back, or narrower where there
  /// would
  /// be too few tiles to share.
  static constexpr std::int64_t most_units = 2048;
  static constexpr std::int64_t fewer_units = 512;
  static constexpr std::int64_t enough_tiles = 8;

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
    const bool strided = view_.sample_offsets == nullptr && view_.sample_stride != 1;
    contiguous_.assign(static_cast<std::size_t>(ceil_div(view_.samples, 64)), strided ? 0 : 1);
    if (view_.sample_offsets == nullptr) {
      return strided ? 1 : view_.samples;
    }
    std::int64_t first_run = view_.samples;
    for (std::int64_t s = 1; s < view_.samples; ++s) {
      if (sample(s) != sample(s - 1) + 1) {
        first_run = std::min(first_run, s);
        contiguous_[s / 64] &= s % 64 == 0 ? 1 : 0;
      }
    }
    return first_run;
  }

  /// What pack_along_units() writes before it goes to the signatures.
  struct Scratch {
    Scratch(std::int64_t units_at_once, bool contiguous)
        : units(units_at_once),
          parts(static_cast<std::size_t>(8 / sizeof(Bits) * units)),
          lines(static_cast<std::size_t>(units)),
          copies(contiguous ? 0 : static_cast<std::size_t>(rows_together * units)) {}

    std::int64_t units;
    std::vector<Bits> parts;  ///< [parts of a word, units]
    std::vector<std::array<std::uint8_t, line_bytes>> lines;
    std::vector<Element> copies;  ///< [rows_together, units], where units are not contiguous
  };

  /// Rows are samples. Each unit's word fills up with the bits of consecutive samples: a transpose without one.
  bool pack_along_units(const Tile& tile, Scratch& scratch) const {
    constexpr std::int64_t part_samples = 8 * sizeof(Bits);
    const Threshold* thresholds = thresholds_.data() + tile.first_unit;
    const bool contiguous = view_.unit_stride == 1;
    Bits nan = 0;
    for (std::int64_t first = 0; first < tile.samples; first += 64) {
      std::fill(scratch.parts.begin(), scratch.parts.end(), Bits{0});
      for (std::int64_t s = first; s < std::min(first + 64, tile.samples); s += rows_together) {
        std::array<const void*, rows_together> rows{};
        std::array<const void*, rows_together> next{};
        for (std::int64_t k = 0; k < rows_together; ++k) {
          // Beyond the last sample, the last one once more: its bits are cut off.
          const std::int64_t present = std::min(s + k, tile.samples - 1);
          rows[k] = contiguous ? unit_row(tile, present) : copy_units(tile, present, k, scratch);
          next[k] = unit_row(tile, std::min(s + k + rows_together, view_.samples - 1 - tile.first_sample));
        }
        Bits* part = scratch.parts.data() + ((s - first) / part_samples * scratch.units);
        loops_.compare_units(rows.data(), contiguous ? next.data() : nullptr, thresholds, tile.units,
                             static_cast<int>((s - first) % part_samples), part, &nan);
      }
      // One store a unit and word: the lines of all units are more than the first cache holds.
      for (std::int64_t u = 0; u < tile.units; ++u) {
        std::uint64_t word = 0;
        for (std::int64_t p = 0; p < 64 / part_samples; ++p) {
          word |= std::uint64_t{scratch.parts[(p * scratch.units) + u]} << (p * part_samples);
        }
        std::memcpy(scratch.lines[u].data() + (first / 8), &word, sizeof(word));
      }
    }
    for (std::int64_t u = 0; u < tile.units; ++u) {
      std::uint8_t* line = scratch.lines[u].data();
      if (tile.samples % 8 != 0) {
        line[tile.samples / 8] &= static_cast<std::uint8_t>((1U << (tile.samples % 8)) - 1);
      }
      std::memcpy(bits(tile.first_unit + u, tile.first_sample), line,
                  static_cast<std::size_t>(signature_bytes(tile.samples)));
    }
    return nan != 0;
  }

  /// The tile's units on one of its samples.
  const Element* unit_row(const Tile& tile, std::int64_t s) const {
    return sample(tile.first_sample + s) + (tile.first_unit * view_.unit_stride);
  }
  const Element* copy_units(const Tile& tile, std::int64_t s, std::int64_t place, Scratch& scratch) const {
    const Element* row = unit_row(tile, s);
    Element* copy = scratch.copies.data() + (place * scratch.units);
    loops_.copy_strided(row, view_.unit_stride, tile.units, copy);
    return copy;
  }

  /// Rows are samples of one unit, 64 of which make a word.
  bool pack_along_samples(const Tile& tile) const {
    std::array<Element, 64> copy{};
    bool nan = false;
    const std::int64_t end = tile.first_sample + tile.samples;
    for (std::int64_t u = tile.first_unit; u < tile.first_unit + tile.units; ++u) {
      for (std::int64_t s = tile.first_sample; s < end;) {
        const std::int64_t words = contiguous_words(s, end);
        if (words > 0) {
          nan = loops_.pack_samples(sample(s) + (u * view_.unit_stride), words, &thresholds_[u], bits(u, s)) || nan;
          s += 64 * words;
          continue;
        }
        const std::int64_t present = std::min<std::int64_t>(end - s, 64);
        copy_samples(u, s, present, copy.data());
        std::uint64_t word = 0;
        std::array<std::uint8_t, sizeof(word)> bytes{};
        nan = loops_.pack_samples(copy.data(), 1, &thresholds_[u], bytes.data()) || nan;
        word = load_word(bytes.data()) & (~std::uint64_t{0} >> (64 - present));
        std::memcpy(bits(u, s), &word, static_cast<std::size_t>(signature_bytes(present)));
        s += present;
      }
    }
    return nan;
  }

  /// How many whole words of samples from s on lie one after the other in memory.
  std::int64_t contiguous_words(std::int64_t s, std::int64_t end) const {
    std::int64_t words = 0;
    while (s + (64 * (words + 1)) <= end && contiguous_[(s / 64) + words] != 0 &&
           sample(s + (64 * words)) == sample(s) + (64 * words)) {
      ++words;
    }
    return words;
  }

  /// 64 samples of a unit from s on; beyond those `present`, the last one once more.
  void copy_samples(std::int64_t unit, std::int64_t s, std::int64_t present, Element* copy) const {
    const std::int64_t offset = unit * view_.unit_stride;
    for (std::int64_t i = 0; i < 64; ++i) {
      copy[i] = sample(s + std::min(i, present - 1))[offset];
    }
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
        if (is_nan(Type{}, z[u * view_.unit_stride])) {
          found = NanPosition{s, u};
          units = u;
        }
      }
    }
    return found;
  }

  const PackLoops& loops_;
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
  const auto& loops = chosen_loops<ActivationLoopsByLevel>();
  switch (activations.type) {
    case ScalarType::float32:
      return Packer<Float32>(activations, thresholds, signatures, row_bytes, loops.float32).pack(parallel_for);
    case ScalarType::float64:
      return Packer<Float64>(activations, thresholds, signatures, row_bytes, loops.float64).pack(parallel_for);
    case ScalarType::float16:
      return Packer<Float16>(activations, thresholds, signatures, row_bytes, loops.float16).pack(parallel_for);
    case ScalarType::bfloat16:
      return Packer<BFloat16>(activations, thresholds, signatures, row_bytes, loops.bfloat16).pack(parallel_for);
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
