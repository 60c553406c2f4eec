#include "kernels/signature_cka/signature_cka.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "kernels/common/error.h"
#include "packed_bits.h"

namespace funcsim {
namespace {

using Matrix = std::vector<std::vector<long double>>;

/// Samples by samples: on how many units two samples agree to fire.
Matrix gram(const BoolRows& rows, std::int64_t samples) {
  Matrix k(samples, std::vector<long double>(samples));
  for (const std::vector<bool>& row : rows) {
    for (std::int64_t s = 0; s < samples; ++s) {
      for (std::int64_t t = 0; t < samples; ++t) {
        k[s][t] += row[s] && row[t] ? 1 : 0;
      }
    }
  }
  return k;
}

/// tr(K H L H), H = I - 11'/n.
long double biased_hsic(const Matrix& k, const Matrix& l) {
  const auto n = static_cast<long double>(k.size());
  const auto centred = [&](Matrix m) {
    std::vector<long double> means;
    long double mean = 0;
    for (const std::vector<long double>& row : m) {
      long double sum = 0;
      for (const long double value : row) {
        sum += value;
      }
      means.push_back(sum / n);
      mean += sum / (n * n);
    }
    for (std::size_t s = 0; s < m.size(); ++s) {
      for (std::size_t t = 0; t < m.size(); ++t) {
        m[s][t] += mean - means[s] - means[t];
      }
    }
    return m;
  };
  const Matrix x = centred(k);
  const Matrix y = centred(l);
  long double trace = 0;
  for (std::size_t s = 0; s < x.size(); ++s) {
    for (std::size_t t = 0; t < x.size(); ++t) {
      trace += x[s][t] * y[s][t];
    }
  }
  return trace;
}

/// Equation 5 of Song et al. 2012, literally.
long double unbiased_hsic(Matrix k, Matrix l) {
  const auto n = static_cast<long double>(k.size());
  for (std::size_t s = 0; s < k.size(); ++s) {
    k[s][s] = 0;
    l[s][s] = 0;
  }
  long double trace = 0;
  long double sum_k = 0;
  long double sum_l = 0;
  long double product = 0;
  for (std::size_t s = 0; s < k.size(); ++s) {
    long double row_k = 0;
    long double row_l = 0;
    for (std::size_t t = 0; t < k.size(); ++t) {
      trace += k[s][t] * l[t][s];
      row_k += k[s][t];
      row_l += l[s][t];
    }
    sum_k += row_k;
    sum_l += row_l;
    product += row_k * row_l;
  }
  return (trace + (sum_k * sum_l / ((n - 1) * (n - 2))) - (2 / (n - 2) * product)) / (n * (n - 3));
}

double naive(const BoolRows& a, const BoolRows& b, std::int64_t samples, HsicEstimator estimator) {
  const Matrix k = gram(a, samples);
  const Matrix l = gram(b, samples);
  const auto hsic = estimator == HsicEstimator::biased ? biased_hsic : [](const Matrix& x, const Matrix& y) {
    return unbiased_hsic(x, y);
  };
  return static_cast<double>(hsic(k, l) / std::sqrt(hsic(k, k) * hsic(l, l)));
}

double cka(const BoolRows& a, const BoolRows& b, std::int64_t samples, HsicEstimator estimator,
           const ParallelFor& parallel_for = serial_for) {
  const PackedRows x = pack(a, samples);
  const PackedRows y = pack(b, samples);
  return signature_cka(x.bytes.data(), static_cast<std::int64_t>(a.size()), y.bytes.data(),
                       static_cast<std::int64_t>(b.size()), x.row_bytes, samples, estimator, parallel_for);
}

constexpr std::array both = {HsicEstimator::biased, HsicEstimator::unbiased};

TEST(SignatureCka, EqualsTheDefinitionOnGramMatrices) {
  for (const std::int64_t samples : {7, 8, 63, 65, 130}) {
    for (const auto& [units_a, units_b] : {std::pair(1, 1), std::pair(3, 9), std::pair(70, 20)}) {
      const BoolRows a = random_rows(std::vector<double>(units_a, 0.4), samples, 1);
      BoolRows b = random_rows(std::vector<double>(units_b, 0.7), samples, 2);
      b[0] = a[0];  // so that they have something in common
      for (const HsicEstimator estimator : both) {
        for (const ParallelFor& parallel_for : splits()) {
          EXPECT_NEAR(cka(a, b, samples, estimator, parallel_for), naive(a, b, samples, estimator), 1e-12)
              << samples << " samples, " << units_a << " and " << units_b << " units";
        }
      }
    }
  }
}

TEST(SignatureCka, IsExactlyOneForTheSameUnitsInAnyOrder) {
  for (const std::int64_t samples : {8, 65, 1030}) {
    const BoolRows a = random_rows(std::vector<double>(37, 0.3), samples, 3);
    BoolRows b = a;
    std::ranges::reverse(b);
    for (const HsicEstimator estimator : both) {
      EXPECT_EQ(cka(a, b, samples, estimator), 1.0);
    }
  }
}

TEST(SignatureCka, SaysWhatIsLeftOfConstantLayers) {
  const BoolRows varying = random_rows({0.5, 0.5}, 40, 4);
  const BoolRows dead(3, std::vector<bool>(40));
  const BoolRows always_on(2, std::vector<bool>(40, true));
  for (const HsicEstimator estimator : both) {
    EXPECT_EQ(cka(dead, always_on, 40, estimator), 1.0);
    EXPECT_EQ(cka(dead, varying, 40, estimator), 0.0);
    EXPECT_EQ(cka(varying, always_on, 40, estimator), 0.0);
  }
  // One sample apart from all others: no two others, and so no two at all, differ in how they relate.
  BoolRows one(1, std::vector<bool>(40));
  one[0][7] = true;
  EXPECT_EQ(cka(one, varying, 40, HsicEstimator::unbiased), 0.0);
  EXPECT_EQ(cka(one, one, 40, HsicEstimator::unbiased), 1.0);
  EXPECT_GT(cka(one, varying, 40, HsicEstimator::biased), 0.0);
}

/// More pairs than are kept at a time.
TEST(SignatureCka, TakesWideLayersInPieces) {
  constexpr std::int64_t units = 4200;
  const BoolRows some = random_rows({0.5, 0.2, 0.6}, 24, 5);
  BoolRows wide;
  for (std::int64_t u = 0; u < units; ++u) {
    wide.push_back(some[u % 3]);
  }
  for (const HsicEstimator estimator : both) {
    EXPECT_NEAR(cka(some, wide, 24, estimator), 1.0, 1e-12);
    EXPECT_EQ(cka(wide, wide, 24, estimator), 1.0);
  }
}

TEST(SignatureCka, RefusesMoreSamplesThanCountsHold) {
  EXPECT_THROW(signature_cka(nullptr, 1, nullptr, 1, std::int64_t{1} << 28, std::int64_t{1} << 31,
                             HsicEstimator::biased, serial_for),
               Error);
}

}  // namespace
}  // namespace funcsim
