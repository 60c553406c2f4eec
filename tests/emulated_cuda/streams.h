#pragma once

#include <pthread.h>

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "emulated_cuda/runtime_api.h"

// What the functions of the runtime share: streams of work, and who does it when. The emulated_cuda::launch() of
// runtime_api.h and the functions of CUDA's names are in runtime_*.cpp.

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

inline constexpr int device_count = 2;

/// The current device of each thread. It can't be thread_local: such variables are what kernels declare __shared__.
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
  int capability = 90;  // 90 for 9.0
  bool deferred = true;
  long long numbers = 0;
  long long launches = 0;
  cudaError_t last_error = cudaSuccess;
  std::string failure;  // of the latest kernel that failed
  Stream default_streams[device_count];
  std::set<std::unique_ptr<Stream>> streams;
  std::map<const void*, int> dynamic_shared_limits;
};

/// The only one.
Runtime& runtime();

/// Every function of the runtime holds one.
using Lock = std::lock_guard<std::recursive_mutex>;

/// Keeps an error for cudaGetLastError().
cudaError_t set_error(cudaError_t error);

/// The stream, or the current device's default stream for null.
Stream* real_stream(Stream* stream);

bool is_default(const Stream* stream);

/// Puts work into a stream, which gives "" or what went wrong.
cudaError_t add_work(Stream* stream, std::function<std::string()> run);

/// Does the work of a stream up to that number, and what that waits for.
cudaError_t run_until(Stream* stream, long long number);

/// Does all work of the streams that `chosen` accepts.
cudaError_t finish_devices(const std::function<bool(const Stream&)>& chosen);
bool every_device(const Stream& stream);

}  // namespace emulated_cuda
