#pragma once

#include <funcsim/error.h>
#include <torch/torch.h>

#include <cstdint>
#include <string>

// Networks that the tests of the front share. Integer weights and inputs make every sum exact, whatever its order.

namespace funcsim::test {

/// 6 → 16 → 12 → 3 with integer weights.
inline torch::nn::Sequential integer_mlp(std::uint64_t seed, std::int64_t width = 16) {
  torch::manual_seed(seed);
  torch::nn::Sequential network(torch::nn::Linear(6, width), torch::nn::ReLU(), torch::nn::Linear(width, 12),
                                torch::nn::ReLU(), torch::nn::Linear(12, 3));
  const torch::NoGradGuard no_grad;
  for (torch::Tensor& parameter : network->parameters()) {
    parameter.copy_(torch::randint(-4, 5, parameter.sizes()));
  }
  return network;
}

inline torch::Tensor integer_inputs(std::int64_t inputs, std::uint64_t seed = 9) {
  torch::manual_seed(seed);
  return torch::randint(-8, 9, {inputs, 6}).to(torch::kFloat32);
}

/// 1 → 6 → 8 channels and a Linear, on 8 × 8 images, in float64.
inline torch::nn::Sequential batch_norm_cnn(std::uint64_t seed) {
  torch::manual_seed(seed);
  torch::nn::Sequential network(torch::nn::Conv2d(torch::nn::Conv2dOptions(1, 6, 3).padding(1)),
                                torch::nn::BatchNorm2d(6), torch::nn::ReLU(), torch::nn::MaxPool2d(2),
                                torch::nn::Conv2d(6, 8, 3), torch::nn::ReLU(), torch::nn::Flatten(),
                                torch::nn::Linear(32, 5));
  network->to(torch::kFloat64);
  const torch::NoGradGuard no_grad;
  for (int i = 0; i < 3; ++i) {
    network->forward(torch::randn({32, 1, 8, 8}, torch::kFloat64));
  }
  network->eval();
  return network;
}

/// The message of the Error that `action` throws, or "" when it throws none.
template <typename Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace funcsim::test
