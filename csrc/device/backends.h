#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <string>

#include "kernels/common/device_kernels.h"

namespace funcsim {

/// What it takes to work on tensors of one kind of device.
struct DeviceBackend {
  const DeviceKernels* kernels;
  void* (*current_stream)(std::int32_t device);  ///< PyTorch's, of this thread
};

/// The backend for a kind of device other than the CPU. That for CUDA is libfuncsim_cuda.so beside this library, which
/// is loaded when it is asked for first.
///
/// @throws Error saying why there is none
const DeviceBackend& device_backend(torch::headeronly::DeviceType type);

/// Why there are no kernels for a tensor's device; empty where there are.
std::string device_problem(const torch::stable::Tensor& tensor);

}  // namespace funcsim

extern "C" {

/// Adds kernels for a kind of device, before its first tensor comes.
///
/// @param device_type PyTorch's number of it, such as aoti_torch_device_type_privateuse1()
/// @param kernels     live as long as the process
__attribute__((visibility("default"))) void funcsim_register_device(std::int32_t device_type,
                                                                    const funcsim::DeviceKernels* kernels,
                                                                    void* (*current_stream)(std::int32_t device));
}
