#pragma once

#include "kernels/cuda/launch.h"

namespace funcsim {

/// What the queue's device is or has.
inline std::int64_t device_attribute(cudaDeviceAttr attribute, const DeviceQueue& queue) {
  int value = 0;
  check_cuda(cudaDeviceGetAttribute(&value, attribute, queue.device), "asking for a device's attribute");
  return value;
}

}  // namespace funcsim
