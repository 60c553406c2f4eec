// What tests/python/emulated_device.py asks of the devices beside what PyTorch does.

#include <c10/core/DeviceGuard.h>
#include <c10/util/Exception.h>

#include "emulated_cuda/memory.h"
#include "runtime.h"

using emulated_device::check;
using emulated_device::current_stream;
using emulated_device::set_current_stream;

extern "C" {

/// Opens the devices' memory to the host until it is closed again.
__attribute__((visibility("default"))) emulated_cuda::DeviceAccess* emulated_device_open() {
  return new emulated_cuda::DeviceAccess;
}

__attribute__((visibility("default"))) void emulated_device_close(emulated_cuda::DeviceAccess* access) {
  delete access;
}

/// Until it ends, what this thread puts on the device is recorded instead of done.
/// @return the stream for work that isn't recorded
__attribute__((visibility("default"))) cudaStream_t emulated_device_begin_graph(int device) {
  const c10::DeviceGuard guard({c10::DeviceType::PrivateUse1, static_cast<c10::DeviceIndex>(device)});
  const cudaStream_t before = current_stream(device);
  cudaStream_t recording = nullptr;
  check(cudaStreamCreateWithFlags(&recording, cudaStreamNonBlocking));
  check(cudaStreamBeginCapture(recording, cudaStreamCaptureModeGlobal));
  set_current_stream(device, recording);
  return before;
}

__attribute__((visibility("default"))) cudaGraphExec_t emulated_device_end_graph(int device, cudaStream_t before) {
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  check(cudaStreamEndCapture(current_stream(device), &graph));
  set_current_stream(device, before);
  check(cudaGraphInstantiate(&executable, graph));
  check(cudaGraphDestroy(graph));
  return executable;
}

__attribute__((visibility("default"))) void emulated_device_replay_graph(int device, cudaGraphExec_t graph) {
  const c10::DeviceGuard guard({c10::DeviceType::PrivateUse1, static_cast<c10::DeviceIndex>(device)});
  check(cudaGraphLaunch(graph, current_stream(device)));
}
}
