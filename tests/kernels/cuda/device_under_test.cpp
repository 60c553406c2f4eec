#include "device_under_test.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "kernels/common/error.h"

extern "C" const funcsim::DeviceKernels* funcsim_device_kernels(std::int64_t interface_version);

namespace funcsim {

namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr std::int64_t guard_bytes = 0;
#else
constexpr std::int64_t guard_bytes = 256;
#endif
constexpr unsigned char guard = 0xA5;
constexpr int unwritten = 0xCD;

void check_runtime(cudaError_t status) {
  check(status == cudaSuccess, "the test's own call of CUDA failed: ", cudaGetErrorString(status));
}

std::vector<DeviceMemory>& scratch_memory() {
  static std::vector<DeviceMemory> memory;
  return memory;
}

cudaStream_t stream() {
  return static_cast<cudaStream_t>(device_queue().stream);
}

}  // namespace

const DeviceKernels& device_kernels() {
  const DeviceKernels* const kernels = funcsim_device_kernels(DeviceKernels::interface_version);
  check(kernels != nullptr, "the library has another interface");
  return *kernels;
}

const DeviceQueue& device_queue() {
  static const DeviceQueue queue = [] {
    cudaStream_t made = nullptr;
    check_runtime(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking));
    return DeviceQueue{0, made, [](std::int64_t bytes) { return scratch_memory().emplace_back(bytes).data(); }};
  }();
  return queue;
}

DeviceMemory::DeviceMemory(std::int64_t bytes, std::int64_t offset) : bytes_(bytes), before_(guard_bytes + offset) {
  const auto all = static_cast<std::size_t>(before_ + bytes_ + guard_bytes);
  if (all == 0) {
    return;
  }
  void* memory = nullptr;
  check_runtime(cudaMalloc(&memory, all));
  memory_ = static_cast<unsigned char*>(memory);
  check_runtime(cudaMemsetAsync(memory_, guard, all, stream()));
  check_runtime(cudaMemsetAsync(memory_ + before_, unwritten, static_cast<std::size_t>(bytes_), stream()));
}

DeviceMemory::DeviceMemory(DeviceMemory&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), bytes_(other.bytes_), before_(other.before_) {}

DeviceMemory::~DeviceMemory() {
  static_cast<void>(cudaFree(memory_));  // waits for the device
}

void* DeviceMemory::data() const {
  return memory_ + before_;
}

void DeviceMemory::upload(const void* host) {
  check_runtime(cudaMemcpyAsync(data(), host, static_cast<std::size_t>(bytes_), cudaMemcpyHostToDevice, stream()));
}

std::vector<unsigned char> DeviceMemory::everything() const {
  std::vector<unsigned char> all(static_cast<std::size_t>(memory_ == nullptr ? 0 : before_ + bytes_ + guard_bytes));
  check_runtime(cudaMemcpyAsync(all.data(), memory_, all.size(), cudaMemcpyDeviceToHost, stream()));
  check_runtime(cudaStreamSynchronize(stream()));
  return all;
}

void DeviceMemory::download(void* host) const {
  const std::vector<unsigned char> all = everything();
  const auto begin = all.begin() + before_;
  if (bytes_ > 0) {
    std::memcpy(host, all.data() + before_, static_cast<std::size_t>(bytes_));
  }
  const auto damaged = [](auto from, auto to) {
    return std::find_if(from, to, [](auto byte) { return byte != guard; });
  };
  if (const auto found = damaged(all.begin(), begin); found != begin) {
    ADD_FAILURE() << "something wrote " << begin - found << " bytes before the memory of " << bytes_ << " bytes";
  }
  if (const auto found = damaged(begin + bytes_, all.end()); found != all.end()) {
    ADD_FAILURE() << "something wrote " << found - (begin + bytes_) << " bytes after the memory of " << bytes_
                  << " bytes";
  }
}

void DeviceMemory::check_guards() const {
  std::vector<unsigned char> unused(static_cast<std::size_t>(bytes_));
  download(unused.data());
}

void DeviceTest::SetUp() {
  int devices = 0;
  const cudaError_t status = cudaGetDeviceCount(&devices);
  has_device_ = status == cudaSuccess && devices > 0;
  if (has_device_) {
    return;
  }
  const std::string reason = std::string("no CUDA device: ") + cudaGetErrorString(status);
  const char* const required = std::getenv("FUNCSIM_REQUIRE_CUDA");
  if (required != nullptr && std::string(required) == "1") {
    FAIL() << reason;
  }
  GTEST_SKIP() << reason;
}

void DeviceTest::TearDown() {
  if (has_device_) {
    EXPECT_NO_THROW(wait_for_device());
    for (const DeviceMemory& memory : scratch_memory()) {
      memory.check_guards();
    }
    scratch_memory().clear();
  }
}

}  // namespace funcsim
