// That the emulator's runtime refuses what CUDA's refuses, and that work is done when something waits for it and not
// before.

#include <vector>

#include "run_kernels.h"

namespace emulated_cuda {
namespace {

__global__ void nothing() {}

__global__ void add(int* value, int operand) {
  atomicAdd(value, operand);
}

// Pinned memory, which device and host see.
class Shared {
 public:
  Shared() {
    EXPECT_EQ(cudaHostAlloc(reinterpret_cast<void**>(&value_), sizeof(int), cudaHostAllocMapped), cudaSuccess);
    *value_ = 0;
  }
  ~Shared() { EXPECT_EQ(cudaFreeHost(value_), cudaSuccess); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  int* get() const { return value_; }
  int operator*() const { return *value_; }

 private:
  int* value_ = nullptr;
};

class TestStream {
 public:
  explicit TestStream(unsigned flags = cudaStreamNonBlocking) {
    EXPECT_EQ(cudaStreamCreateWithFlags(&stream_, flags), cudaSuccess);
  }
  ~TestStream() { EXPECT_EQ(cudaStreamDestroy(stream_), cudaSuccess); }
  TestStream(const TestStream&) = delete;
  TestStream& operator=(const TestStream&) = delete;
  operator cudaStream_t() const { return stream_; }

 private:
  cudaStream_t stream_ = nullptr;
};

cudaError_t add_on(cudaStream_t stream, int* value, int operand) {
  cudaLaunchConfig_t config{};
  config.stream = stream;
  return cudaLaunchKernelEx(&config, add, value, operand);
}

cudaError_t start_nothing(const Shape& shape) {
  const cudaError_t error = start(shape, nothing);
  EXPECT_EQ(cudaGetLastError(), error);
  EXPECT_EQ(outcome(), "");
  return error;
}

TEST(EmulatedRuntime, RefusesLaunchesBeyondTheLimits) {
  EXPECT_EQ(start_nothing({{70000, 1, 1}, 1}), cudaSuccess);
  EXPECT_EQ(start_nothing({1, {8, 2, 64}}), cudaSuccess);
  for (const Shape& shape : std::vector<Shape>{{0, 1},
                                               {{1, 0, 1}, 1},
                                               {1, 0},
                                               {1, 1025},
                                               {1, {512, 3, 1}},
                                               {1, {1, 1, 65}},
                                               {{1, 65536, 1}, 1},
                                               {{1, 1, 65536}, 1},
                                               {{1U << 31, 1, 1}, 1}}) {
    EXPECT_EQ(start_nothing(shape), cudaErrorInvalidConfiguration);
  }
}

TEST(EmulatedRuntime, RefusesSharedMemoryBeyondTheLimits) {
  const auto allow = [](int bytes) {
    const cudaError_t error = cudaFuncSetAttribute(nothing, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes);
    cudaGetLastError();
    return error;
  };
  EXPECT_EQ(start_nothing({1, 1, 47 << 10}), cudaSuccess);
  EXPECT_EQ(start_nothing({1, 1, (47 << 10) + 1}), cudaErrorInvalidValue);
  for (const auto& [capability, most] : std::vector<std::pair<int, int>>{{75, 64}, {80, 163}, {86, 99}, {90, 227}}) {
    set_compute_capability(capability);
    EXPECT_EQ(allow(most << 10), cudaSuccess);
    EXPECT_EQ(start_nothing({1, 1, static_cast<std::size_t>(most) << 10}), cudaSuccess);
    EXPECT_EQ(allow((most << 10) + 1), cudaErrorInvalidValue);
    EXPECT_EQ(start_nothing({1, 1, (static_cast<std::size_t>(most) << 10) + 1}), cudaErrorInvalidValue);
    int major = 0;
    EXPECT_EQ(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0), cudaSuccess);
    EXPECT_EQ(major, capability / 10);
  }
}

TEST(EmulatedRuntime, WorkWaitsUntilSomethingWaitsForIt) {
  const Shared value;
  const TestStream one;
  const TestStream other;
  EXPECT_EQ(add_on(one, value.get(), 1), cudaSuccess);
  EXPECT_EQ(add_on(other, value.get(), 10), cudaSuccess);
  EXPECT_EQ(*value, 0);
  EXPECT_EQ(cudaStreamSynchronize(other), cudaSuccess);
  EXPECT_EQ(*value, 10);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  EXPECT_EQ(*value, 11);
  set_deferred(false);
  EXPECT_EQ(add_on(one, value.get(), 100), cudaSuccess);
  EXPECT_EQ(*value, 111);
  set_deferred(true);
}

TEST(EmulatedRuntime, EventsAreReachedWithWhatCameBefore) {
  const Shared value;
  const TestStream one;
  const TestStream other;
  cudaEvent_t event = nullptr;
  EXPECT_EQ(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), cudaSuccess);
  add_on(one, value.get(), 1);
  EXPECT_EQ(cudaEventRecord(event, one), cudaSuccess);
  add_on(one, value.get(), 10);
  EXPECT_EQ(cudaStreamWaitEvent(other, event), cudaSuccess);
  add_on(other, value.get(), 100);
  EXPECT_EQ(cudaEventQuery(event), cudaErrorNotReady);
  EXPECT_EQ(*value, 0);
  EXPECT_EQ(cudaStreamSynchronize(other), cudaSuccess);
  EXPECT_EQ(*value, 101);
  EXPECT_EQ(cudaEventSynchronize(event), cudaSuccess);
  EXPECT_EQ(*value, 101);
  EXPECT_EQ(cudaStreamSynchronize(one), cudaSuccess);
  EXPECT_EQ(*value, 111);
  EXPECT_EQ(cudaEventDestroy(event), cudaSuccess);
}

TEST(EmulatedRuntime, TheDefaultStreamWaitsForBlockingStreams) {
  const Shared value;
  const TestStream blocking(cudaStreamDefault);
  const TestStream independent;
  add_on(blocking, value.get(), 1);
  add_on(independent, value.get(), 10);
  add_on(nullptr, value.get(), 100);
  EXPECT_EQ(cudaStreamSynchronize(nullptr), cudaSuccess);
  EXPECT_EQ(*value, 101);
  add_on(nullptr, value.get(), 1000);
  add_on(blocking, value.get(), 10000);
  EXPECT_EQ(cudaStreamSynchronize(blocking), cudaSuccess);
  EXPECT_EQ(*value, 11101);
}

TEST(EmulatedRuntime, CopiesFromPageableMemoryTakeWhatIsThere) {
  Output<int> there(1);
  int host = 5;
  EXPECT_EQ(cudaMemcpyAsync(there.data(), &host, sizeof(int), cudaMemcpyHostToDevice), cudaSuccess);
  host = 6;
  EXPECT_EQ(there.download().front(), 5);
  const Shared pinned;
  *pinned.get() = 7;
  EXPECT_EQ(cudaMemcpyAsync(there.data(), pinned.get(), sizeof(int), cudaMemcpyHostToDevice), cudaSuccess);
  *pinned.get() = 8;  // too early
  EXPECT_EQ(there.download().front(), 8);
  EXPECT_EQ(cudaMemcpyAsync(&host, there.data(), sizeof(int), cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpyAsync(there.data(), &host, sizeof(int), cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpyAsync(there.data(), &host, 2 * sizeof(int), cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemsetAsync(&host, 0, sizeof(int)), cudaErrorInvalidValue);
}

TEST(EmulatedRuntime, RecordsGraphs) {
  const Shared value;
  const TestStream stream;
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  EXPECT_EQ(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), cudaSuccess);
  EXPECT_EQ(cudaStreamIsCapturing(stream, &status), cudaSuccess);
  EXPECT_EQ(status, cudaStreamCaptureStatusActive);
  add_on(stream, value.get(), 1);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorStreamCaptureUnsupported);
  add_on(stream, value.get(), 10);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(stream, &graph), cudaSuccess);
  EXPECT_EQ(cudaGraphInstantiate(&executable, graph), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(*value, 0);
  EXPECT_EQ(cudaGraphLaunch(executable, stream), cudaSuccess);
  EXPECT_EQ(cudaGraphLaunch(executable, stream), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(stream), cudaSuccess);
  EXPECT_EQ(*value, 22);
  EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
  EXPECT_EQ(cudaGraphExecDestroy(executable), cudaSuccess);
}

TEST(EmulatedRuntime, StreamsBelongToADevice) {
  const TestStream stream;
  EXPECT_EQ(cudaSetDevice(1), cudaSuccess);
  const Shared value;
  EXPECT_EQ(add_on(stream, value.get(), 1), cudaErrorInvalidResourceHandle);
  EXPECT_EQ(cudaSetDevice(2), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaSetDevice(0), cudaSuccess);
}

#ifdef __SANITIZE_ADDRESS__
__global__ void read_unaligned(const unsigned char* bytes, uint4* out) {
  *out = *reinterpret_cast<const uint4*>(bytes + 4);
}

TEST(EmulatedRuntime, VectorsMustBeAligned) {
  const Output<uint4> words(2);
  EXPECT_DEATH(
      {
        start({1, 1}, read_unaligned, reinterpret_cast<unsigned char*>(words.data()), words.data());
        outcome();
      },
      "misaligned address");
}
#endif

}  // namespace
}  // namespace emulated_cuda
