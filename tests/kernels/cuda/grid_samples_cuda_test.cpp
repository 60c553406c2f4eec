#include <cmath>
#include <limits>

#include "../packed_bits.h"
#include "device_under_test.h"
#include "kernels/activation_signatures/activation_signatures.h"
#include "kernels/common/hash.h"

namespace funcsim {
namespace {

using GridSamplesCuda = DeviceTest;

std::vector<std::int64_t> offsets_on_device(const PlaceOffsets& places) {
  const DeviceArray<std::int64_t> offsets(places.inputs * places.samples_per_input, 8);
  device_kernels().sample_offsets(places, offsets.data(), device_queue());
  return offsets.download();
}

/// A grid, points an input, and how many boxes docs/hash.md puts along each dimension.
struct Case {
  std::vector<std::int64_t> grid;
  std::int64_t points;
  std::vector<std::int64_t> boxes;
};

/// docs/hash.md, one coordinate after the other.
std::int64_t expected_offset(const PlaceOffsets& places, const std::vector<std::int64_t>& boxes, std::int64_t s) {
  const std::int64_t input = s / places.samples_per_input;
  const std::int64_t point = s % places.samples_per_input;
  std::int64_t place = point;
  std::int64_t all = 1;
  if (!places.all_places) {
    place = 0;
  }
  for (std::size_t k = 0; k < places.grid.size(); ++k) {
    all *= places.grid[k];
    if (!places.all_places) {
      const auto global = static_cast<std::uint64_t>(places.first_input + input);
      const std::uint64_t set = HashStream(places.seed, HashPurpose::shuffle)(global) >> 62;
      const std::uint64_t index = ((set * places.samples_per_input) + point) * 8 + k;
      const std::uint64_t u = HashStream(places.seed, HashPurpose::position)(index) >> 32;
      std::int64_t boxes_behind = 1;
      for (std::size_t behind = k + 1; behind < boxes.size(); ++behind) {
        boxes_behind *= boxes[behind];
      }
      const long double box = static_cast<long double>(point / boxes_behind % boxes[k]);
      // 64 bits of mantissa hold box + u / 2^32 times the size; the quotient's rounding stays below the next whole
      // number, from which it is at least 1 / (boxes 2^32) away.
      const long double numerator = (box + (static_cast<long double>(u) / 4294967296.0L)) * places.grid[k];
      place = (place * places.grid[k]) + static_cast<std::int64_t>(std::floor(numerator / boxes[k]));
    }
  }
  return places.units_last ? ((input * all) + place) * places.units : (input * all * places.units) + place;
}

TEST_F(GridSamplesCuda, FindsThePlacesOfPointsAndAllPlaces) {
  for (const auto& [grid, points, boxes] :
       std::vector<Case>{{{}, 5, {}},
                         {{1}, 5, {5}},
                         {{9}, 6, {6}},
                         {{28, 14}, 16, {4, 4}},
                         {{28, 14}, 15, {5, 3}},
                         {{3, 1, 5}, 16, {4, 2, 2}},
                         {{1 << 20}, 4099, {4099}},
                         {{std::int64_t{1} << 31}, 3, {3}},
                         {{std::int64_t{1} << 16, std::int64_t{1} << 16}, 12, {3, 4}}}) {
    std::int64_t places = 1;
    for (const std::int64_t size : grid) {
      places *= size;
    }
    for (const bool units_last : {true, false}) {
      for (const std::int64_t seed : {std::int64_t{0}, std::int64_t{-3}, std::numeric_limits<std::int64_t>::max()}) {
        for (const std::int64_t first_input : {std::int64_t{0}, std::int64_t{1} << 40}) {
          for (const bool all_places : {true, false}) {
            if (all_places && places > 1000) {
              continue;
            }
            const PlaceOffsets offsets{first_input, 13,        all_places ? places : points, all_places, grid, seed,
                                       7,           units_last};
            const std::vector<std::int64_t> found = offsets_on_device(offsets);
            for (std::int64_t s = 0; s < static_cast<std::int64_t>(found.size()); ++s) {
              ASSERT_EQ(found[s], expected_offset(offsets, boxes, s)) << s;
            }
          }
        }
      }
    }
  }
}

TEST_F(GridSamplesCuda, HasTheDocumentedPoints) {
  // docs/hash.md
  EXPECT_EQ(offsets_on_device({0, 1, 16, false, {28, 28}, 0, 1, false})[0], 28 + 4);
  EXPECT_EQ(offsets_on_device({0, 1, 16, false, {7, 7}, 0, 1, false})[0], 1);
  EXPECT_EQ(offsets_on_device({5, 1, 16, false, {28, 14}, 0, 1, false})[3], (6 * 14) + 11);
  EXPECT_EQ(offsets_on_device({5, 1, 16, false, {28, 14}, 0, 1, false})[14], (27 * 14) + 8);
  EXPECT_EQ(offsets_on_device({0, 1, 12, false, {9, 9}, 2, 1, false})[11], (6 * 9) + 7);
  EXPECT_EQ(offsets_on_device({1'000'000'000, 1, 4, false, {100}, -3, 1, false})[2], 74);
  EXPECT_EQ(offsets_on_device({77, 1, 1, false, {5, 6, 7}, 9, 1, false})[0], (((3 * 6) + 0) * 7) + 2);
}

TEST_F(GridSamplesCuda, FindsNothingWhereThereAreNoInputs) {
  EXPECT_TRUE(offsets_on_device({0, 0, 4, false, {5}, 0, 3, true}).empty());
}

TEST_F(GridSamplesCuda, AnyOfGroupsIsSetWhereAnyBitOfAGroupIs) {
  for (const std::int64_t group_size : {1, 2, 3, 7, 8, 9, 49, 64, 65, 200, 700}) {
    for (const std::int64_t groups : {0, 1, 7, 8, 9, 30, 33, 70}) {
      const std::int64_t samples = groups * group_size;
      const double sparse = 0.5 / static_cast<double>(group_size);
      const BoolRows rows = random_rows({0.0, sparse, sparse, 0.3, 1.0}, samples, static_cast<unsigned>(samples));
      // What is beyond the last sample, here all ones, is not looked at.
      PackedRows packed = pack(rows, samples, 2, 0xFF);
      for (std::size_t u = 0; samples % 8 != 0 && u < rows.size(); ++u) {
        packed.bytes[(u * packed.row_bytes) + (samples / 8)] |= static_cast<std::uint8_t>(0xFFU << (samples % 8));
      }
      const std::int64_t out_row_bytes = ((groups + 7) / 8) + 1;
      const auto units = static_cast<std::int64_t>(rows.size());
      std::vector<std::uint8_t> expected((units * out_row_bytes) - 1, 0xA5);
      any_of_groups(packed.bytes.data(), units, packed.row_bytes, groups, group_size, expected.data(), out_row_bytes,
                    serial_for);
      for (const std::int64_t offset : {0, 3}) {
        const DeviceArray<std::uint8_t> signatures(packed.bytes, offset);
        const DeviceArray<std::uint8_t> out(std::vector<std::uint8_t>(expected.size(), 0xA5), offset);
        device_kernels().any_of_groups(signatures.data(), units, packed.row_bytes, groups, group_size, out.data(),
                                       out_row_bytes, device_queue());
        EXPECT_EQ(out.download(), expected) << groups << " groups of " << group_size;
      }
    }
  }
}

TEST_F(GridSamplesCuda, AnyOfGroupsFindsASingleBitWhereverItIs) {
  constexpr std::int64_t group_size = 203;
  constexpr std::int64_t groups = 3;
  constexpr std::int64_t row_bytes = ((groups * group_size) + 7) / 8;
  constexpr std::int64_t units = groups * group_size;
  std::vector<std::uint8_t> rows(units * row_bytes);
  std::vector<std::uint8_t> expected;
  for (std::int64_t bit = 0; bit < units; ++bit) {
    rows[(bit * row_bytes) + (bit / 8)] = static_cast<std::uint8_t>(1U << (bit % 8));
    expected.push_back(static_cast<std::uint8_t>(1U << (bit / group_size)));
  }
  const DeviceArray<std::uint8_t> signatures(rows);
  const DeviceArray<std::uint8_t> out(units);
  device_kernels().any_of_groups(signatures.data(), units, row_bytes, groups, group_size, out.data(), 1,
                                 device_queue());
  EXPECT_EQ(out.download(), expected);
}

}  // namespace
}  // namespace funcsim
