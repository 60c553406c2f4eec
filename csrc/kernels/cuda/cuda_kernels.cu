#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/launch.h"

namespace funcsim {

void CudaKernels::copy_to_host(const void* from, void* host, std::int64_t bytes, const DeviceQueue& queue) const {
  const CurrentDevice current(queue);
  check_cuda(cudaMemcpyAsync(host, from, static_cast<std::size_t>(bytes), cudaMemcpyDeviceToHost, stream_of(queue)),
             "copying to the host");
}

void CudaKernels::copy_to_device(const void* host, void* to, std::int64_t bytes, const DeviceQueue& queue) const {
  const CurrentDevice current(queue);
  check_cuda(cudaMemcpyAsync(to, host, static_cast<std::size_t>(bytes), cudaMemcpyHostToDevice, stream_of(queue)),
             "copying to the device");
}

void CudaKernels::fill(void* to, std::uint8_t value, std::int64_t bytes, const DeviceQueue& queue) const {
  const CurrentDevice current(queue);
  check_cuda(cudaMemsetAsync(to, value, static_cast<std::size_t>(bytes), stream_of(queue)), "filling memory");
}

void* CudaKernels::record(const DeviceQueue& queue) const {
  const CurrentDevice current(queue);
  cudaEvent_t event = nullptr;
  check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event");
  const cudaError_t status = cudaEventRecord(event, stream_of(queue));
  if (status != cudaSuccess) {
    static_cast<void>(cudaEventDestroy(event));
    check_cuda(status, "recording an event");
  }
  return event;
}

void CudaKernels::wait(void* point) const {
  const auto event = static_cast<cudaEvent_t>(point);
  const cudaError_t status = cudaEventSynchronize(event);
  static_cast<void>(cudaEventDestroy(event));
  check_cuda(status, "waiting for an event");
}

void CudaKernels::synchronize(const DeviceQueue& queue) const {
  const CurrentDevice current(queue);
  check_cuda(cudaStreamSynchronize(stream_of(queue)), "waiting for a stream");
}

bool CudaKernels::is_capturing(const DeviceQueue& queue) const {
  const CurrentDevice current(queue);
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check_cuda(cudaStreamIsCapturing(stream_of(queue), &status), "asking whether a graph is recorded");
  return status != cudaStreamCaptureStatusNone;
}

void* CudaKernels::new_shared_memory(std::int64_t bytes, const DeviceQueue& queue) const {
  const CurrentDevice current(queue);
  void* memory = nullptr;
  check_cuda(cudaHostAlloc(&memory, static_cast<std::size_t>(bytes), cudaHostAllocPortable | cudaHostAllocMapped),
             "allocating pinned memory");
  return memory;
}

}  // namespace funcsim

extern "C" __attribute__((visibility("default"))) const funcsim::DeviceKernels* funcsim_device_kernels(
    std::int64_t interface_version) {
  static const funcsim::CudaKernels kernels;
  return interface_version == funcsim::DeviceKernels::interface_version ? &kernels : nullptr;
}
