#pragma once

#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "network/tensor_values.h"

namespace funcsim {

/// A float64 or float32 CPU tensor with these values.
template <typename Value>
torch::stable::Tensor tensor_of(const std::vector<std::int64_t>& sizes, const std::vector<Value>& values) {
  constexpr auto dtype =
      sizeof(Value) == 8 ? torch::headeronly::ScalarType::Double : torch::headeronly::ScalarType::Float;
  torch::stable::Tensor tensor =
      torch::stable::empty(sizes, dtype, std::nullopt, torch::stable::Device(torch::headeronly::DeviceType::CPU));
  std::copy(values.begin(), values.end(), static_cast<Value*>(tensor.mutable_data_ptr()));
  return tensor;
}

inline torch::stable::Tensor doubles(const std::vector<std::int64_t>& sizes, const std::vector<double>& values) {
  return tensor_of<double>(sizes, values);
}

}  // namespace funcsim
