#pragma once

#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "device/device_call.h"
#include "kernels/common/error.h"
#include "kernels/common/parallel.h"
#include "network/tensor_text.h"

// Checks of tensor arguments that every operator shares. They live here, where every caller passes: Python,
// TorchScript, exported programs and C++.

namespace funcsim {

using Dtype = torch::headeronly::ScalarType;
using torch::stable::Tensor;

/// The tensor, contiguous, after checking that it is a matrix of this dtype on a device that there are kernels for.
/// @param expected the layout in words for the message, e.g. "[units, bytes]"
Tensor checked_matrix(const Tensor& tensor, const char* op, const std::string& name, Dtype dtype, const char* expected);

/// checked_matrix for packed signatures of num_samples bits: as many bytes as that takes and no bit set in the padding.
/// What a device finds in the padding is raised later.
Tensor checked_signatures(const Tensor& tensor, const char* op, const std::string& name, std::int64_t num_samples);

/// The tensor on the host, for operators that work there whatever its device is; checked as all tensors are.
/// @throws Error while a CUDA graph is recorded, which nothing can be copied out of
Tensor host_copy(const Tensor& tensor, const char* op, const std::string& name);

/// @throws Error unless num_hashes is in [1, 2^24] (2^24: more slots than 24 bits of the hash could fill evenly)
void check_num_hashes(const char* op, std::int64_t num_hashes);

/// @throws Error unless indices from `first` on leave room for `count` things (at least 0) in 64 bits
void check_first(const char* op, const char* name, std::int64_t first, std::int64_t count, const char* things);

/// @throws Error unless method is "auto", "exact" or "minhash"
void check_method(const char* op, const std::string& method);

/// @throws Error unless the tensor is dense and on a device that there are kernels for
void check_device(const Tensor& tensor, const char* op, const std::string& name);

/// @throws Error naming both devices unless they are the same
void check_same_device(const char* op, const std::string& name_a, const Tensor& a, const std::string& name_b,
                       const Tensor& b);

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

/// A new tensor on the device of `like` with these values.
template <typename Value>
Tensor tensor_of(const Tensor& like, const std::vector<std::int64_t>& sizes, Dtype dtype,
                 const std::vector<Value>& values) {
  const Tensor host = new_host_tensor(sizes, dtype);
  std::copy(values.begin(), values.end(), static_cast<Value*>(host.mutable_data_ptr()));
  return to_device_of(like, host);
}

/// float64 [values.size()].
inline Tensor float64_tensor(const Tensor& like, const std::vector<double>& values) {
  return tensor_of(like, {static_cast<std::int64_t>(values.size())}, Dtype::Double, values);
}

/// float64, without dimensions.
inline Tensor scalar_tensor(const Tensor& like, double value) {
  return tensor_of<double>(like, {}, Dtype::Double, {value});
}

/// PyTorch's own thread pool.
ParallelFor torch_parallel_for();

}  // namespace funcsim
