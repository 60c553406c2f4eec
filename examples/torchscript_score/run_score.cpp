// Runs a scoring module that score_module.py saved: run_score MODULE INPUTS prints the score.
//
// The module calls funcsim's operators, which are there because the build links libfuncsim.so into this program:
// nothing of funcsim is included here, and no Python is needed.

#include <torch/script.h>
#include <torch/torch.h>

#include <exception>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

namespace {

torch::Tensor load_tensor(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw std::runtime_error("cannot open " + path);
  }
  const std::vector<char> bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return torch::pickle_load(bytes).toTensor();
}

void print_score(const std::string& module_path, const std::string& inputs_path) {
  torch::jit::Module module = torch::jit::load(module_path);
  const auto score = module.forward({load_tensor(inputs_path)}).toTensor().item<double>();
  std::cout << std::setprecision(std::numeric_limits<double>::max_digits10) << score << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: run_score MODULE INPUTS\n";
    return 2;
  }
  try {
    print_score(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::cerr << "run_score: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
