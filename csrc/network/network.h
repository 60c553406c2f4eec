#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "network/architecture.h"
#include "network/hidden_layers.h"

namespace funcsim {

/// An architecture together with its tensors, checked against each other: number, shapes, one floating dtype, on one
/// device that there are kernels for. NaN is not looked for here: it shows in the pre-activations.
class Network {
 public:
  /// Parses and checks. float16 and bfloat16 parameters are widened to float32.
  ///
  /// @param role names the network in messages, for example "compare: network a"
  /// @throws Error naming the item and the tensor, what was expected and what came
  Network(const std::string& architecture, const std::vector<torch::stable::Tensor>& parameters, std::string role);

  const Architecture& architecture() const { return architecture_; }
  const std::string& role() const { return role_; }
  /// The hidden layers in order; never empty.
  const std::vector<HiddenLayer>& hidden_layers() const { return hidden_layers_; }
  /// Item i with its tensors.
  Layer layer(std::int64_t item) const;
  /// What the network computes in: float32 or float64.
  torch::headeronly::ScalarType dtype() const { return dtype_; }
  /// A tensor on the device that all parameters are on.
  const torch::stable::Tensor& on_device() const { return first_parameter_; }
  /// The dtype the parameters were given in.
  torch::headeronly::ScalarType given_dtype() const { return given_dtype_; }

  /// Checks a batch of inputs and tells what becomes of them.
  ///
  /// @param inputs [N, ...] on the device of the parameters, N at least 1, of the network's dtype (float16 and bfloat16
  /// count as float32)
  /// @throws Error: what was expected and what came; where a layer doesn't fit its input, names the item
  Plan plan(const torch::stable::Tensor& inputs, std::int64_t positions) const;

  /// What item i gives for a batch of activations that fit it, in eval mode.
  /// @throws Error where that is of another dtype than the network's: autocast casts inside of ATen, where it can't be
  ///         switched off from here
  torch::stable::Tensor forward(std::int64_t item, const torch::stable::Tensor& activations) const;

  /// Puts other tensors in the place of item i's: of the same shapes, of dtype() and on the same device.
  void replace_tensors(std::int64_t item, std::vector<torch::stable::Tensor> tensors);

 private:
  void take_parameters(const std::vector<torch::stable::Tensor>& parameters);
  torch::stable::Tensor checked_parameter(std::int64_t item, const ParameterSpec& spec,
                                          const torch::stable::Tensor& tensor) const;

  std::string role_;
  Architecture architecture_;
  std::vector<HiddenLayer> hidden_layers_;
  std::vector<std::vector<torch::stable::Tensor>> tensors_;  ///< of every item
  torch::stable::Tensor first_parameter_;
  torch::headeronly::ScalarType given_dtype_ = torch::headeronly::ScalarType::Float;
  torch::headeronly::ScalarType dtype_ = torch::headeronly::ScalarType::Float;
};

/// A hidden layer and the items its pre-activations come from, for messages: "hidden layer 0, item 0 (Linear(4, 3)) and
/// item 1 (BatchNorm1d(3))".
std::string hidden_layer_place(const Network& network, std::int64_t layer);

}  // namespace funcsim
