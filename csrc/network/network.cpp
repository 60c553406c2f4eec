#include "network/network.h"

#include <cstddef>
#include <utility>

#include "device/backends.h"
#include "kernels/common/error.h"
#include "network/aten.h"
#include "network/tensor_text.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;
using Dtype = torch::headeronly::ScalarType;

bool is_floating(Dtype dtype) {
  return dtype == Dtype::Float || dtype == Dtype::Double || dtype == Dtype::Half || dtype == Dtype::BFloat16;
}

/// What tensors of this dtype are computed in.
Dtype widened(Dtype dtype) {
  return dtype == Dtype::Double ? Dtype::Double : Dtype::Float;
}

std::size_t count_tensors(const Architecture& architecture) {
  std::size_t count = 0;
  for (const Item& item : architecture.items) {
    count += item_parameters(item).size();
  }
  return count;
}

/// Runs `action` with the role of a network before the message of an error.
template <typename Action>
auto in_role(const std::string& role, const Action& action) {
  try {
    return action();
  } catch (const Error& error) {
    fail(role, ": ", error.what());
  }
}

}  // namespace

Network::Network(const std::string& architecture, const std::vector<Tensor>& parameters, std::string role)
    : role_(std::move(role)) {
  in_role(role_, [&] {
    architecture_ = parse_architecture(architecture);
    hidden_layers_ = find_hidden_layers(architecture_);
    take_parameters(parameters);
  });
}

Layer Network::layer(std::int64_t item) const {
  return {architecture_.items[item], tensors_[item]};
}

void Network::take_parameters(const std::vector<Tensor>& parameters) {
  const std::size_t expected = count_tensors(architecture_);
  check(parameters.size() == expected, "the architecture takes ", expected, " parameter tensors, got ",
        parameters.size());
  first_parameter_ = parameters.front();  // hidden layers exist, so weights do
  given_dtype_ = dtype_of(first_parameter_);
  dtype_ = widened(given_dtype_);
  std::size_t next = 0;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(architecture_.items.size()); ++i) {
    std::vector<Tensor>& tensors = tensors_.emplace_back();
    for (const ParameterSpec& spec : item_parameters(architecture_.items[i])) {
      tensors.push_back(checked_parameter(i, spec, parameters[next++]));
    }
  }
}

Tensor Network::checked_parameter(std::int64_t item, const ParameterSpec& spec, const Tensor& tensor) const {
  const auto place = [&] { return item_place(architecture_, item) + ": " + std::string(spec.name); };
  const auto sizes = tensor.sizes();
  if (Shape(sizes.begin(), sizes.end()) != spec.sizes) {
    fail(place(), " must be ", shape_text(spec.sizes), ", got ", describe_tensor(tensor));
  }
  if (!is_floating(dtype_of(tensor))) {
    fail(place(), " must be float32, float64, float16 or bfloat16, got ", describe_tensor(tensor));
  }
  if (dtype_of(tensor) != given_dtype_) {
    fail(place(), " must be ", dtype_name(given_dtype_), " like the first parameter, got ", describe_tensor(tensor));
  }
  if (!is_strided(tensor)) {
    fail(place(), " must be a dense tensor, got a sparse or otherwise packed one");
  }
  const std::string problem = device_problem(tensor);
  if (!problem.empty()) {
    fail(place(), " must be on a device that funcsim has kernels for, got ", describe_tensor(tensor), " (", problem,
         ")");
  }
  if (tensor.device() != first_parameter_.device()) {
    fail(place(), " must be on ", device_name(first_parameter_), " like the first parameter, got ",
         device_name(tensor));
  }
  return aten::aligned(aten::to_dtype(aten::detach(tensor), dtype_));
}

Tensor Network::forward(std::int64_t item, const Tensor& activations) const {
  const Layer running = layer(item);
  if (running.item.type->forward == nullptr) {
    return activations;
  }
  const Tensor output = running.item.type->forward(running, activations);
  if (output.scalar_type() != dtype_) {
    fail(role_, ": ", item_place(architecture_, item), ": PyTorch computed in ", dtype_name(output.scalar_type()),
         " instead of ", dtype_name(dtype_), ": is autocast on? Switch it off around this call");
  }
  return output;
}

void Network::replace_tensors(std::int64_t item, std::vector<Tensor> tensors) {
  tensors_[item] = std::move(tensors);
}

Plan Network::plan(const Tensor& inputs, std::int64_t positions) const {
  return in_role(role_, [&] {
    const auto sizes = inputs.sizes();
    check(sizes.size() >= 2 && sizes[0] >= 1, "inputs must be [inputs, features...] with at least one input, got ",
          describe_tensor(inputs));
    check(is_floating(dtype_of(inputs)) && widened(dtype_of(inputs)) == dtype_, "inputs must be ", dtype_name(dtype_),
          " like the parameters, got ", describe_tensor(inputs));
    check(is_strided(inputs), "inputs must be a dense tensor, got a sparse or otherwise packed one");
    if (inputs.device() != first_parameter_.device()) {
      fail("inputs must be on ", device_name(first_parameter_), " like the parameters, got ", device_name(inputs));
    }
    Plan planned = plan_samples(architecture_, hidden_layers_, Shape(sizes.begin() + 1, sizes.end()), positions);
    for (const LayerSamples& samples : planned.samples) {
      element_count({sizes[0], samples.samples_per_input});
    }
    return planned;
  });
}

std::string hidden_layer_place(const Network& network, std::int64_t layer) {
  const HiddenLayer& hidden = network.hidden_layers()[layer];
  std::string place = "hidden layer " + std::to_string(layer) + ", " + item_place(network.architecture(), hidden.item);
  if (hidden.preactivation_item != hidden.item) {
    place += " and " + item_place(network.architecture(), hidden.preactivation_item);
  }
  return place;
}

}  // namespace funcsim
