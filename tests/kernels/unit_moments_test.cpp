#include "kernels/unit_moments/unit_moments.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "packed_bits.h"

namespace funcsim {
namespace {

struct Moments {
  std::vector<double> means;
  std::vector<double> deviations;

  bool operator==(const Moments&) const = default;
};

struct Sizes {
  std::int64_t outer;
  std::int64_t units;
  std::int64_t inner;
};

template <typename Float>
Moments of(const std::vector<Float>& values, const Sizes& sizes, const ParallelFor& parallel_for = serial_for) {
  Moments moments{std::vector<double>(sizes.units, -7.0), std::vector<double>(sizes.units, -7.0)};
  unit_moments(UnitValues<Float>{values.data(), sizes.outer, sizes.units, sizes.inner}, 0, moments.means.data(),
               moments.deviations.data(), parallel_for);
  return moments;
}

/// In two passes and wider numbers, after the definition.
template <typename Float>
Moments by_definition(const std::vector<Float>& values, const Sizes& sizes) {
  Moments moments;
  for (std::int64_t u = 0; u < sizes.units; ++u) {
    const auto sum_over_values = [&](const auto& term) {
      long double sum = 0;
      for (std::int64_t o = 0; o < sizes.outer; ++o) {
        for (std::int64_t i = 0; i < sizes.inner; ++i) {
          sum += term(static_cast<long double>(values[(((o * sizes.units) + u) * sizes.inner) + i]));
        }
      }
      return sum;
    };
    const long double mean = sum_over_values([](long double x) { return x; }) / (sizes.outer * sizes.inner);
    moments.means.push_back(static_cast<double>(mean));
    moments.deviations.push_back(
        static_cast<double>(sum_over_values([&](long double x) { return (x - mean) * (x - mean); })));
  }
  return moments;
}

/// Normal, each unit with a mean of its own.
template <typename Float>
std::vector<Float> random_values(const Sizes& sizes, double offset, unsigned seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::vector<Float> values;
  for (std::int64_t v = 0; v < sizes.outer * sizes.units * sizes.inner; ++v) {
    const std::int64_t unit = v / sizes.inner % sizes.units;
    values.push_back(static_cast<Float>((offset * static_cast<double>(unit + 1)) + normal(random)));
  }
  return values;
}

void expect_close(const Moments& got, const Moments& expected, double tolerance) {
  ASSERT_EQ(got.means.size(), expected.means.size());
  for (std::size_t u = 0; u < expected.means.size(); ++u) {
    const double deviation = std::sqrt(expected.deviations[u]);
    EXPECT_NEAR(got.means[u], expected.means[u], tolerance * (deviation + std::fabs(expected.means[u]))) << u;
    EXPECT_NEAR(got.deviations[u], expected.deviations[u], tolerance * expected.deviations[u]) << u;
  }
}

const std::vector<Sizes> all_sizes = {{1, 1, 1},    {1, 3, 1},     {255, 5, 1}, {256, 300, 1},
                                      {1030, 7, 1}, {777, 257, 1}, {5, 3, 49},  {2, 40, 255},
                                      {3, 33, 256}, {2, 2, 1000},  {300, 3, 2}, {64, 5, 7}};

template <typename Float>
void expect_definition(double offset, double tolerance) {
  for (const Sizes& sizes : all_sizes) {
    const std::vector<Float> values = random_values<Float>(sizes, offset, static_cast<unsigned>(sizes.outer));
    const Moments got = of(values, sizes);
    expect_close(got, by_definition(values, sizes), tolerance);
    for (const ParallelFor& parallel_for : splits()) {
      EXPECT_EQ(of(values, sizes, parallel_for), got);
    }
  }
}

TEST(UnitMoments, EqualTheDefinition) {
  expect_definition<float>(0.5, 1e-13);
  expect_definition<double>(0.5, 1e-13);
}

TEST(UnitMoments, AMeanFarFromZeroCostsFewDigits) {
  // Means up to 3e7 deviations away: without a shift, squares would leave no digit of the deviations. Means of blocks
  // have 16 digits and are subtracted from each other.
  expect_definition<float>(1e5, 1e-9);
  expect_definition<double>(1e5, 1e-9);
}

TEST(UnitMoments, AnOutlierInTheFirstPlaceCostsLittle) {
  const Sizes sizes{5000, 2, 1};
  std::vector<double> values = random_values<double>(sizes, 0.0, 1);
  values[0] = 1e6;
  const Moments expected = by_definition(values, sizes);
  expect_close(of(values, sizes), expected, 1e-12);
}

TEST(UnitMoments, ConstantsHaveNoDeviation) {
  for (const Sizes& sizes : all_sizes) {
    const std::vector<float> values(sizes.outer * sizes.units * sizes.inner, 0.1F);
    const Moments got = of(values, sizes);
    EXPECT_EQ(got.deviations, std::vector<double>(sizes.units, 0.0));
    EXPECT_EQ(got.means, std::vector<double>(sizes.units, static_cast<double>(0.1F)));
  }
}

TEST(UnitMoments, BatchesMerge) {
  const Sizes sizes{1000, 5, 3};
  const std::vector<float> values = random_values<float>(sizes, 2.0, 3);
  for (const std::int64_t cut : {1, 256, 999}) {
    Moments merged{std::vector<double>(sizes.units), std::vector<double>(sizes.units)};
    const UnitValues<float> first{values.data(), cut, sizes.units, sizes.inner};
    const UnitValues<float> rest{values.data() + (cut * sizes.units * sizes.inner), sizes.outer - cut, sizes.units,
                                 sizes.inner};
    unit_moments(first, 0, merged.means.data(), merged.deviations.data(), serial_for);
    unit_moments(rest, first.count(), merged.means.data(), merged.deviations.data(), serial_for);
    expect_close(merged, by_definition(values, sizes), 1e-13);
  }
}

TEST(UnitMoments, NothingToAddChangesNothing) {
  Moments moments{{1.0, 2.0}, {3.0, 4.0}};
  const Moments before = moments;
  unit_moments(UnitValues<float>{nullptr, 0, 2, 5}, 7, moments.means.data(), moments.deviations.data(), serial_for);
  EXPECT_EQ(moments, before);
}

TEST(UnitMoments, WhatIsNotFiniteShows) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {infinity, -infinity, std::numeric_limits<double>::quiet_NaN()}) {
    for (const Sizes& sizes : {Sizes{700, 3, 1}, Sizes{2, 3, 700}}) {
      std::vector<double> values = random_values<double>(sizes, 0.0, 4);
      values[sizes.inner == 1 ? (600 * 3) + 1 : 700 + 600] = bad;  // unit 1
      const Moments got = of(values, sizes);
      EXPECT_FALSE(std::isfinite(got.deviations[1]));
      EXPECT_TRUE(std::isfinite(got.deviations[0]) && std::isfinite(got.deviations[2]));
    }
  }
}

}  // namespace
}  // namespace funcsim
