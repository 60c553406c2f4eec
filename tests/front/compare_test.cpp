#include <ATen/autocast_mode.h>
#include <funcsim/funcsim.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "test_networks.h"

namespace {

namespace nn = torch::nn;
using funcsim::CompareOptions;
using funcsim::Comparison;
using funcsim::Method;
using funcsim::test::batch_norm_cnn;
using funcsim::test::contains;
using funcsim::test::error_of;
using funcsim::test::integer_inputs;
using funcsim::test::integer_mlp;

/// A copy whose hidden units are permuted and rescaled by powers of two.
nn::Sequential permuted_and_rescaled(const nn::Sequential& network, std::vector<torch::Tensor>& permutations) {
  const torch::NoGradGuard no_grad;
  nn::Sequential copy = funcsim::detail::clone(network);
  std::vector<nn::LinearImpl*> layers;
  for (const auto& module : copy->children()) {
    if (auto* linear = module->as<nn::LinearImpl>()) {
      layers.push_back(linear);
    }
  }
  for (std::size_t l = 0; l + 1 < layers.size(); ++l) {
    const torch::Tensor order = torch::randperm(layers[l]->weight.size(0));
    const torch::Tensor scale = torch::exp2(torch::randint(-3, 4, {order.size(0)}));
    layers[l]->weight.copy_(layers[l]->weight.index_select(0, order) * scale.unsqueeze(1));
    layers[l]->bias.copy_(layers[l]->bias.index_select(0, order) * scale);
    layers[l + 1]->weight.copy_(layers[l + 1]->weight.index_select(1, order) / scale);
    permutations.push_back(order);
  }
  return copy;
}

/// The score of the compare operator, which has an implementation of its own.
double operator_score(const nn::Sequential& a, const nn::Sequential& b, const torch::Tensor& inputs,
                      const CompareOptions& options) {
  using Result = std::tuple<at::Tensor, at::Tensor, std::vector<at::Tensor>, std::vector<at::Tensor>>;
  const Result result = funcsim::detail::call_operator<Result(std::string_view, at::TensorList, std::string_view,
                                                              at::TensorList, const at::Tensor&, std::string_view,
                                                              std::int64_t, std::int64_t, double, std::int64_t)>(
      "compare", funcsim::describe(a), funcsim::parameters(a), funcsim::describe(b), funcsim::parameters(b), inputs,
      to_string(options.method), options.num_hashes, options.seed, options.margin, options.positions);
  return std::get<0>(result).item<double>();
}

TEST(Compare, ANetworkWithItselfScoresExactlyOne) {
  const nn::Sequential network = integer_mlp(1);
  for (const Method method : {Method::exact, Method::minhash}) {
    const Comparison comparison = funcsim::compare(network, network, integer_inputs(300), {.method = method});
    EXPECT_EQ(comparison.score, 1.0);
    EXPECT_EQ(comparison.adjusted, 1.0);
    EXPECT_EQ(comparison.standard_error, 0.0);
    EXPECT_EQ(comparison.method, method);
    EXPECT_GT(comparison.chance, 0.05);
    EXPECT_LT(comparison.chance, 0.9);
    ASSERT_EQ(comparison.layers.size(), 2);
    EXPECT_EQ(comparison.layers[0].name_a, "0");
    EXPECT_EQ(comparison.layers[1].name_b, "2");
    for (const auto& layer : comparison.layers) {
      EXPECT_EQ(layer.score, 1.0);
      EXPECT_EQ(layer.coverage_a, 1.0);
      EXPECT_EQ(layer.coverage_b, 1.0);
      EXPECT_TRUE(torch::equal(layer.similarities, torch::ones({layer.units_a})));
    }
  }
}

TEST(Compare, APermutedAndRescaledCopyScoresExactlyOneAndIsMatched) {
  const nn::Sequential network = integer_mlp(2);
  std::vector<torch::Tensor> permutations;
  const nn::Sequential copy = permuted_and_rescaled(network, permutations);
  const Comparison comparison = funcsim::compare(network, copy, integer_inputs(500));
  EXPECT_EQ(comparison.score, 1.0);
  for (std::size_t l = 0; l < permutations.size(); ++l) {
    const auto& layer = comparison.layers[l];
    ASSERT_EQ(layer.dead_a + layer.always_on_a + layer.duplicates_a, 0);
    const torch::Tensor expected = torch::stack({torch::arange(layer.units_a), torch::argsort(permutations[l])}, 1);
    EXPECT_TRUE(torch::equal(layer.matches, expected)) << l;
  }
}

TEST(Compare, UnrelatedNetworksScoreNearChance) {
  const Comparison comparison = funcsim::compare(integer_mlp(1), integer_mlp(2), integer_inputs(2000));
  EXPECT_LT(comparison.score, 0.8);
  EXPECT_LT(comparison.adjusted, 0.4);
}

TEST(Compare, IsSymmetricAndCoverageSwaps) {
  const nn::Sequential small = integer_mlp(1);
  const nn::Sequential large = integer_mlp(2, 24);
  for (const Method method : {Method::exact, Method::minhash}) {
    const CompareOptions options{.method = method};
    const Comparison forth = funcsim::compare(small, large, integer_inputs(400), options);
    const Comparison back = funcsim::compare(large, small, integer_inputs(400), options);
    EXPECT_EQ(forth.score, back.score);
    // From sketches it is estimated from other samples of the same sets: with K = 1024 slots an estimate has a standard
    // deviation of at most 1/64, the mean of 16 matched ones less.
    EXPECT_NEAR(forth.chance, back.chance, method == Method::exact ? 0.0 : 1.0 / 64);
    EXPECT_EQ(forth.layers[0].coverage_a, back.layers[0].coverage_b);
    EXPECT_EQ(forth.layers[0].coverage_b, back.layers[0].coverage_a);
    EXPECT_NEAR(forth.layers[0].coverage_a, forth.layers[0].score * 24 / 16, 1e-12);
    EXPECT_EQ(forth.layers[0].matches.sizes(), (std::vector<std::int64_t>{16, 2}));
    EXPECT_EQ(back.layers[0].matches.sizes(), (std::vector<std::int64_t>{16, 2}));
    EXPECT_EQ(back.layers[0].similarities.size(0), 16);
  }
}

TEST(Compare, RefusesToComputeUnderAutocast) {
  const nn::Sequential network(nn::Linear(6, 4), nn::ReLU(), nn::Linear(4, 2));
  const torch::Tensor inputs = torch::ones({3, 6});
  at::autocast::set_autocast_enabled(at::kCPU, true);
  std::string message;
  try {
    funcsim::compare(network, network, inputs);
  } catch (const funcsim::Error& error) {
    message = error.what();
  }
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_NE(message.find("is autocast on?"), std::string::npos) << message;
  EXPECT_EQ(funcsim::compare(network, network, inputs).score, 1.0);
}

TEST(Compare, EqualsTheOperator) {
  const nn::Sequential a = integer_mlp(1);
  const nn::Sequential b = integer_mlp(2, 24);
  // More than a block of inputs, and not a multiple of one.
  const torch::Tensor inputs = integer_inputs(4096 + 777);
  for (const CompareOptions& options : {CompareOptions{.method = Method::exact},
                                        CompareOptions{.method = Method::minhash, .num_hashes = 256, .seed = 3},
                                        CompareOptions{.num_hashes = 100}, CompareOptions{.margin = 0.5}}) {
    EXPECT_EQ(funcsim::compare(a, b, inputs, options).score, operator_score(a, b, inputs, options));
  }
}

TEST(Compare, EqualsTheOperatorOnImages) {
  const nn::Sequential a = batch_norm_cnn(1);
  const nn::Sequential b = batch_norm_cnn(2);
  const torch::Tensor inputs = torch::randn({70, 1, 8, 8}, torch::kFloat64);
  for (const std::int64_t positions :
       {std::int64_t{16}, std::int64_t{3}, funcsim::all_positions, funcsim::any_position}) {
    for (const Method method : {Method::exact, Method::minhash}) {
      const CompareOptions options{.method = method, .positions = positions};
      EXPECT_EQ(funcsim::compare(a, b, inputs, options).score, operator_score(a, b, inputs, options)) << positions;
    }
  }
}

TEST(Compare, EstimatesAgreeWithTheExactScoreAndChance) {
  const nn::Sequential a = integer_mlp(1);
  const nn::Sequential b = integer_mlp(2);
  const torch::Tensor inputs = integer_inputs(5000);
  const Comparison exact = funcsim::compare(a, b, inputs, {.method = Method::exact});
  const Comparison estimate = funcsim::compare(a, b, inputs, {.method = Method::minhash, .num_hashes = 4096});
  EXPECT_GT(estimate.standard_error, 0.0);
  EXPECT_LT(estimate.standard_error, 0.01);
  EXPECT_NEAR(estimate.score, exact.score, 0.02);
  EXPECT_NEAR(estimate.chance, exact.chance, 0.02);
}

TEST(Compare, AutomaticIsExactWhileSignaturesAreNoLongerThanSketches) {
  const nn::Sequential network = integer_mlp(1);
  const CompareOptions options{.num_hashes = 4};
  EXPECT_EQ(funcsim::compare(network, network, integer_inputs(128), options).method, Method::exact);
  EXPECT_EQ(funcsim::compare(network, network, integer_inputs(129), options).method, Method::minhash);
}

TEST(Compare, PhiIsExactAndSignedAndOneForEqualNetworks) {
  const nn::Sequential network = integer_mlp(1);
  const CompareOptions options{.similarity = funcsim::Similarity::phi, .num_hashes = 1};
  const Comparison comparison = funcsim::compare(network, network, integer_inputs(200), options);
  EXPECT_EQ(comparison.method, Method::exact);
  EXPECT_EQ(comparison.score, 1.0);
  EXPECT_NE(comparison.chance, funcsim::compare(network, network, integer_inputs(200)).chance);
}

TEST(Compare, CountsUnitsThatCantBeToldApart) {
  nn::Sequential network = integer_mlp(1);
  const torch::NoGradGuard no_grad;
  auto& linear = network->at<nn::LinearImpl>(0);
  linear.weight[0].zero_();
  linear.bias[0].fill_(-1);
  linear.weight[1].zero_();
  linear.bias[1].fill_(1);
  linear.weight[2].copy_(2 * linear.weight[3]);
  linear.bias[2].copy_(2 * linear.bias[3]);
  // In blocks and in one.
  for (const Method method : {Method::exact, Method::minhash}) {
    const Comparison comparison = funcsim::compare(network, integer_mlp(2), integer_inputs(4500), {.method = method});
    EXPECT_EQ(comparison.layers[0].dead_a, 1);
    EXPECT_EQ(comparison.layers[0].always_on_a, 1);
    EXPECT_EQ(comparison.layers[0].duplicates_a, 1);
    EXPECT_EQ(comparison.layers[0].dead_b, 0);
  }
}

TEST(Compare, ReportsLayersWithoutPartner) {
  const nn::Sequential deep = integer_mlp(1);
  const nn::Sequential shallow(nn::Linear(6, 12), nn::ReLU(), nn::Linear(12, 3));
  const Comparison comparison = funcsim::compare(deep, shallow, integer_inputs(200));
  ASSERT_EQ(comparison.layers.size(), 1);
  ASSERT_EQ(comparison.unmatched_a.size(), 1);
  EXPECT_TRUE(comparison.unmatched_b.empty());
  const auto& layer = comparison.layers[0];
  const auto weight = static_cast<double>(std::max(layer.units_a, layer.units_b));
  const auto left_out = static_cast<double>(comparison.unmatched_a[0].units);
  EXPECT_NEAR(comparison.score, layer.score * weight / (weight + left_out), 1e-12);
}

TEST(Compare, TakesPairsOfLayers) {
  const nn::Sequential network = integer_mlp(1, 12);
  const Comparison comparison = funcsim::compare(network, network, integer_inputs(200), {.layers = {{1, 0}}});
  ASSERT_EQ(comparison.layers.size(), 1);
  EXPECT_EQ(comparison.layers[0].name_a, "2");
  EXPECT_EQ(comparison.layers[0].name_b, "0");
  ASSERT_EQ(comparison.unmatched_a.size(), 1);
  EXPECT_EQ(comparison.unmatched_a[0].name, "0");
  ASSERT_EQ(comparison.unmatched_b.size(), 1);
  EXPECT_EQ(comparison.unmatched_b[0].name, "2");
}

TEST(Compare, LeavesNetworksAsTheyWere) {
  nn::Sequential network = batch_norm_cnn(1);
  network->train();
  network->ptr(1)->eval();
  network->at<nn::Conv2dImpl>(0).weight.set_requires_grad(false);
  network->at<nn::Conv2dImpl>(4).weight.mutable_grad() = torch::ones({8, 6, 3, 3}, torch::kFloat64);
  const nn::Sequential before = funcsim::detail::clone(network);
  torch::Tensor inputs = torch::randn({20, 1, 8, 8}, torch::kFloat64).requires_grad_();
  const auto generator = at::globalContext().defaultGenerator(torch::kCPU);
  const torch::Tensor random_state = generator.get_state();

  funcsim::compare(network, network, inputs);

  EXPECT_TRUE(torch::equal(generator.get_state(), random_state));
  EXPECT_TRUE(network->is_training());
  EXPECT_FALSE(network->ptr(1)->is_training());
  EXPECT_FALSE(network->at<nn::Conv2dImpl>(0).weight.requires_grad());
  EXPECT_TRUE(network->at<nn::Linear::ContainedType>(7).weight.requires_grad());
  EXPECT_TRUE(torch::equal(network->at<nn::Conv2dImpl>(4).weight.grad(), torch::ones({8, 6, 3, 3}, torch::kFloat64)));
  EXPECT_FALSE(inputs.grad().defined());
  const auto tensors = funcsim::parameters(network);
  const auto tensors_before = funcsim::parameters(before);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_TRUE(torch::equal(tensors[i], tensors_before[i])) << i;
  }
}

