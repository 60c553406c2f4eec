#include "align/equal_functions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "../network/tensors.h"
#include "kernels/common/error.h"

namespace funcsim {
namespace {

using torch::stable::Tensor;

/// Row-major [rows, columns].
struct Matrix {
  std::int64_t rows;
  std::int64_t columns;
  std::vector<double> values;

  double& at(std::int64_t i, std::int64_t j) { return values[(i * columns) + j]; }
};

struct Mlp {
  std::vector<Matrix> weights;
  std::vector<std::vector<double>> biases;

  std::string text() const {
    std::string items = "funcsim/1: ";
    for (std::size_t l = 0; l < weights.size(); ++l) {
      items += (l == 0 ? "" : "; ReLU(); ") + ("Linear(" + std::to_string(weights[l].columns) + ", ") +
               std::to_string(weights[l].rows) + ")";
    }
    return items;
  }

  std::vector<Tensor> tensors() const {
    std::vector<Tensor> all;
    for (std::size_t l = 0; l < weights.size(); ++l) {
      all.push_back(doubles({weights[l].rows, weights[l].columns}, weights[l].values));
      all.push_back(doubles({weights[l].rows}, biases[l]));
    }
    return all;
  }

  /// Units i and j of hidden layer l trade places, what comes in and what goes out.
  void exchange(std::size_t l, std::int64_t i, std::int64_t j) {
    exchange_inputs(l, i, j);
    for (std::int64_t k = 0; k < weights[l + 1].rows; ++k) {
      std::swap(weights[l + 1].at(k, i), weights[l + 1].at(k, j));
    }
  }

  /// The same of what comes in alone: another function.
  void exchange_inputs(std::size_t l, std::int64_t i, std::int64_t j) {
    for (std::int64_t k = 0; k < weights[l].columns; ++k) {
      std::swap(weights[l].at(i, k), weights[l].at(j, k));
    }
    std::swap(biases[l][i], biases[l][j]);
  }

  /// What comes into a unit, and if `compensate`, what reads it.
  void scale(std::size_t l, std::int64_t i, double factor, bool compensate) {
    for (std::int64_t k = 0; k < weights[l].columns; ++k) {
      weights[l].at(i, k) *= factor;
    }
    biases[l][i] *= factor;
    for (std::int64_t k = 0; compensate && k < weights[l + 1].rows; ++k) {
      weights[l + 1].at(k, i) /= factor;
    }
  }

  /// Whether a unit of hidden layer l fires on one of the inputs.
  bool fires(std::size_t l, std::int64_t unit, const Matrix& inputs) const {
    for (std::int64_t n = 0; n < inputs.rows; ++n) {
      std::vector<double> x(inputs.values.begin() + (n * inputs.columns),
                            inputs.values.begin() + ((n + 1) * inputs.columns));
      for (std::size_t k = 0; k <= l; ++k) {
        std::vector<double> y = biases[k];
        for (std::size_t i = 0; i < y.size(); ++i) {
          for (std::size_t j = 0; j < x.size(); ++j) {
            y[i] += weights[k].values[(i * x.size()) + j] * x[j];
          }
          y[i] = std::max(y[i], 0.0);
        }
        x = std::move(y);
      }
      if (x[unit] > 0) {
        return true;
      }
    }
    return false;
  }

