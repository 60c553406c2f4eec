// Memory and copies.

#include <cstring>
#include <vector>

#include "emulated_cuda/runtime_api.h"
#include "memory.h"
#include "streams.h"

using namespace emulated_cuda;

cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  *memory = bytes > 0 ? new_memory(bytes, Place::device) : nullptr;
  return bytes > 0 && *memory == nullptr ? set_error(cudaErrorMemoryAllocation) : cudaSuccess;
}

cudaError_t cudaFree(void* memory) {
  const Lock lock(runtime().mutex);
  const cudaError_t error = set_error(finish_devices(every_device));
  if (memory != nullptr && !delete_memory(memory, Place::device)) {
    return set_error(cudaErrorInvalidValue);
  }
  return error;
}

cudaError_t cudaHostAlloc(void** memory, std::size_t bytes, unsigned /*flags*/) {
  *memory = bytes > 0 ? new_memory(bytes, Place::pinned) : nullptr;
  return bytes > 0 && *memory == nullptr ? set_error(cudaErrorMemoryAllocation) : cudaSuccess;
}

cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  return cudaHostAlloc(memory, bytes, cudaHostAllocDefault);
}

cudaError_t cudaFreeHost(void* memory) {
  const Lock lock(runtime().mutex);
  const cudaError_t error = set_error(finish_devices(every_device));
  if (memory != nullptr && !delete_memory(memory, Place::pinned)) {
    return set_error(cudaErrorInvalidValue);
  }
  return error;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind, cudaStream_t given) {
  const Lock lock(runtime().mutex);
  if (bytes == 0) {
    return cudaSuccess;
  }
  Stream* const stream = real_stream(given);
  const Place source = place_of(from, bytes);
  const Place target = place_of(to, bytes);
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  if (kind != cudaMemcpyDefault &&
      ((from_device && source == Place::pageable) || (to_device && target == Place::pageable) ||
       (!from_device && source == Place::device) || (!to_device && target == Place::device))) {
    return set_error(cudaErrorInvalidValue);
  }
  if (source == Place::pageable && stream->records == nullptr) {
    // Taken at once: the caller may use its memory again.
    const auto* const first = static_cast<const unsigned char*>(from);
    return add_work(stream, [to, copy = std::vector<unsigned char>(first, first + bytes)] {
      std::memcpy(to, copy.data(), copy.size());
      return std::string();
    });
  }
  const cudaError_t error = add_work(stream, [=] {
    if (place_of(from, bytes) != source || place_of(to, bytes) != target) {
      return std::string("memory was freed before it was copied");
    }
    std::memmove(to, from, bytes);
    return std::string();
  });
  if (error == cudaSuccess && target == Place::pageable && stream->records == nullptr) {
    return cudaStreamSynchronize(given);
  }
  return error;
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  const cudaError_t error = cudaMemcpyAsync(to, from, bytes, kind, nullptr);
  return error != cudaSuccess ? error : cudaStreamSynchronize(nullptr);
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  const Lock lock(runtime().mutex);
  if (bytes == 0) {
    return cudaSuccess;
  }
  if (place_of(to, bytes) == Place::pageable) {
    return set_error(cudaErrorInvalidValue);
  }
  return add_work(real_stream(stream), [to, value, bytes] {
    std::memset(to, value, bytes);
    return std::string();
  });
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, void (*function)(void*), void* data) {
  const Lock lock(runtime().mutex);
  return add_work(real_stream(stream), [function, data] {
    function(data);
    return std::string();
  });
}

cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
  const cudaError_t error = cudaMemsetAsync(to, value, bytes, nullptr);
  return error != cudaSuccess ? error : cudaStreamSynchronize(nullptr);
}
