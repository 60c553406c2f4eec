#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "device/backends.h"
#include "device/faults.h"

namespace funcsim {

/// A new contiguous tensor of the CPU.
torch::stable::Tensor new_host_tensor(const std::vector<std::int64_t>& sizes, torch::headeronly::ScalarType dtype);

/// A new contiguous tensor on the device of `like`.
torch::stable::Tensor new_tensor_like(const torch::stable::Tensor& like, const std::vector<std::int64_t>& sizes,
                                      torch::headeronly::ScalarType dtype);

/// The tensor on the CPU. Waits for the device where it has to be copied.
torch::stable::Tensor to_host(const torch::stable::Tensor& tensor);

/// A tensor of the CPU on the device of `like`.
torch::stable::Tensor to_device_of(const torch::stable::Tensor& like, const torch::stable::Tensor& host);

/// A matrix on its way to the host, beside the work that follows on its stream.
class HostCopy {
 public:
  HostCopy(const DeviceKernels& kernels, const DeviceQueue& queue, torch::stable::Tensor on_device);
  ~HostCopy();
  HostCopy(const HostCopy&) = delete;
  HostCopy& operator=(const HostCopy&) = delete;
  HostCopy(HostCopy&&) = delete;
  HostCopy& operator=(HostCopy&&) = delete;

  /// The copy, when it is there. From any thread, but from one at a time.
  const torch::stable::Tensor& wait();

 private:
  const DeviceKernels& kernels_;
  torch::stable::Tensor from_;
  torch::stable::Tensor pinned_;
  void* point_;  ///< null when it has come
};

/// One operator's work on a device other than the CPU: on PyTorch's current stream of that device.
class DeviceCall {
 public:
  /// @param on a tensor of the device
  /// @throws Error for what kernels of earlier calls have found wrong (see Faults), and where there are no kernels
  explicit DeviceCall(const torch::stable::Tensor& on);
  DeviceCall(const DeviceCall&) = delete;
  DeviceCall& operator=(const DeviceCall&) = delete;
  DeviceCall(DeviceCall&&) = delete;
  DeviceCall& operator=(DeviceCall&&) = delete;
  ~DeviceCall();

  const DeviceKernels& kernels() const { return *backend_.kernels; }
  const DeviceQueue& queue() const { return queue_; }
  bool is_capturing() const { return is_capturing_; }

  torch::stable::Tensor new_tensor(const std::vector<std::int64_t>& sizes, torch::headeronly::ScalarType dtype) const {
    return new_tensor_like(on_, sizes, dtype);
  }

  /// Memory of this device that lives as long as the call, or until release_scratch().
  template <typename Element>
  Element* scratch(std::int64_t elements) const {
    return static_cast<Element*>(queue_.scratch(elements * static_cast<std::int64_t>(sizeof(Element))));
  }

  /// Where a kernel of this call leaves what is wrong, and the words for it, for whichever call looks next.
  FaultCell* expect(Faults::Message message);
  /// The same for a call that waits: its own finish() raises it, whatever other threads do meanwhile.
  FaultCell* expect_for_finish(Faults::Message message);

  /// Gives back what kernels took from queue().scratch: their work is on the stream.
  void release_scratch() { scratch_.clear(); }

  /// Waits for the work of this call and raises what it has found wrong. Not while a CUDA graph is recorded, which
  /// nothing can wait for.
  void finish();

 private:
  torch::stable::Tensor on_;
  const DeviceBackend& backend_;
  std::vector<torch::stable::Tensor> scratch_;
  DeviceQueue queue_;
  bool is_capturing_;
  Faults& faults_;
  std::vector<FaultCell*> owned_;
};

/// Waits for all work on the current stream of the tensor's device and raises what kernels have found wrong. Nothing to
/// do on the CPU.
void synchronize(const torch::stable::Tensor& on);

}  // namespace funcsim
