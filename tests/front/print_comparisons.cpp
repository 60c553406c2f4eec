// Prints comparisons of networks that tests/python/test_compare_cpp.py makes in Python too: both fronts must give the
// same numbers, to the last digit.

#include <funcsim/funcsim.h>

#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <limits>
#include <string>

namespace {

namespace nn = torch::nn;
using funcsim::CompareOptions;
using funcsim::Method;
using funcsim::Similarity;

/// Small integers, so that no sum is rounded: number k is factor * k * k mod 1009 mod 23, minus 11.
torch::Tensor integers(torch::IntArrayRef sizes, std::int64_t factor) {
  const torch::Tensor k = torch::arange(c10::multiply_integers(sizes), torch::kInt64);
  return (k * k * factor).remainder(1009).remainder(23).sub(11).reshape(sizes).to(torch::kFloat32);
}

nn::Sequential with_integers(nn::Sequential network, std::int64_t factor) {
  const torch::NoGradGuard no_grad;
  for (torch::Tensor& parameter : network->parameters()) {
    parameter.copy_(integers(parameter.sizes(), factor++));
  }
  return network;
}

nn::Sequential mlp(std::int64_t first, std::int64_t second, std::int64_t factor) {
  return with_integers(
      nn::Sequential(nn::Linear(6, first), nn::ReLU(), nn::Linear(first, second), nn::ReLU(), nn::Linear(second, 3)),
      factor);
}

nn::Sequential cnn(std::int64_t channels, std::int64_t factor) {
  return with_integers(nn::Sequential(nn::Conv2d(1, channels, 3), nn::ReLU(), nn::MaxPool2d(2),
                                      nn::Conv2d(channels, 5, 2), nn::ReLU(), nn::Flatten(), nn::Linear(20, 2)),
                       factor);
}

void print(const std::string& name, const nn::Sequential& a, const nn::Sequential& b, const torch::Tensor& inputs,
           const CompareOptions& options) {
  const funcsim::Comparison comparison = funcsim::compare(a, b, inputs, options);
  std::cout << name << ' ' << to_string(comparison.method) << ' ' << comparison.score << ' ' << comparison.chance << ' '
            << comparison.standard_error;
  for (const auto& layer : comparison.layers) {
    std::cout << ' ' << layer.name_a << ' ' << layer.name_b << ' ' << layer.score << ' ' << layer.chance << ' '
              << layer.adjusted << ' ' << layer.standard_error << ' ' << layer.coverage_a << ' ' << layer.coverage_b
              << ' ' << layer.dead_a << ' ' << layer.always_on_b << ' ' << layer.duplicates_a;
    for (std::int64_t i = 0; i < layer.matches.size(0); ++i) {
      std::cout << ' ' << layer.matches[i][1].item<std::int64_t>() << ' ' << layer.similarities[i].item<double>();
    }
  }
  std::cout << '\n';
}

void print_mlps() {
  const nn::Sequential a = mlp(16, 12, 1);
  const nn::Sequential b = mlp(20, 12, 7);
  const nn::Sequential shallow = with_integers(nn::Sequential(nn::Linear(6, 9), nn::ReLU(), nn::Linear(9, 2)), 4);
  const torch::Tensor rows = integers({4096 + 777, 6}, 5);
  print("exact", a, b, rows, {.method = Method::exact});
  print("minhash", a, b, rows, {.method = Method::minhash, .num_hashes = 64, .seed = 3});
  print("auto", a, b, rows, {.num_hashes = 100, .seed = -1});
  print("phi", a, b, rows, {.similarity = Similarity::phi, .seed = 8});
  print("margin", a, b, rows, {.margin = 2.5});
  print("depths", a, shallow, rows, {});
  print("layers", a, b, rows, {.layers = {{1, 0}}});
}

void print_cnns() {
  const torch::Tensor images = integers({300, 1, 8, 8}, 3);
  print("points", cnn(4, 2), cnn(6, 9), images, {.seed = 6});
  print("all", cnn(4, 2), cnn(6, 9), images, {.method = Method::exact, .positions = funcsim::all_positions});
  print("any", cnn(4, 2), cnn(6, 9), images, {.num_hashes = 8, .margin = 15, .positions = funcsim::any_position});
}

}  // namespace

int main() {
  std::cout << std::setprecision(std::numeric_limits<double>::max_digits10);
  try {
    print_mlps();
    print_cnns();
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
