// Compares a network with a copy of it whose weights were disturbed a little, and prints what became of its units.

#include <funcsim/funcsim.h>

#include <iostream>

int main() {
  torch::manual_seed(0);
  const torch::nn::Sequential before(torch::nn::Linear(20, 64), torch::nn::ReLU(), torch::nn::Linear(64, 32),
                                     torch::nn::ReLU(), torch::nn::Linear(32, 3));
  const torch::nn::Sequential after = funcsim::canonicalize(before);
  const torch::NoGradGuard no_grad;
  for (torch::Tensor& parameter : after->parameters()) {
    parameter.add_(0.01 * torch::randn_like(parameter));
  }

  const funcsim::Comparison comparison = funcsim::compare(before, after, torch::randn({2000, 20}));
  std::cout << comparison << '\n';
}
