#include "kernels/cuda/cuda_kernels.h"

#include <map>
#include <memory>
#include <mutex>
#include <type_traits>

#include "kernels/cuda/launch.h"

namespace funcsim {

namespace {

struct DestroyEvent {
  void operator()(cudaEvent_t event) const { static_cast<void>(cudaEventDestroy(event)); }
};
using Event = std::unique_ptr<std::remove_pointer_t<cudaEvent_t>, DestroyEvent>;

/// An event at the end of what is in the stream, of the current device.
Event record_event(cudaStream_t stream) {
  cudaEvent_t event = nullptr;
  check_cuda(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event");
  Event owner(event);
  check_cuda(cudaEventRecord(event, stream), "recording an event");
  return owner;
}

/// The current device's stream for copies beside the work of others. There is one for all: copies to the host share one
/// way anyhow.
cudaStream_t copy_stream(int device) {
  static std::mutex mutex;
  static std::map<int, cudaStream_t> streams;
  const std::lock_guard lock(mutex);
  const auto [entry, is_new] = streams.try_emplace(device, nullptr);
  if (is_new) {
    const cudaError_t status = cudaStreamCreateWithFlags(&entry->second, cudaStreamNonBlocking);
    if (status != cudaSuccess) {
      streams.erase(entry);
    }
    check_cuda(status, "making a stream");
  }
  return entry->second;
}

}  // namespace

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
  return record_event(stream_of(queue)).release();
}

void* CudaKernels::copy_to_host_aside(const void* from, void* host, std::int64_t bytes,
                                      const DeviceQueue& queue) const {
  const CurrentDevice current(queue);
  const cudaStream_t stream = copy_stream(queue.device);
  const Event ready = record_event(stream_of(queue));
  check_cuda(cudaStreamWaitEvent(stream, ready.get(), 0), "making one stream wait for another");
  check_cuda(cudaMemcpyAsync(host, from, static_cast<std::size_t>(bytes), cudaMemcpyDeviceToHost, stream),
             "copying to the host");
  return record_event(stream).release();
}

void CudaKernels::wait(void* point) const {
  const Event event(static_cast<cudaEvent_t>(point));
  check_cuda(cudaEventSynchronize(event.get()), "waiting for an event");
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
