// Runs a monitor that monitor.py saved, without Python: run_monitor MONITOR INPUTS [LIVE ...].
//
// Prints what MONITOR says of INPUTS, first with the live weights it was saved with, then with those of each file LIVE.
// Monitors call funcsim's operators, which are there because the build links libfuncsim.so into this program: nothing
// of funcsim is included here.

#include <torch/csrc/inductor/aoti_package/model_package_loader.h>
#include <torch/csrc/jit/serialization/pickle.h>
#include <torch/script.h>

#include <array>
#include <charconv>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

using Weights = std::unordered_map<std::string, at::Tensor>;

/// A monitor in one of the forms that LibTorch runs.
struct Monitor {
  /// Score, chance level and adjusted score.
  std::function<std::vector<at::Tensor>(const at::Tensor& inputs)> run;

  /// Uses other weights, by name. The operators will check that they fit.
  std::function<void(Weights weights)> update;
};

Monitor load_torchscript(const std::string& path) {
  torch::jit::Module module = torch::jit::load(path);
  const auto run = [module](const at::Tensor& inputs) mutable {
    const c10::IValue result = module.forward({inputs});
    std::vector<at::Tensor> values;
    for (const c10::IValue& value : result.toTupleRef().elements()) {
      values.push_back(value.toTensor());
    }
    return values;
  };
  const auto update = [module](Weights weights) {
    for (const auto& buffer : module.named_buffers()) {
      if (const auto weight = weights.extract(buffer.name)) {
        buffer.value.set_data(weight.mapped());
      }
    }
    TORCH_CHECK(weights.empty(), "the monitor has no ", weights.begin()->first);
  };
  return {run, update};
}

Monitor load_package(const std::string& path) {
  const auto package = std::make_shared<torch::inductor::AOTIModelPackageLoader>(path);
  const auto run = [package](const at::Tensor& inputs) { return package->run({inputs}); };
  const auto update = [package](Weights weights) {
    // user_managed: used as they are. Otherwise their bytes are copied, and nobody looks whether they fit.
    package->load_constants(weights, /*use_inactive=*/false, /*check_full_update=*/false, /*user_managed=*/true);
  };
  return {run, update};
}

Monitor load_monitor(const std::string& path) {
  if (path.ends_with(".aoti.pt2")) {
    return load_package(path);
  }
  TORCH_CHECK(!path.ends_with(".pt2"), path,
              " is a program of torch.export, which LibTorch can't run as it is; compile it with "
              "torch._inductor.aoti_compile_and_package");
  return load_torchscript(path);
}

/// What torch.save has written.
c10::IValue load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  TORCH_CHECK(file, "cannot open ", path);
  return torch::jit::pickle_load({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
}

/// The live network's state dict, under the names that its weights have in the monitor.
Weights load_live_weights(const std::string& path) {
  Weights weights;
  for (const auto& item : load(path).toGenericDict()) {
    weights.emplace("comparer.network_b." + item.key().toStringRef(), item.value().toTensor());
  }
  return weights;
}

/// The shortest text that is read back as the same number, as Python prints it.
std::string text(double value) {
  std::array<char, 32> characters{};
  const auto end = std::to_chars(characters.begin(), characters.end(), value);
  return {characters.begin(), end.ptr};
}

void print_scores(const std::string& live, const Monitor& monitor, const at::Tensor& inputs) {
  const std::vector<at::Tensor> values = monitor.run(inputs);
  TORCH_CHECK(values.at(0).defined(), "the monitor refused; torch before 2.13 has written the reason to stderr");
  std::cout << live << ": score " << text(values.at(0).item<double>()) << ", chance "
            << text(values.at(1).item<double>()) << ", adjusted " << text(values.at(2).item<double>()) << '\n';
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() < 2) {
    std::cerr << "usage: run_monitor MONITOR INPUTS [LIVE ...]\n";
    return 2;
  }
  try {
    const Monitor monitor = load_monitor(arguments[0]);
    const at::Tensor inputs = load(arguments[1]).toTensor();
    print_scores("as saved", monitor, inputs);
    for (std::size_t i = 2; i < arguments.size(); ++i) {
      monitor.update(load_live_weights(arguments[i]));
      print_scores(arguments[i], monitor, inputs);
    }
  } catch (const c10::Error& error) {
    std::cerr << "run_monitor: " << error.what_without_backtrace() << '\n';
    return 1;
  } catch (const std::exception& error) {
    std::cerr << "run_monitor: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
