// Trains two networks and saves them with torch::save; loads such files, compares the networks, and says which unit of
// one is which unit of the other.

#include <funcsim/funcsim.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iostream>
#include <numbers>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr const char* usage =
    "usage: cpp_app train A.pt B.pt     trains two networks that differ in their seeds only, and saves them\n"
    "       cpp_app compare A.pt B.pt   compares two saved networks\n";

// Points on the arms of a spiral, and which of the three arms each is on.
std::pair<torch::Tensor, torch::Tensor> make_spirals(std::int64_t count) {
  const torch::Tensor arm = torch::randint(3, {count});
  const torch::Tensor radius = torch::rand({count});
  const torch::Tensor angle = (4.0 * radius) + (arm * (2.0 * std::numbers::pi / 3.0)) + (0.2 * torch::randn({count}));
  return {torch::stack({radius * angle.cos(), radius * angle.sin()}, 1), arm};
}

// Linear layers of these widths, with a ReLU between each two.
torch::nn::Sequential make_mlp(const std::vector<std::int64_t>& widths) {
  torch::nn::Sequential network;
  for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
    if (i > 0) {
      network->push_back(torch::nn::ReLU());
    }
    network->push_back(torch::nn::Linear(widths[i], widths[i + 1]));
  }
  return network;
}

torch::nn::Sequential train(std::uint64_t seed) {
  torch::manual_seed(seed);
  const auto [points, arms] = make_spirals(500);
  torch::nn::Sequential network = make_mlp({2, 48, 24, 3});
  torch::optim::Adam optimizer(network->parameters(), torch::optim::AdamOptions(0.01));
  for (int step = 0; step < 300; ++step) {
    optimizer.zero_grad();
    torch::nn::functional::cross_entropy(network->forward(points), arms).backward();
    optimizer.step();
  }
  return network;
}

double accuracy(torch::nn::Sequential network, const torch::Tensor& points, const torch::Tensor& arms) {
  const torch::NoGradGuard no_grad;
  return network->forward(points).argmax(1).eq(arms).to(torch::kDouble).mean().item<double>();
}

// torch::save keeps tensors by name ("0.weight", "0.bias", "2.weight"), not the modules that they belong to: a program
// has to build the network that it loads into. This one knows all but the widths, and reads these from the weights.
std::vector<std::int64_t> saved_widths(const std::string& path) {
  torch::serialize::InputArchive archive;
  archive.load_from(path, torch::kCPU);
  std::vector<std::int64_t> widths;
  torch::serialize::InputArchive layer;
  for (int place = 0; archive.try_read(std::to_string(place), layer); place += 2) {
    torch::Tensor weight;
    if (!layer.try_read("weight", weight) || weight.dim() != 2) {
      throw std::runtime_error("expected a Linear layer in every other place, and there is none in place " +
                               std::to_string(place));
    }
    // torch::load would take the bytes of other numbers for float32.
    if (weight.scalar_type() != torch::kFloat32) {
      throw std::runtime_error(std::string("expected weights in Float, got ") + torch::toString(weight.scalar_type()) +
                               " in place " + std::to_string(place));
    }
    if (widths.empty()) {
      widths.push_back(weight.size(1));
    }
    widths.push_back(weight.size(0));
  }
  return widths;
}

torch::nn::Sequential load_mlp(const std::string& path) {
  if (!std::filesystem::is_regular_file(path)) {
    throw std::runtime_error(path + ": there is no such file");
  }
  try {
    torch::nn::Sequential network = make_mlp(saved_widths(path));
    torch::load(network, path, torch::kCPU);
    return network;
  } catch (const c10::Error& error) {
    throw std::runtime_error(path + ": torch cannot load it: " + error.what_without_backtrace());
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(path + ": " + error.what());
  }
}

void train_and_save(const std::string& path_a, const std::string& path_b) {
  torch::manual_seed(0);
  const auto [points, arms] = make_spirals(2000);
  std::uint64_t seed = 1;
  for (const std::string& path : {path_a, path_b}) {
    const torch::nn::Sequential network = train(seed++);
    torch::save(network, path);
    std::cout << path << ": accuracy " << accuracy(network, points, arms) << '\n';
  }
}

void compare(const std::string& path_a, const std::string& path_b) {
  const torch::nn::Sequential a = load_mlp(path_a);
  const torch::nn::Sequential b = load_mlp(path_b);
  torch::manual_seed(0);
  const torch::Tensor points = make_spirals(2000).first;

  const funcsim::Comparison comparison = funcsim::compare(a, b, points);
  std::cout << comparison << '\n';

  const funcsim::LayerComparison& layer = comparison.layers.front();
  std::cout << "\nThe first units of layer " << layer.name_a << ":\n";
  for (std::int64_t i = 0; i < std::min<std::int64_t>(8, layer.matches.size(0)); ++i) {
    std::cout << "  unit " << layer.matches[i][0].item<std::int64_t>() << " of a is unit "
              << layer.matches[i][1].item<std::int64_t>() << " of b, similarity " << layer.similarities[i].item<float>()
              << '\n';
  }

  std::cout << "\nWith inputs of the wrong width:\n";
  try {
    funcsim::compare(a, b, torch::nn::functional::pad(points, torch::nn::functional::PadFuncOptions({0, 1})));
  } catch (const funcsim::Error& error) {
    std::cout << "  " << error.what() << '\n';
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    if (arguments.size() == 3 && arguments[0] == "train") {
      train_and_save(arguments[1], arguments[2]);
    } else if (arguments.size() == 3 && arguments[0] == "compare") {
      compare(arguments[1], arguments[2]);
    } else {
      std::cerr << usage;
      return 2;
    }
  } catch (const c10::Error& error) {  // torch's: its what() has a stack trace behind the message
    std::cerr << "cpp_app: " << error.what_without_backtrace() << '\n';
    return 1;
  } catch (const std::exception& error) {  // funcsim::Error is one
    std::cerr << "cpp_app: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
