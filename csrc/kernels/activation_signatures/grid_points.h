#pragma once

#include <array>
#include <cstdint>

#include "kernels/common/hash.h"

namespace funcsim {

// Where points of positions lie, on the host and on a device. docs/hash.md gives the definition and test vectors: never
// change what it returns.

/// Most dimensions of a grid, and room for a point's coordinates in the index of a hash.
inline constexpr std::int64_t coordinate_stride = 8;

/// Most places along a dimension of a grid: products with the 32 bits of a hash stay in 64.
inline constexpr std::int64_t most_places = std::int64_t{1} << 31;

/// Most points an input: more than any grid is worth.
inline constexpr std::int64_t most_points = std::int64_t{1} << 24;

/// Sets of points that inputs share: those of one set trade places for chance levels and p-values (shuffle_samples.h),
/// which then differ in the inputs only and not in the places as well.
class PointSets {
 public:
  /// @param seed of the points and of the shuffle
  constexpr explicit PointSets(std::int64_t seed) : inputs_(seed, HashPurpose::shuffle) {}

  /// The set of an input with a global index: its first bits in the order of the shuffle.
  constexpr std::uint64_t operator()(std::uint64_t input) const { return inputs_(input) >> (64 - bits); }

  static constexpr int bits = 2;

 private:
  HashStream inputs_;
};

/// The points of an input in a grid. The unit cube is cut into as many equal boxes as there are points, and each point
/// lies in a box of its own: point p of every set in box p. So a grid of as many places is read whole, points of an
/// input seldom coincide, and how far apart two of them are depends little on the set.
struct GridPoints {
  std::array<std::int64_t, coordinate_stride> grid{};   ///< sizes, row-major, from 1 to most_places
  std::array<std::int64_t, coordinate_stride> boxes{};  ///< along each dimension, row-major; their product is `points`
  std::int64_t dimensions;
  std::int64_t points;  ///< an input, from 1 to most_points

  /// @param sizes `count` of them, at most coordinate_stride; with none, points have no coordinates
  constexpr GridPoints(const std::int64_t* sizes, std::int64_t count, std::int64_t points_per_input)
      : dimensions(count), points(points_per_input) {
    for (std::int64_t k = 0; k < count; ++k) {
      grid[k] = sizes[k];
      boxes[k] = 1;
    }
    std::array<std::int64_t, most_primes> primes{};
    std::int64_t found = 0;
    std::int64_t rest = count == 0 ? 1 : points;
    for (std::int64_t factor = 2; rest > 1; ++factor) {
      // What is left has no smaller factor: past its root, it is a prime number itself.
      factor = factor * factor > rest ? rest : factor;
      for (; rest % factor == 0; rest /= factor) {
        primes[found++] = factor;
      }
    }
    while (found > 0) {
      boxes[fewest_boxes()] *= primes[--found];
    }
  }

  /// The row-major place in the grid of a point.
  ///
  /// @param hash of HashPurpose::position
  /// @param set  the input's, of PointSets
  constexpr std::int64_t place(const HashStream& hash, std::uint64_t set, std::int64_t point) const {
    const std::uint64_t first = ((set * static_cast<std::uint64_t>(points)) + static_cast<std::uint64_t>(point)) *
                                static_cast<std::uint64_t>(coordinate_stride);
    std::int64_t place = 0;
    std::int64_t stride = 1;
    std::int64_t boxes_left = point;
    for (std::int64_t k = dimensions - 1; k >= 0; --k) {
      const std::uint64_t u = hash(first + static_cast<std::uint64_t>(k)) >> 32U;
      place += stride * coordinate(boxes_left % boxes[k], boxes[k], u, grid[k]);
      stride *= grid[k];
      boxes_left /= boxes[k];
    }
    return place;
  }

 private:
  /// floor((box + u / 2^32) / boxes * size), whose numerator would take more than 64 bits.
  static constexpr std::int64_t coordinate(std::int64_t box, std::int64_t boxes, std::uint64_t u, std::int64_t size) {
    const auto all = static_cast<std::uint64_t>(boxes);
    const std::uint64_t begin = static_cast<std::uint64_t>(box) * static_cast<std::uint64_t>(size);
    const std::uint64_t within = ((begin % all) << 32U) + (u * static_cast<std::uint64_t>(size));
    const std::uint32_t whole = static_cast<std::uint32_t>(within >> 32U) / static_cast<std::uint32_t>(all);
    return static_cast<std::int64_t>((begin / all) + whole);
  }

  constexpr std::int64_t fewest_boxes() const {
    std::int64_t fewest = 0;
    for (std::int64_t k = 1; k < dimensions; ++k) {
      fewest = boxes[k] < boxes[fewest] ? k : fewest;
    }
    return fewest;
  }

  static constexpr std::int64_t most_primes = 24;  ///< of most_points, a power of 2
};

}  // namespace funcsim
