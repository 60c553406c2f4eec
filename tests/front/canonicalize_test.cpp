#include <funcsim/canonicalize.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "test_networks.h"

namespace {

namespace nn = torch::nn;
using funcsim::test::batch_norm_cnn;
using funcsim::test::contains;
using funcsim::test::error_of;

TEST(Canonicalize, KeepsTheFunctionAndGivesUnitNorms) {
  const torch::NoGradGuard no_grad;
  nn::Sequential network = batch_norm_cnn(3);
  nn::Sequential canonical = funcsim::canonicalize(network);
  const torch::Tensor inputs = torch::randn({16, 1, 8, 8}, torch::kFloat64);
  EXPECT_TRUE(torch::allclose(canonical->forward(inputs), network->forward(inputs), 1e-10, 1e-12));
  for (const std::size_t layer : {0, 4}) {
    const torch::Tensor norms = canonical->at<nn::Conv2dImpl>(layer).weight.flatten(1).norm(2, 1);
    EXPECT_TRUE(torch::allclose(norms, torch::ones_like(norms))) << layer;
  }
  EXPECT_EQ(funcsim::describe(canonical), funcsim::describe(network));
}

TEST(Canonicalize, TwiceChangesNothing) {
  const nn::Sequential once = funcsim::canonicalize(batch_norm_cnn(4));
  const nn::Sequential twice = funcsim::canonicalize(once);
  const auto first = funcsim::parameters(once);
  const auto second = funcsim::parameters(twice);
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_TRUE(torch::allclose(first[i], second[i], 1e-10, 1e-12)) << i;
  }
}

TEST(Canonicalize, LeavesTheOriginalAlone) {
  const nn::Sequential network = batch_norm_cnn(5);
  std::vector<torch::Tensor> before;
  for (const torch::Tensor& tensor : funcsim::parameters(network)) {
    before.push_back(tensor.clone());
  }
  const auto generator = at::globalContext().defaultGenerator(torch::kCPU);
  const torch::Tensor random_state = generator.get_state();
  nn::Sequential canonical = funcsim::canonicalize(network);
  EXPECT_TRUE(torch::equal(generator.get_state(), random_state));
  const auto after = funcsim::parameters(network);
  const auto copies = funcsim::parameters(canonical);
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(torch::equal(before[i], after[i])) << i;
    EXPECT_NE(after[i].data_ptr(), copies[i].data_ptr()) << i;
  }
}

TEST(Canonicalize, KeepsNamesModesNestingAndFrozenParameters) {
  nn::Sequential network({{"encoder", nn::Linear(4, 8)}, {"activation", nn::ReLU()}});
  funcsim::NestedSequential head({{"norm", nn::BatchNorm1d(8)}, {"out", nn::Linear(8, 2)}});
  network->push_back("head", head);
  head->ptr(0)->eval();
  head->at<nn::LinearImpl>(1).weight.set_requires_grad(false);

  nn::Sequential canonical = funcsim::canonicalize(network);

  EXPECT_EQ(canonical->named_modules("", false).keys(),
            (std::vector<std::string>{"encoder", "activation", "head", "head.norm", "head.out"}));
  EXPECT_TRUE(canonical->is_training());
  auto& copied_head = canonical->at<funcsim::NestedSequentialImpl>(2);
  EXPECT_TRUE(copied_head.is_training());
  EXPECT_FALSE(copied_head.ptr(0)->is_training());
  EXPECT_FALSE(copied_head.at<nn::LinearImpl>(1).weight.requires_grad());
  EXPECT_TRUE(copied_head.at<nn::LinearImpl>(1).bias.requires_grad());
  network->eval();
  canonical->eval();
  const torch::Tensor inputs = torch::randn({8, 4});
  EXPECT_TRUE(torch::allclose(canonical->forward(inputs), network->forward(inputs), 1e-4, 1e-5));
}

TEST(Canonicalize, RefusesNetworksWithoutHiddenLayer) {
  const std::string message = error_of([] { funcsim::canonicalize(nn::Sequential(nn::Linear(2, 2))); });
  EXPECT_TRUE(contains(message, "hidden")) << message;
}

}  // namespace
