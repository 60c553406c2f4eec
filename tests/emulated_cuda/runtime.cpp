#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "block.h"
#include "emulated_cuda/runtime_api.h"
#include "memory.h"

namespace emulated_cuda {

struct Work {
  long long number;  // of all work, in the order in which it was asked for
  std::function<std::string()> run;
};

struct Stream {
  int device = 0;
  bool blocking = true;  // waits for the default stream, and the default stream for it
  std::deque<Work> queue;
  Graph* records = nullptr;
};

struct Event {
  Stream* stream = nullptr;
  long long after = 0;  // number of the work that it comes after
  bool asked = false;
  std::shared_ptr<std::chrono::steady_clock::time_point> time;  // when the work before it was done; if it keeps that
};

struct Graph {
  std::vector<std::function<std::string()>> work;
};

namespace {

constexpr int device_count = 2;

int capability_of_environment() {
  const char* text = std::getenv("EMULATED_CUDA_CAPABILITY");
  return text != nullptr ? std::atoi(text) : 90;
}

// The current device of each thread. It can't be thread_local: such variables are what kernels declare __shared__.
class CurrentDevice {
 public:
  CurrentDevice() { pthread_key_create(&key_, nullptr); }
  int get() const { return static_cast<int>(reinterpret_cast<std::intptr_t>(pthread_getspecific(key_))); }
  void set(int device) { pthread_setspecific(key_, reinterpret_cast<const void*>(std::intptr_t{device})); }

 private:
  pthread_key_t key_{};
};

struct Runtime {
  std::recursive_mutex mutex;  // any thread may call, and then does all work that it waits for
  CurrentDevice device;
  int capability = capability_of_environment();
  bool deferred = true;
  long long numbers = 0;
  long long launches = 0;
  cudaError_t last_error = cudaSuccess;
  std::string failure;  // of the latest kernel that failed
  Stream default_streams[device_count];
  std::set<std::unique_ptr<Stream>> streams;
  std::map<const void*, int> dynamic_shared_limits;
};

Runtime& runtime() {
  static Runtime* const instance = [] {
    auto* const made = new Runtime;  // outlives everything that might use it
    for (int device = 0; device < device_count; ++device) {
      made->default_streams[device].device = device;
    }
    return made;
  }();
  return *instance;
}

using Lock = std::lock_guard<std::recursive_mutex>;

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

// Does the work of a stream up to that number.
cudaError_t run_until(Stream* stream, long long number);

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

// Does all work of these devices' streams.
template <typename Chosen>
cudaError_t finish_devices(const Chosen& chosen) {
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

// Memory.

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

// Streams and events.

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
