#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "network/architecture.h"
#include "network/layers.h"

namespace funcsim {

/// An architecture together with its tensors, checked against each other: the right number, shapes,
/// one floating dtype, one device, no NaN-free requirement here (NaN shows up in the pre-activations).
class Network {
 public:
  /// Parses and checks. `role` names the network in messages ("network", "network a", "network b").
  /// float16 and bfloat16 parameters are widened to float32, and so are the inputs later.
  /// @throws Error naming the item and tensor, what was expected and what came
  Network(const std::string& architecture, const std::vector<torch::stable::Tensor>& parameters, std::string role);

  const Architecture& architecture() const { return architecture_; }
  const std::string& role() const { return role_; }
  /// The hidden layers in order; never empty.
  const std::vector<HiddenLayer>& hidden_layers() const { return hidden_layers_; }
  /// The tensors of item i, in the order of docs/architecture.md (widened to float32 where needed).
  const std::vector<torch::stable::Tensor>& item_parameters(std::int64_t item) const;
  /// The dtype the parameters were given in.
  torch::headeronly::ScalarType given_dtype() const { return given_dtype_; }

 private:
  std::string role_;
  Architecture architecture_;
  std::vector<HiddenLayer> hidden_layers_;
  std::vector<std::vector<torch::stable::Tensor>> item_parameters_;
  torch::headeronly::ScalarType given_dtype_;
};

}  // namespace funcsim
