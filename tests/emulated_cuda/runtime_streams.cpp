// Streams, events and graphs.

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "emulated_cuda/runtime_api.h"
#include "streams.h"

using namespace emulated_cuda;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const Lock lock(runtime().mutex);
  auto made = std::make_unique<Stream>();
  made->device = runtime().device.get();
  made->blocking = flags != cudaStreamNonBlocking;
  *stream = made.get();
  runtime().streams.insert(std::move(made));
  return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Lock lock(runtime().mutex);
  const cudaError_t error = cudaStreamSynchronize(stream);
  auto& streams = runtime().streams;
  const auto found = std::find_if(streams.begin(), streams.end(), [&](const auto& s) { return s.get() == stream; });
  if (found == streams.end()) {
    return set_error(cudaErrorInvalidResourceHandle);
  }
  streams.erase(found);
  return error;
}

cudaError_t cudaStreamSynchronize(cudaStream_t given) {
  const Lock lock(runtime().mutex);
  Stream* const stream = real_stream(given);
  if (stream->records != nullptr) {
    return set_error(cudaErrorStreamCaptureUnsupported);
  }
  cudaError_t error = cudaSuccess;
  if (is_default(stream)) {
    for (const auto& other : runtime().streams) {
      if (other->blocking && other->device == stream->device) {
        error = std::max(error, run_until(other.get(), runtime().numbers));
      }
    }
  }
  return set_error(std::max(error, run_until(stream, runtime().numbers)));
}

cudaError_t cudaStreamQuery(cudaStream_t given) {
  const Lock lock(runtime().mutex);
  Stream* const stream = real_stream(given);
  if (stream->records != nullptr) {
    return set_error(cudaErrorStreamCaptureUnsupported);
  }
  if (stream->queue.empty()) {
    return cudaSuccess;
  }
  const cudaError_t error = run_until(stream, stream->queue.front().number);
  return error != cudaSuccess ? set_error(error) : cudaErrorNotReady;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  *event = new Event;
  if ((flags & cudaEventDisableTiming) == 0) {
    (*event)->time = std::make_shared<std::chrono::steady_clock::time_point>();
  }
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, cudaStreamDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t given) {
  const Lock lock(runtime().mutex);
  Stream* const stream = real_stream(given);
  if (stream->device != runtime().device.get()) {
    return set_error(cudaErrorInvalidResourceHandle);
  }
  cudaError_t error = cudaSuccess;
  if (event->time != nullptr) {
    error = add_work(stream, [time = event->time] {
      *time = std::chrono::steady_clock::now();
      return std::string();
    });
  }
  *event = {stream, runtime().numbers, false, event->time};
  return error;
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  const Lock lock(runtime().mutex);
  if (event->stream != nullptr && !std::exchange(event->asked, true)) {
    return cudaErrorNotReady;  // as it may be
  }
  return cudaEventSynchronize(event);
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Lock lock(runtime().mutex);
  if (event->stream == nullptr) {
    return cudaSuccess;
  }
  return set_error(event->stream->records != nullptr ? cudaErrorStreamCaptureUnsupported
                                                     : run_until(event->stream, event->after));
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  const Lock lock(runtime().mutex);
  const std::chrono::steady_clock::time_point never;
  if (begin->time == nullptr || end->time == nullptr) {
    return set_error(cudaErrorInvalidResourceHandle);
  }
  if (*begin->time == never || *end->time == never) {
    return set_error(cudaErrorNotReady);
  }
  *milliseconds = std::chrono::duration<float, std::milli>(*end->time - *begin->time).count();
  return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned /*flags*/) {
  const Lock lock(runtime().mutex);
  if (event->stream == nullptr) {
    return cudaSuccess;
  }
  return add_work(real_stream(stream), [on = event->stream, after = event->after] {
    return run_until(on, after) == cudaSuccess ? std::string() : runtime().failure;
  });
}

// Graphs.

cudaError_t cudaStreamIsCapturing(cudaStream_t stream, cudaStreamCaptureStatus* status) {
  const Lock lock(runtime().mutex);
  *status = real_stream(stream)->records != nullptr ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode /*mode*/) {
  const Lock lock(runtime().mutex);
  if (stream == nullptr || stream->records != nullptr) {
    return set_error(cudaErrorStreamCaptureUnsupported);
  }
  stream->records = new Graph;
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  const Lock lock(runtime().mutex);
  *graph = std::exchange(stream->records, nullptr);
  return *graph != nullptr ? cudaSuccess : set_error(cudaErrorInvalidValue);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long /*flags*/) {
  *executable = new Graph(*graph);
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
  const Lock lock(runtime().mutex);
  for (const auto& work : executable->work) {
    if (const cudaError_t error = add_work(real_stream(stream), work); error != cudaSuccess) {
      return error;
    }
  }
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
  delete executable;
  return cudaSuccess;
}
