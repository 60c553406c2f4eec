#include <funcsim/merge.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "test_networks.h"

namespace {

namespace nn = torch::nn;
using funcsim::test::batch_norm_cnn;
using funcsim::test::contains;
using funcsim::test::error_of;
using funcsim::test::integer_inputs;
using funcsim::test::integer_mlp;

/// What the first affine layer gives.
torch::Tensor first_preactivations(const nn::Sequential& network, const torch::Tensor& inputs) {
  const auto& layer = network->at<nn::LinearImpl>(0);
  return torch::linear(inputs, layer.weight, layer.bias);
}

TEST(Merge, UnitsHaveTheWeightedMeansOfTheParentsStatistics) {
  const torch::NoGradGuard no_grad;
  const nn::Sequential a = integer_mlp(1);
  const std::vector<nn::Sequential> others = {integer_mlp(2), integer_mlp(3)};
  const torch::Tensor inputs = integer_inputs(400);
  const nn::Sequential merged = funcsim::merge(a, others, inputs, {.weights = {0.25, 0.5}});
  const std::vector<double> weights = {0.25, 0.25, 0.5};
  std::vector<torch::Tensor> parents = {first_preactivations(a, inputs)};
  for (const nn::Sequential& other : others) {
    parents.push_back(first_preactivations(funcsim::align(a, other, inputs, {.rescale = true}), inputs));
  }
  torch::Tensor means = torch::zeros({16});
  torch::Tensor deviations = torch::zeros({16});
  for (std::size_t p = 0; p < parents.size(); ++p) {
    means += weights[p] * parents[p].mean(0);
    deviations += weights[p] * parents[p].std(0);
  }
  const torch::Tensor z = first_preactivations(merged, inputs);
  EXPECT_TRUE(torch::allclose(z.mean(0), means, 1e-4, 1e-3));
  EXPECT_TRUE(torch::allclose(z.std(0), deviations, 1e-4, 1e-3));
}

TEST(Merge, WithItselfANetworkStaysAsItIs) {
  const torch::NoGradGuard no_grad;
  const nn::Sequential network = batch_norm_cnn(3);
  const torch::Tensor inputs = torch::randn({60, 1, 8, 8}, torch::kFloat64);
  const auto expected = funcsim::parameters(network);
  const auto got = funcsim::parameters(funcsim::merge(network, network, inputs));
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_TRUE(torch::allclose(got[i], expected[i], 1e-8, 1e-9)) << i;
    EXPECT_NE(got[i].data_ptr(), expected[i].data_ptr()) << i;
  }
}

TEST(Merge, WithoutRepairItIsTheMeanOfWeights) {
  const torch::NoGradGuard no_grad;
  const nn::Sequential a = batch_norm_cnn(3);
  const nn::Sequential b = batch_norm_cnn(4);
  const torch::Tensor inputs = torch::randn({60, 1, 8, 8}, torch::kFloat64);
  const funcsim::MergeOptions options{.align = {.rescale = false}, .repair = false};
  const auto got = funcsim::parameters(funcsim::merge(a, b, inputs, options));
  const auto of_a = funcsim::parameters(a);
  const auto of_b = funcsim::parameters(funcsim::align(a, b, inputs));
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_TRUE(torch::allclose(got[i], (of_a[i] + of_b[i]) / 2, 1e-12, 1e-14)) << i;
  }
}

TEST(Merge, RefusesWhatDoesNotFit) {
  const nn::Sequential a = integer_mlp(1);
  const nn::Sequential b = integer_mlp(2);
  const torch::Tensor inputs = integer_inputs(50);
  const auto error_with = [&](const std::vector<double>& weights) {
    return error_of([&] { funcsim::merge(a, b, inputs, {.weights = weights}); });
  };
  EXPECT_TRUE(contains(error_with({0.5, 0.5}), "a share of each of the 1 other networks, got 2"));
  EXPECT_TRUE(contains(error_with({1.5}), "sum of at most 1, got 1.5"));
  EXPECT_TRUE(contains(error_with({-0.5}), "at least 0, got -0.5"));
  EXPECT_TRUE(contains(error_with({std::numeric_limits<double>::quiet_NaN()}), "sum of at most 1, got nan"));
  EXPECT_TRUE(contains(error_of([&] { funcsim::merge(a, integer_mlp(2, 15), inputs); }), "one architecture"));
  EXPECT_TRUE(contains(error_of([&] { funcsim::merge(a, std::vector<nn::Sequential>(), inputs); }), "got none"));
  EXPECT_TRUE(contains(error_of([&] { funcsim::merge(a, b, inputs.slice(1, 0, 5)); }), "last dimension is 6"));
  const nn::Sequential none;
  EXPECT_TRUE(contains(error_of([&] { funcsim::merge(none, b, inputs); }), "the reference"));
  EXPECT_TRUE(contains(error_of([&] { funcsim::merge(a, none, inputs); }), "(the model)"));
  EXPECT_TRUE(contains(error_of([&] { funcsim::merge(a, {b, none}, inputs); }), "(network 2)"));
}

}  // namespace
