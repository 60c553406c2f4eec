#include "device/device_call.h"

#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "device/torch_status.h"
#include "kernels/common/error.h"

namespace funcsim {

namespace {

using torch::headeronly::DeviceType;
using torch::stable::Tensor;
using Dtype = torch::headeronly::ScalarType;

std::int32_t number_of(Dtype dtype) {
  return torch::stable::detail::to<std::int32_t>(torch::stable::detail::from(dtype));
}

std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& sizes) {
  std::vector<std::int64_t> strides(sizes.size(), 1);
  for (std::size_t k = strides.size(); k-- > 1;) {
    strides[k - 1] = strides[k] * std::max<std::int64_t>(sizes[k], 1);
  }
  return strides;
}

Tensor new_tensor(const std::vector<std::int64_t>& sizes, Dtype dtype, std::int32_t device_type, std::int32_t device) {
  const std::vector<std::int64_t> strides = contiguous_strides(sizes);
  // Not torch::stable::empty, which looks the operator up by its name: longer than small layers take.
  AtenTensorHandle tensor = nullptr;
  check_torch(aoti_torch_empty_strided(static_cast<std::int64_t>(sizes.size()), sizes.data(), strides.data(),
                                       number_of(dtype), device_type, device, &tensor),
              "allocating a tensor");
  return Tensor(tensor);
}

/// In memory that the device can write to while its stream goes on.
Tensor new_pinned_tensor(const Tensor& like) {
  const auto sizes = like.sizes();
  const std::vector<std::int64_t> shape(sizes.begin(), sizes.end());
  const std::vector<std::int64_t> strides = contiguous_strides(shape);
  AtenTensorHandle tensor = nullptr;
  check_torch(aoti_torch_empty_strided_pinned(static_cast<std::int64_t>(shape.size()), shape.data(), strides.data(),
                                              number_of(like.scalar_type()), aoti_torch_device_type_cpu(), 0, &tensor),
              "allocating pinned memory");
  return Tensor(tensor);
}

Faults& faults_of(DeviceType type, const DeviceKernels& kernels, const DeviceQueue& queue) {
  static std::mutex mutex;
  static std::map<std::pair<DeviceType, int>, std::unique_ptr<Faults>> faults;
  const std::scoped_lock lock(mutex);
  std::unique_ptr<Faults>& found = faults[{type, queue.device}];
  if (found == nullptr) {
    found = std::make_unique<Faults>(kernels, queue);
  }
  return *found;
}

std::int64_t bytes_of(const Tensor& tensor) {
  return tensor.numel() * static_cast<std::int64_t>(tensor.element_size());
}

}  // namespace

Tensor new_host_tensor(const std::vector<std::int64_t>& sizes, Dtype dtype) {
  return new_tensor(sizes, dtype, aoti_torch_device_type_cpu(), 0);
}

Tensor new_tensor_like(const Tensor& like, const std::vector<std::int64_t>& sizes, Dtype dtype) {
  std::int32_t type = 0;
  check_torch(aoti_torch_get_device_type(like.get(), &type), "reading a tensor's device");
  return new_tensor(sizes, dtype, type, like.get_device_index());
}

Tensor to_host(const Tensor& tensor) {
  return tensor.is_cpu() ? tensor : torch::stable::to(tensor, torch::stable::Device(DeviceType::CPU));
}

Tensor to_device_of(const Tensor& like, const Tensor& host) {
  return like.is_cpu() ? host : torch::stable::to(host, like.device());
}

HostCopy::HostCopy(const DeviceKernels& kernels, const DeviceQueue& queue, Tensor on_device)
    : kernels_(kernels),
      from_(std::move(on_device)),
      pinned_(new_pinned_tensor(from_)),
      point_(kernels.copy_to_host_aside(from_.const_data_ptr(), pinned_.mutable_data_ptr(), bytes_of(from_), queue)) {}

HostCopy::~HostCopy() {
  if (point_ != nullptr) {
    try {
      kernels_.wait(point_);
    } catch (const std::exception&) {  // the error that brought us here says more
      point_ = nullptr;
    }
  }
}

const Tensor& HostCopy::wait() {
  if (point_ != nullptr) {
    kernels_.wait(std::exchange(point_, nullptr));
  }
  return pinned_;
}

DeviceCall::DeviceCall(const Tensor& on)
    : on_(on),
      backend_(device_backend(on.device().type())),
      queue_{on.get_device_index(), backend_.current_stream(on.get_device_index()),
             [this](std::int64_t bytes) {
               scratch_.push_back(new_tensor_like(on_, {std::max<std::int64_t>(bytes, 1)}, Dtype::Byte));
               return scratch_.back().mutable_data_ptr();
             }},
      is_capturing_(backend_.kernels->is_capturing(queue_)),
      faults_(faults_of(on.device().type(), *backend_.kernels, queue_)) {
  faults_.raise("an earlier call on this device found: ");
}

FaultCell* DeviceCall::expect(Faults::Message message) {
  return faults_.expect(std::move(message), is_capturing_);
}

FaultCell* DeviceCall::expect_for_finish(Faults::Message message) {
  if (is_capturing_) {
    return expect(std::move(message));
  }
  owned_.push_back(faults_.own(std::move(message)));
  return owned_.back();
}

void DeviceCall::finish() {
  if (!is_capturing_) {
    kernels().synchronize(queue_);
    faults_.raise_owned(owned_);
    faults_.raise();
  }
}

DeviceCall::~DeviceCall() {
  if (owned_.empty()) {
    return;
  }
  try {
    kernels().synchronize(queue_);  // what didn't come to finish() may still be writing to its cells
    for (const FaultCell* cell : owned_) {
      faults_.give_back(cell);
    }
  } catch (const std::exception&) {  // the cells are lost; the error that brought us here says more
    owned_.clear();
  }
}

void synchronize(const Tensor& on) {
  if (!on.is_cpu()) {
    DeviceCall call(on);
    check(!call.is_capturing(), "synchronize: nothing can be waited for while a CUDA graph is recorded");
    call.finish();
  }
}

}  // namespace funcsim
