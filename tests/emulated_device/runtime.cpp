// What PyTorch asks of a device: memory, streams, events.

#include "runtime.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/Resize.h>
#include <c10/core/Allocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <vector>

#include "emulated_cuda/memory.h"

namespace emulated_device {

namespace {

using c10::Device;
using c10::DeviceIndex;
using c10::Stream;
using emulated_cuda::DeviceAccess;
using emulated_cuda::Place;

constexpr DeviceIndex device_count = 2;
constexpr auto device_type = c10::DeviceType::PrivateUse1;

DeviceIndex current_device() {
  int device = 0;
  check(cudaGetDevice(&device));
  return static_cast<DeviceIndex>(device);
}

void set_device(DeviceIndex device) {
  TORCH_CHECK(device >= 0 && device < device_count, "emulated device: there is no device ", static_cast<int>(device));
  check(cudaSetDevice(device));
}

DeviceIndex index_of(Device device) {
  return device.has_index() ? device.index() : current_device();
}

/// Each thread's current stream of a device. It can't be thread_local: such variables are what kernels declare
/// __shared__.
class CurrentStream {
 public:
  CurrentStream() { pthread_key_create(&key_, nullptr); }
  cudaStream_t get() const { return static_cast<cudaStream_t>(pthread_getspecific(key_)); }
  void set(cudaStream_t stream) { pthread_setspecific(key_, stream); }

 private:
  pthread_key_t key_{};
};

std::array<CurrentStream, device_count> current_streams;

/// A stream's number is its address. 0, which PyTorch takes for the default stream, is CUDA's too.
cudaStream_t handle_of(const Stream& stream) {
  return reinterpret_cast<cudaStream_t>(stream.id());
}

Stream stream_of(DeviceIndex device, cudaStream_t handle) {
  return Stream(Stream::UNSAFE, Device(device_type, device), reinterpret_cast<c10::StreamId>(handle));
}

/// Device memory, given back when all work is done that was put into these streams before. With none, never.
struct Allocation {
  void* address;
  DeviceIndex device;
  std::vector<cudaStream_t> streams;
  std::atomic<std::size_t> busy_streams;
};

/// A stream has come to where it doesn't need the memory any more.
void leave_stream(void* data) {
  auto* allocation = static_cast<Allocation*>(data);
  if (--allocation->busy_streams == 0) {
    emulated_cuda::delete_memory(allocation->address, Place::device);
    delete allocation;
  }
}

void give_back(void* context) {
  auto* allocation = static_cast<Allocation*>(context);
  const c10::DeviceGuard guard({device_type, allocation->device});
  const std::vector<cudaStream_t> streams = allocation->streams;
  allocation->busy_streams = streams.size();
  for (cudaStream_t stream : streams) {
    check(cudaLaunchHostFunc(stream, &leave_stream, allocation));
  }
}

bool is_capturing(cudaStream_t stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(stream, &status));
  return status != cudaStreamCaptureStatusNone;
}

class DeviceAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    const DeviceIndex device = current_device();
    void* address = bytes == 0 ? nullptr : emulated_cuda::new_memory(bytes, Place::device);
    TORCH_CHECK(address != nullptr || bytes == 0, "emulated device: no memory for ", bytes, " bytes");
    auto* allocation = new Allocation{address, device, {}, 0};
    if (const cudaStream_t stream = current_stream(device); !is_capturing(stream)) {  // graphs keep their memory
      allocation->streams.push_back(stream);
    }
    return {address, allocation, &give_back, Device(device_type, device)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    const DeviceAccess access;
    default_copy_data(to, from, bytes);
  }
};

class PinnedAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    void* address = emulated_cuda::new_memory(std::max<std::size_t>(bytes, 1), Place::pinned);
    TORCH_CHECK(address != nullptr, "emulated device: no pinned memory for ", bytes, " bytes");
    return {address, address, raw_deleter(), c10::DeviceType::CPU};
  }
  c10::DeleterFnPtr raw_deleter() const override {
    return [](void* address) { emulated_cuda::delete_memory(address, Place::pinned); };
  }
  void copy_data(void* to, const void* from, std::size_t bytes) const override { default_copy_data(to, from, bytes); }
};

DeviceAllocator device_allocator;
PinnedAllocator pinned_allocator;

class DeviceGuard final : public c10::impl::DeviceGuardImplInterface {
 public:
  c10::DeviceType type() const override { return device_type; }
  Device exchangeDevice(Device device) const override {
    const Device before = getDevice();
    setDevice(device);
    return before;
  }
  Device getDevice() const override { return {device_type, current_device()}; }
  void setDevice(Device device) const override { set_device(device.index()); }
  void uncheckedSetDevice(Device device) const noexcept override { static_cast<void>(cudaSetDevice(device.index())); }
  DeviceIndex deviceCount() const noexcept override { return device_count; }
  c10::DeviceCapability getDeviceCapability(Device /*device*/) const override { return {}; }

