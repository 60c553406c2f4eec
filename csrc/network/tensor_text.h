#pragma once

#include <torch/csrc/stable/tensor.h>

#include <string>

// Tensors as error messages show them.

namespace funcsim {

/// The dtype; Undefined for a tensor that is undefined or of a dtype that the stable ABI doesn't know (the quantized
/// ones).
torch::headeronly::ScalarType dtype_of(const torch::stable::Tensor& tensor);

/// Name of a dtype as Python writes it, without "torch.".
std::string dtype_name(torch::headeronly::ScalarType dtype);

/// "cpu", "cuda:0", "meta".
std::string device_name(const torch::stable::Tensor& tensor);

/// Whether a tensor's numbers lie in memory one by one: not sparse, not packed by a library.
bool is_strided(const torch::stable::Tensor& tensor);

/// "float32 [3, 4]", and the device where it isn't the CPU: "float32 [3, 4] on cuda:0"; "an undefined tensor".
std::string describe_tensor(const torch::stable::Tensor& tensor);

}  // namespace funcsim
