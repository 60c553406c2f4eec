// funcsim's kernels for CUDA, emulated, are the kernels of the emulated devices.

#include <c10/core/DeviceType.h>

#include "device/backends.h"
#include "runtime.h"

extern "C" const funcsim::DeviceKernels* funcsim_device_kernels(std::int64_t interface_version);

namespace emulated_device {

namespace {

const bool registration = [] {
  funcsim_register_device(static_cast<std::int32_t>(c10::DeviceType::PrivateUse1),
                          funcsim_device_kernels(funcsim::DeviceKernels::interface_version),
                          [](std::int32_t device) -> void* { return current_stream(device); });
  return true;
}();

}  // namespace

}  // namespace emulated_device