  Stream getStream(Device device) const override {
    const DeviceIndex index = index_of(device);
    return stream_of(index, current_stream(index));
  }
  Stream getDefaultStream(Device device) const override { return stream_of(index_of(device), nullptr); }
  Stream getStreamFromGlobalPool(Device device, bool /*is_high_priority*/) const override {
    return getNewStream(device, 0);
  }
  Stream getNewStream(Device device, int /*priority*/) const override {
    const c10::DeviceGuard guard({device_type, index_of(device)});
    cudaStream_t handle = nullptr;
    check(cudaStreamCreateWithFlags(&handle, cudaStreamNonBlocking));
    return stream_of(index_of(device), handle);
  }
  Stream exchangeStream(Stream stream) const override {
    const Stream before = getStream(stream.device());
    set_current_stream(stream.device_index(), handle_of(stream));
    return before;
  }
  void* getStreamNativeHandle(Stream stream) const override { return handle_of(stream); }
  bool queryStream(const Stream& stream) const override {
    const c10::DeviceGuard guard(stream.device());
    return cudaStreamQuery(handle_of(stream)) == cudaSuccess;
  }
  void synchronizeStream(const Stream& stream) const override {
    const c10::DeviceGuard guard(stream.device());
    check(cudaStreamSynchronize(handle_of(stream)));
  }
  void synchronizeDevice(DeviceIndex device) const override {
    const c10::DeviceGuard guard({device_type, device});
    check(cudaDeviceSynchronize());
  }
  void recordDataPtrOnStream(const c10::DataPtr& data, const Stream& stream) const override {
    if (data.get() != nullptr) {
      static_cast<Allocation*>(data.get_context())->streams.push_back(handle_of(stream));
    }
  }

  void record(void** event, const Stream& stream, DeviceIndex /*device*/, c10::EventFlag /*flag*/) const override {
    const c10::DeviceGuard guard(stream.device());
    if (*event == nullptr) {
      cudaEvent_t created = nullptr;
      check(cudaEventCreateWithFlags(&created, cudaEventDisableTiming));
      *event = created;
    }
    check(cudaEventRecord(static_cast<cudaEvent_t>(*event), handle_of(stream)));
  }
  void block(void* event, const Stream& stream) const override {
    const c10::DeviceGuard guard(stream.device());
    if (event != nullptr) {
      check(cudaStreamWaitEvent(handle_of(stream), static_cast<cudaEvent_t>(event), 0));
    }
  }
  bool queryEvent(void* event) const override {
    return event == nullptr || cudaEventQuery(static_cast<cudaEvent_t>(event)) == cudaSuccess;
  }
  void synchronizeEvent(void* event) const override {
    if (event != nullptr) {
      check(cudaEventSynchronize(static_cast<cudaEvent_t>(event)));
    }
  }
  void destroyEvent(void* event, DeviceIndex /*device*/) const noexcept override {
    if (event != nullptr) {
      static_cast<void>(cudaEventDestroy(static_cast<cudaEvent_t>(event)));
    }
  }
};

class Hooks final : public at::PrivateUse1HooksInterface {
 public:
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(DeviceIndex /*device*/) const override { return true; }
  DeviceIndex deviceCount() const override { return device_count; }
  DeviceIndex getCurrentDevice() const override { return current_device(); }
  void setCurrentDevice(DeviceIndex device) const override { set_device(device); }
  DeviceIndex exchangeDevice(DeviceIndex device) const override {
    const DeviceIndex before = current_device();
    set_device(device);
    return before;
  }
  DeviceIndex maybeExchangeDevice(DeviceIndex device) const override { return exchangeDevice(device); }

  bool isPinnedPtr(const void* data) const override { return emulated_cuda::place_of(data, 1) == Place::pinned; }
  c10::Allocator* getPinnedMemoryAllocator() const override { return &pinned_allocator; }
  void resizePrivateUse1Bytes(const c10::Storage& storage, std::size_t bytes) const override {
    finish_work(storage.device());
    const c10::DeviceGuard guard(storage.device());
    const DeviceAccess access;
    at::native::resize_bytes_cpu(storage.unsafeGetStorageImpl(), bytes);
  }

  // Numbers are drawn on the CPU.
  const at::Generator& getDefaultGenerator(DeviceIndex /*device*/) const override {
    return at::detail::getDefaultCPUGenerator();
  }
  at::Generator getNewGenerator(DeviceIndex /*device*/) const override { return at::detail::createCPUGenerator(); }
};

const c10::AllocatorRegisterer<device_type> allocator_registration(&device_allocator);
const c10::impl::DeviceGuardImplRegistrar guard_registration(device_type, new DeviceGuard);
const bool hooks_registration = [] {
  at::RegisterPrivateUse1HooksInterface(new Hooks);
  return true;
}();

}  // namespace

cudaStream_t current_stream(int device) {
  return current_streams.at(device).get();
}

void set_current_stream(int device, cudaStream_t stream) {
  current_streams.at(device).set(stream);
}

void finish_work(Device device) {
  const c10::DeviceGuard guard(device);
  check(cudaStreamSynchronize(current_stream(device.index())));
}

}  // namespace emulated_device
