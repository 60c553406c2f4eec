#pragma once

#include <torch/csrc/stable/tensor.h>

#include <optional>

#include "device/device_call.h"
#include "kernels/common/parallel.h"

namespace funcsim {

/// Where an operator works: on threads of the host, and on the device of its tensors unless that is the CPU.
struct Execution {
  Execution(ParallelFor threads, const torch::stable::Tensor& on) : parallel_for(std::move(threads)) {
    if (!on.is_cpu()) {
      device.emplace(on);
    }
  }

  ParallelFor parallel_for;
  std::optional<DeviceCall> device;
};

}  // namespace funcsim
