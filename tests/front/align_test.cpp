#include <funcsim/align.h>
#include <gtest/gtest.h>

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

/// integer_mlp with the 16 units of its first hidden layer backwards, doubled.
nn::Sequential reversed_and_doubled(const nn::Sequential& network) {
  const torch::NoGradGuard no_grad;
  nn::Sequential copy = funcsim::detail::clone(network);
  const std::vector<torch::Tensor> tensors = funcsim::parameters(copy);
  tensors[0].copy_(tensors[0].flip(0) * 2);
  tensors[1].copy_(tensors[1].flip(0) * 2);
  tensors[2].copy_(tensors[2].flip(1) / 2);
  return copy;
}

TEST(Align, MovesUnitsBackAndTakesTheReferencesNorms) {
  const nn::Sequential network = integer_mlp(1);
  const nn::Sequential other = reversed_and_doubled(network);
  const torch::Tensor inputs = integer_inputs(200);
  for (const auto similarity : {funcsim::UnitSimilarity::jaccard, funcsim::UnitSimilarity::phi,
                                funcsim::UnitSimilarity::correlation, funcsim::UnitSimilarity::weights}) {
    const nn::Sequential aligned = funcsim::align(network, other, inputs, {.similarity = similarity, .rescale = true});
    const auto expected = funcsim::parameters(network);
    const auto got = funcsim::parameters(aligned);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_TRUE(torch::allclose(got[i], expected[i], 1e-5, 1e-6)) << i;
    }
  }
}

TEST(Align, KeepsTheFunctionOfAnotherNetworkAndLeavesBothAlone) {
  const torch::NoGradGuard no_grad;
  const nn::Sequential reference = batch_norm_cnn(3);
  nn::Sequential model = batch_norm_cnn(4);
  const torch::Tensor inputs = torch::randn({20, 1, 8, 8}, torch::kFloat64);
  std::vector<torch::Tensor> before;
  for (const torch::Tensor& tensor : funcsim::parameters(model)) {
    before.push_back(tensor.clone());
  }
  nn::Sequential aligned = funcsim::align(reference, model, inputs, {.coordinate_descent = true});
  EXPECT_TRUE(torch::allclose(aligned->forward(inputs), model->forward(inputs), 1e-10, 1e-12));
  const auto after = funcsim::parameters(model);
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(torch::equal(before[i], after[i])) << i;
  }
  EXPECT_FALSE(torch::equal(funcsim::parameters(aligned)[0], before[0]));
}

TEST(Align, RefusesWhatDoesNotGoTogether) {
  const nn::Sequential network = integer_mlp(1);
  const nn::Sequential shallow(nn::Linear(6, 4), nn::ReLU(), nn::Linear(4, 3));
  const std::string depth = error_of([&] { funcsim::align(network, shallow, integer_inputs(8)); });
  EXPECT_TRUE(contains(depth, "equally many hidden layers, got 2 (the reference) and 1 (the model)")) << depth;
  const std::string kind = error_of([&] {
    funcsim::align(network, network, integer_inputs(8), {.similarity = static_cast<funcsim::UnitSimilarity>(7)});
  });
  EXPECT_TRUE(contains(kind, "UnitSimilarity")) << kind;
  const std::string inputs = error_of([&] { funcsim::align(network, network, torch::zeros({6})); });
  EXPECT_TRUE(contains(inputs, "[inputs, features...]")) << inputs;
}

}  // namespace
