#include "streams.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "memory.h"

namespace emulated_cuda {

Runtime& runtime() {
  static Runtime* const instance = [] {
    auto* const made = new Runtime;  // outlives everything that might use it
    for (int device = 0; device < device_count; ++device) {
      made->default_streams[device].device = device;
    }
    if (const char* const capability = std::getenv("EMULATED_CUDA_CAPABILITY"); capability != nullptr) {
      made->capability = std::atoi(capability);
    }
    return made;
  }();
  return *instance;
}

cudaError_t set_error(cudaError_t error) {
  if (error != cudaSuccess && error != cudaErrorNotReady) {
    runtime().last_error = error;
  }
  return error;
}

Stream* real_stream(Stream* stream) {
  return stream != nullptr ? stream : &runtime().default_streams[runtime().device.get()];
}

bool is_default(const Stream* stream) {
  return stream == &runtime().default_streams[stream->device];
}

namespace {

cudaError_t run_one(Stream* stream) {
  const Work work = std::move(stream->queue.front());
  stream->queue.pop_front();
  cudaError_t error = cudaSuccess;
  // The legacy default stream waits for the others, and they for it.
  if (is_default(stream)) {
    for (const auto& other : runtime().streams) {
      if (other->blocking && other->device == stream->device) {
        error = std::max(error, run_until(other.get(), work.number));
      }
    }
  } else if (stream->blocking) {
    error = run_until(&runtime().default_streams[stream->device], work.number);
  }
  if (error != cudaSuccess) {
    return error;
  }
  if (std::string failure = work.run(); !failure.empty()) {
    runtime().failure = std::move(failure);
    return cudaErrorLaunchFailure;
  }
  return cudaSuccess;
}

}  // namespace

cudaError_t run_until(Stream* stream, long long number) {
  if (stream->queue.empty()) {
    return cudaSuccess;
  }
  const DeviceAccess access;
  cudaError_t first = cudaSuccess;
  while (!stream->queue.empty() && stream->queue.front().number <= number) {
    const cudaError_t error = run_one(stream);
    first = first == cudaSuccess ? error : first;
  }
  return first;
}

// As long as a stream's queue is on a GPU, about: what comes next waits for some of it to be done.
constexpr std::size_t most_deferred = 1024;

cudaError_t add_work(Stream* stream, std::function<std::string()> run) {
  if (stream->records != nullptr) {
    stream->records->work.push_back(std::move(run));
    return cudaSuccess;
  }
  stream->queue.push_back({++runtime().numbers, std::move(run)});
  const bool waits = !runtime().deferred || stream->queue.size() > most_deferred;
  return waits ? set_error(run_until(stream, runtime().numbers)) : cudaSuccess;
}

cudaError_t finish_devices(const std::function<bool(const Stream&)>& chosen) {
  cudaError_t first = cudaSuccess;
  const auto finish = [&](Stream& stream) {
    const bool capturing = stream.records != nullptr;
    const cudaError_t error = capturing ? cudaErrorStreamCaptureUnsupported : run_until(&stream, runtime().numbers);
    first = std::max(first, error);
  };
  for (Stream& stream : runtime().default_streams) {
    if (chosen(stream)) {
      finish(stream);
    }
  }
  for (const auto& stream : runtime().streams) {
    if (chosen(*stream)) {
      finish(*stream);
    }
  }
  return first;
}

bool every_device(const Stream& /*stream*/) {
  return true;
}

}  // namespace emulated_cuda