  void round_to_float() {
    for (std::size_t l = 0; l < weights.size(); ++l) {
      for (double& value : weights[l].values) {
        value = static_cast<float>(value);
      }
      for (double& value : biases[l]) {
        value = static_cast<float>(value);
      }
    }
  }
};

Mlp random_mlp(const std::vector<std::int64_t>& widths, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<double> normal;
  Mlp mlp;
  for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
    Matrix weight{widths[l + 1], widths[l], {}};
    std::vector<double> bias;
    weight.values.reserve(static_cast<std::size_t>(weight.rows * weight.columns));
    bias.reserve(static_cast<std::size_t>(weight.rows));
    for (std::int64_t k = 0; k < weight.rows * weight.columns; ++k) {
      weight.values.push_back(normal(generator) * std::sqrt(2.0 / static_cast<double>(weight.columns)));
    }
    for (std::int64_t k = 0; k < weight.rows; ++k) {
      bias.push_back(0.1 * normal(generator));
    }
    mlp.weights.push_back(weight);
    mlp.biases.push_back(bias);
  }
  return mlp;
}

/// Units 2 k and 2 k + 1 of a layer nearly equal, and read with opposite weights: outputs are what is left of numbers
/// `factor` times as large.
Mlp cancelling_mlp(double factor, unsigned seed) {
  Mlp mlp = random_mlp({6, 16, 16, 3}, seed);
  for (std::int64_t unit = 1; unit < 16; unit += 2) {
    for (std::int64_t k = 0; k < 16; ++k) {
      mlp.weights[1].at(unit, k) = mlp.weights[1].at(unit - 1, k) * (1.0 + (0.1 * static_cast<double>(k + 1) / factor));
    }
    mlp.biases[1][unit] = mlp.biases[1][unit - 1];
    for (std::int64_t k = 0; k < 3; ++k) {
      mlp.weights[2].at(k, unit) *= factor;
      mlp.weights[2].at(k, unit - 1) = -mlp.weights[2].at(k, unit);
    }
  }
  return mlp;
}

/// Networks whose outputs are right to a few digits after float32's rounding.
std::vector<Mlp> usual_networks() {
  return {random_mlp({6, 8, 3}, 1), random_mlp({6, 40, 40, 40, 40, 40, 40, 40, 40, 1}, 2),
          random_mlp({6, 100, 100, 3}, 3), cancelling_mlp(10, 4)};
}

std::vector<Mlp> test_networks() {
  std::vector<Mlp> networks = usual_networks();
  for (const double factor : {1e4, 1e8}) {
    networks.push_back(cancelling_mlp(factor, 4));
  }
  return networks;
}

/// [inputs, features]
Matrix test_inputs() {
  return random_mlp({6, 20}, 9).weights.front();
}

/// Whether `changed` counts as the same function as `mlp`.
bool is_accepted(const Mlp& mlp, const Mlp& changed, double rounding) {
  try {
    const Network network(mlp.text(), mlp.tensors(), "net");
    check_equal_functions(network, mlp.text(), changed.tensors(), doubles({20, 6}, test_inputs().values), rounding);
    return true;
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("do not compute the same function"), std::string::npos) << error.what();
    return false;
  }
}

constexpr double float_rounding = 0x1p-23;

TEST(EqualFunctions, AcceptsUnitsInAnotherOrder) {
  for (const Mlp& mlp : test_networks()) {
    Mlp changed = mlp;
    for (std::size_t l = 0; l + 1 < mlp.weights.size(); ++l) {
      for (std::int64_t i = 0; i < mlp.weights[l].rows / 2; ++i) {
        changed.exchange(l, i, mlp.weights[l].rows - 1 - i);
      }
    }
    EXPECT_TRUE(is_accepted(mlp, changed, 0.0)) << mlp.text();
  }
}

TEST(EqualFunctions, AcceptsWhatRoundingToFloatDoes) {
  for (const Mlp& mlp : test_networks()) {
    Mlp changed = mlp;
    for (std::size_t l = 0; l + 1 < mlp.weights.size(); ++l) {
      for (std::int64_t i = 0; i < mlp.weights[l].rows; ++i) {
        changed.scale(l, i, 0.3 + (0.1 * static_cast<double>(i)), /*compensate=*/true);
      }
    }
    EXPECT_TRUE(is_accepted(mlp, changed, 0.0)) << mlp.text();
    changed.round_to_float();
    EXPECT_TRUE(is_accepted(mlp, changed, float_rounding)) << mlp.text();
    EXPECT_FALSE(is_accepted(mlp, changed, 0.0)) << mlp.text();
  }
}

// What float32's rounding leaves nothing of can be seen in float64 only.
TEST(EqualFunctions, RefusesAWrongOrderOfOneLayer) {
  const auto expect_refused = [](const Mlp& mlp, double rounding) {
    for (std::size_t l = 0; l + 1 < mlp.weights.size(); ++l) {
      Mlp changed = mlp;
      changed.exchange_inputs(l, 0, mlp.weights[l].rows - 1);
      EXPECT_FALSE(is_accepted(mlp, changed, rounding)) << mlp.text() << ", layer " << l;
    }
  };
  for (const Mlp& mlp : test_networks()) {
    expect_refused(mlp, 0.0);
  }
  for (const Mlp& mlp : usual_networks()) {
    expect_refused(mlp, float_rounding);
  }
}

TEST(EqualFunctions, RefusesAUnitWhoseScaleIsOff) {
  const Matrix inputs = test_inputs();
  const auto expect_refused = [&](const Mlp& mlp, double rounding) {
    for (std::size_t l = 0; l + 1 < mlp.weights.size(); ++l) {
      for (std::int64_t unit = 0; unit < 5; ++unit) {
        Mlp changed = mlp;
        changed.scale(l, unit, 1.001, /*compensate=*/false);
        if (mlp.fires(l, unit, inputs)) {
          EXPECT_FALSE(is_accepted(mlp, changed, rounding)) << mlp.text() << ", layer " << l << ", unit " << unit;
        }
      }
    }
  };
  for (const Mlp& mlp : test_networks()) {
    expect_refused(mlp, 0.0);
  }
  for (const Mlp& mlp : usual_networks()) {
    expect_refused(mlp, float_rounding);
  }
}

}  // namespace
}  // namespace funcsim
