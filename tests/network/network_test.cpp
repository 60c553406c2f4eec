#include "network/network.h"

#include <gtest/gtest.h>

#include <string>

#include "kernels/common/error.h"
#include "tensors.h"

namespace funcsim {
namespace {

using torch::stable::Tensor;

const std::string mlp = "funcsim/1: Linear(2, 3); ReLU(); Linear(3, 1, bias=false)";

std::vector<Tensor> mlp_parameters() {
  return {doubles({3, 2}, std::vector<double>(6, 1.0)), doubles({3}, {1, 2, 3}), doubles({1, 3}, {1, 1, 1})};
}

template <typename Action>
std::string refusal(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

std::string refusal_with(std::size_t index, const Tensor& tensor) {
  std::vector<Tensor> parameters = mlp_parameters();
  parameters[index] = tensor;
  return refusal([&] { Network(mlp, parameters, "net"); });
}

TEST(Network, HandsItsTensorsToTheItems) {
  const Network network(mlp, mlp_parameters(), "net");
  EXPECT_EQ(network.layer(0).tensors.size(), 2U);
  EXPECT_EQ(network.layer(1).tensors.size(), 0U);
  EXPECT_EQ(network.layer(2).tensors.size(), 1U);
  EXPECT_EQ(values_of(network.layer(0).tensors[1]), (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(network.hidden_layers().size(), 1U);
  EXPECT_EQ(network.dtype(), torch::headeronly::ScalarType::Double);
}

TEST(Network, ChecksItsTensors) {
  EXPECT_EQ(refusal([] { Network(mlp, {}, "net"); }), "net: the architecture takes 3 parameter tensors, got 0");
  EXPECT_EQ(refusal_with(0, doubles({2, 3}, std::vector<double>(6, 1.0))),
            "net: item 0 (Linear(2, 3)): weight must be [3, 2], got float64 [2, 3]");
  EXPECT_EQ(refusal_with(1, tensor_of<float>({3}, {1, 2, 3})),
            "net: item 0 (Linear(2, 3)): bias must be float64 like the first parameter, got float32 [3]");
  EXPECT_EQ(refusal_with(0, Tensor()), "net: item 0 (Linear(2, 3)): weight must be [3, 2], got an undefined tensor");
  EXPECT_EQ(refusal([] { Network("funcsim/1: Linear(2, 3)", {}, "net"); }).substr(0, 5), "net: ");
}

TEST(Network, ChecksInputs) {
  const Network network(mlp, mlp_parameters(), "net");
  const auto plan = [&](const Tensor& inputs) { return refusal([&] { network.plan(inputs, 16); }); };
  EXPECT_EQ(plan(doubles({4, 2}, std::vector<double>(8))), "accepted");
  EXPECT_EQ(plan(doubles({2}, {1, 2})),
            "net: inputs must be [inputs, features...] with at least one input, got float64 [2]");
  EXPECT_EQ(plan(doubles({0, 2}, {})),
            "net: inputs must be [inputs, features...] with at least one input, got float64 [0, 2]");
  EXPECT_EQ(plan(tensor_of<float>({1, 2}, {1, 2})),
            "net: inputs must be float64 like the parameters, got float32 [1, 2]");
  EXPECT_NE(plan(doubles({1, 3}, {1, 2, 3})).find("net: item 0 (Linear(2, 3)): "), std::string::npos);
}

}  // namespace
}  // namespace funcsim
