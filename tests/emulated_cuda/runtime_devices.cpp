// Launches, errors, devices and what they are.

#include <algorithm>
#include <utility>

#include "block.h"
#include "emulated_cuda/runtime_api.h"
#include "streams.h"

namespace emulated_cuda {

namespace {

// Of dynamic shared memory a block, with the attribute that allows more than 48 KB.
int most_shared_bytes() {
  switch (runtime().capability) {
    case 75:
      return 64 << 10;
    case 80:
    case 87:
      return 163 << 10;
    case 86:
    case 89:
    case 120:
      return 99 << 10;
    default:
      return 227 << 10;
  }
}

}  // namespace

cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel, std::function<void()> thread) {
  const Lock lock(runtime().mutex);
  // Without asking a block has 48 KiB, of which the kernel's own variables take a part, up to the next multiple of what
  // dynamic memory is aligned to. How many bytes they have isn't known here: assumed is one such multiple.
  constexpr std::size_t usual_shared_bytes = 47 << 10;
  const dim3 blocks = config.gridDim;
  const dim3 threads = config.blockDim;
  Stream* const stream = real_stream(config.stream);
  if (stream->device != runtime().device.get()) {
    return set_error(cudaErrorInvalidResourceHandle);
  }
  const bool some = blocks.x > 0 && blocks.y > 0 && blocks.z > 0 && threads.x > 0 && threads.y > 0 && threads.z > 0;
  if (!some || blocks.x > 0x7FFFFFFFU || blocks.y > 65535 || blocks.z > 65535 || threads.x > 1024 || threads.y > 1024 ||
      threads.z > 64 || threads.x * threads.y * threads.z > 1024 || config.numAttrs != 0) {
    return set_error(cudaErrorInvalidConfiguration);
  }
  if (config.dynamicSmemBytes > usual_shared_bytes) {
    const auto limit = runtime().dynamic_shared_limits.find(kernel);
    if (limit == runtime().dynamic_shared_limits.end() ||
        config.dynamicSmemBytes > static_cast<std::size_t>(limit->second)) {
      return set_error(cudaErrorInvalidValue);
    }
  }
  ++runtime().launches;
  return add_work(stream, [work = Launch{blocks, threads, config.dynamicSmemBytes, kernel, std::move(thread)}] {
    return run_kernel(work);
  });
}

void set_compute_capability(int capability) {
  runtime().capability = capability;
}

void set_deferred(bool deferred) {
  const Lock lock(runtime().mutex);
  finish_devices(every_device);
  runtime().deferred = deferred;
}

long long launches() {
  const Lock lock(runtime().mutex);
  return runtime().launches;
}

}  // namespace emulated_cuda

using namespace emulated_cuda;

// Errors.

cudaError_t cudaGetLastError() {
  const Lock lock(runtime().mutex);
  return std::exchange(runtime().last_error, cudaSuccess);
}

cudaError_t cudaPeekAtLastError() {
  const Lock lock(runtime().mutex);
  return runtime().last_error;
}

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorInvalidResourceHandle:
      return "cudaErrorInvalidResourceHandle";
    case cudaErrorNotReady:
      return "cudaErrorNotReady";
    case cudaErrorLaunchFailure:
      return "cudaErrorLaunchFailure";
    case cudaErrorStreamCaptureUnsupported:
      return "cudaErrorStreamCaptureUnsupported";
  }
  return "unknown";
}

const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidConfiguration:
      return "invalid configuration argument";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    case cudaErrorInvalidResourceHandle:
      return "invalid resource handle";
    case cudaErrorNotReady:
      return "device not ready";
    case cudaErrorLaunchFailure:
      return runtime().failure.c_str();
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
  }
  return "unknown";
}

// Devices.

cudaError_t cudaGetDeviceCount(int* count) {
  *count = device_count;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int* device) {
  *device = runtime().device.get();
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= device_count) {
    return set_error(cudaErrorInvalidDevice);
  }
  runtime().device.set(device);
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (device < 0 || device >= device_count) {
    return set_error(cudaErrorInvalidDevice);
  }
  switch (attribute) {
    case cudaDevAttrMaxSharedMemoryPerBlock:
      *value = 48 << 10;
      return cudaSuccess;
    case cudaDevAttrMultiProcessorCount:
      *value = 4;
      return cudaSuccess;
    case cudaDevAttrL2CacheSize:
      *value = 1 << 20;
      return cudaSuccess;
    case cudaDevAttrMaxThreadsPerMultiProcessor:
      *value = 1024;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMajor:
      *value = runtime().capability / 10;
      return cudaSuccess;
    case cudaDevAttrComputeCapabilityMinor:
      *value = runtime().capability % 10;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = most_shared_bytes() + 1024;
      return cudaSuccess;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = most_shared_bytes();
      return cudaSuccess;
  }
  return set_error(cudaErrorInvalidValue);
}

cudaError_t cudaDeviceSynchronize() {
  const Lock lock(runtime().mutex);
  const int device = runtime().device.get();
  return set_error(finish_devices([device](const Stream& stream) { return stream.device == device; }));
}

cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute attribute, int value) {
  const Lock lock(runtime().mutex);
  if (attribute == cudaFuncAttributeMaxDynamicSharedMemorySize) {
    if (value < 0 || value > most_shared_bytes()) {
      return set_error(cudaErrorInvalidValue);
    }
    runtime().dynamic_shared_limits[kernel] = value;
  }
  return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void* /*kernel*/, int threads,
                                                          std::size_t dynamic_shared_bytes) {
  const auto shared_bytes = static_cast<int>(dynamic_shared_bytes) + 1024;
  *blocks = std::min(1024 / std::max(threads, 1), (most_shared_bytes() + 1024) / shared_bytes);
  return cudaSuccess;
}