TEST(Compare, RefusesBadInputs) {
  const nn::Sequential network = integer_mlp(1);
  const auto error = [&](const torch::Tensor& inputs, const CompareOptions& options = {}) {
    return error_of([&] { funcsim::compare(network, network, inputs, options); });
  };
  EXPECT_TRUE(contains(error(torch::Tensor()), "undefined"));
  EXPECT_TRUE(contains(error(torch::zeros({0, 6})), "at least one input, got [0, 6]"));
  EXPECT_TRUE(contains(error(torch::zeros({6})), "got [6]"));
  EXPECT_TRUE(contains(error(torch::zeros({3, 6}).to_sparse()), "inputs must be a dense tensor, got layout Sparse"));
  const torch::Tensor nested = at::_nested_tensor_from_tensor_list({torch::zeros({2, 6}), torch::zeros({3, 6})});
  EXPECT_TRUE(contains(error(nested), "got a nested tensor"));
  EXPECT_TRUE(contains(error(torch::zeros({3, 5})), "network a: "));
  EXPECT_TRUE(contains(error(torch::zeros({9, 6}, torch::kFloat64)), "got float64 [9, 6]"));
  EXPECT_NE(error(torch::zeros({3, 6}, torch::kInt64)), "");
  EXPECT_TRUE(contains(error(torch::full({3, 6}, std::numeric_limits<float>::quiet_NaN())), "NaN"));
  torch::Tensor late = torch::zeros({100, 6});
  late[99][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(contains(error(late), "NaN"));
}

TEST(Compare, RefusesBadOptions) {
  const nn::Sequential network = integer_mlp(1);
  const auto error = [&](const CompareOptions& options) {
    return error_of([&] { funcsim::compare(network, network, integer_inputs(10), options); });
  };
  EXPECT_TRUE(contains(error({.num_hashes = 0}), "num_hashes must be from 1 to 16777216, got 0"));
  EXPECT_TRUE(contains(error({.method = Method::minhash, .similarity = funcsim::Similarity::phi}), "phi"));
  EXPECT_TRUE(contains(error({.method = static_cast<Method>(77)}), "method must be Method::automatic"));
  EXPECT_TRUE(contains(error({.similarity = static_cast<funcsim::Similarity>(2)}), "got the value 2"));
  EXPECT_TRUE(contains(error({.margin = -1.0}), "margin"));
  EXPECT_TRUE(contains(error({.margin = std::numeric_limits<double>::quiet_NaN()}), "margin"));
  EXPECT_TRUE(contains(error({.positions = -2}), "positions"));
  EXPECT_TRUE(contains(error({.layers = {{0, 2}}}), "layer 2"));
  EXPECT_TRUE(contains(error({.layers = {{0, 0}, {0, 1}}}), "twice"));
}

TEST(Compare, RefusesNetworksWithoutHiddenLayersAndSaysWhich) {
  const nn::Sequential network = integer_mlp(1);
  const nn::Sequential linear(nn::Linear(6, 3), nn::ReLU());
  EXPECT_TRUE(contains(error_of([&] { funcsim::compare(linear, network, integer_inputs(10)); }), "network a: "));
  EXPECT_TRUE(contains(error_of([&] { funcsim::compare(network, linear, integer_inputs(10)); }), "network b: "));
  EXPECT_NE(error_of([&] { funcsim::compare(nn::Sequential(), network, integer_inputs(10)); }), "");
}

TEST(Compare, LayersOfDifferentGridsNeedAnyPosition) {
  const nn::Sequential a(nn::Conv2d(1, 4, 3), nn::ReLU(), nn::Flatten(), nn::Linear(4 * 36, 2));
  const nn::Sequential b(nn::Conv2d(1, 4, 5), nn::ReLU(), nn::Flatten(), nn::Linear(4 * 16, 2));
  const torch::Tensor inputs = torch::randn({10, 1, 8, 8});
  const std::string message = error_of([&] { funcsim::compare(a, b, inputs, {.positions = funcsim::all_positions}); });
  EXPECT_TRUE(contains(message, "any")) << message;
  EXPECT_NO_THROW(funcsim::compare(a, b, inputs, {.positions = funcsim::any_position}));
  EXPECT_NO_THROW(funcsim::compare(a, b, inputs));
}

}  // namespace
