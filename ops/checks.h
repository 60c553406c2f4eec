#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "kernels/common/error.h"
#include "kernels/common/parallel.h"
#include "network/tensor_text.h"

// Checks of tensor arguments that every operator shares. They live here, where every caller passes: Python,
// TorchScript, exported programs and C++.

namespace funcsim {

using Dtype = torch::headeronly::ScalarType;
using torch::stable::Tensor;

/// The tensor, contiguous, after checking that it is a CPU tensor of this dtype with this many dimensions.
/// @param expected the layout in words for the message, e.g. "[units, bytes]"
Tensor checked_matrix(const Tensor& tensor, const char* op, const std::string& name, Dtype dtype, const char* expected);

/// checked_matrix for packed signatures of num_samples bits: as many bytes as that takes and no bit set in the padding.
Tensor checked_signatures(const Tensor& tensor, const char* op, const std::string& name, std::int64_t num_samples);

/// @throws Error unless num_hashes is in [1, 2^24] (2^24: more slots than 24 bits of the hash could fill evenly)
void check_num_hashes(const char* op, std::int64_t num_hashes);

/// @throws Error unless indices from `first` on leave room for `count` things (at least 0) in 64 bits
void check_first(const char* op, const char* name, std::int64_t first, std::int64_t count, const char* things);

/// @throws Error unless method is "auto", "exact" or "minhash"
void check_method(const char* op, const std::string& method);

/// @throws Error unless the tensor is on the CPU
void check_cpu(const Tensor& tensor, const char* op, const std::string& name);

/// work(), with an error that says what for where the memory isn't there.
/// @param what in words for the message, e.g. "the partners of 8 inputs"
template <typename Work>
auto with_memory_for(const char* op, const std::string& what, const Work& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    throw Error(std::string(op) + ": there is not enough memory for " + what);
  }
}

/// A new contiguous CPU tensor.
Tensor new_tensor(const std::vector<std::int64_t>& sizes, Dtype dtype);

/// A new CPU tensor with these float64 values.
Tensor float64_tensor(const std::vector<double>& values);

/// A new CPU tensor without dimensions, float64.
Tensor scalar_tensor(double value);

/// PyTorch's own thread pool.
ParallelFor torch_parallel_for();

}  // namespace funcsim
