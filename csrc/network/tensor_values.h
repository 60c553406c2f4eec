#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <vector>

// Numbers between tensors, on whatever device, and memory of the host.

namespace funcsim {

/// The distance from 1 to the next number of a floating dtype.
double epsilon(torch::headeronly::ScalarType dtype);

/// The same tensors in float64, detached.
std::vector<torch::stable::Tensor> in_float64(const std::vector<torch::stable::Tensor>& tensors);

/// The numbers of a floating tensor, row-major. Waits for a device.
std::vector<double> values_of(const torch::stable::Tensor& tensor);

/// int64 [values.size()] on the device of `like`.
torch::stable::Tensor int64_vector(const std::vector<std::int64_t>& values, const torch::stable::Tensor& like);

/// float64 [values.size()] on the device of `like`.
torch::stable::Tensor float64_vector(const std::vector<double>& values, const torch::stable::Tensor& like);

}  // namespace funcsim
