// ATen on the emulated devices: memory is theirs, all else is done on the CPU with copies.

#include <ATen/EmptyTensor.h>
#include <ATen/core/Tensor.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/ops/_local_scalar_dense_native.h>
#include <ATen/ops/_reshape_alias_native.h>
#include <ATen/ops/as_strided_native.h>
#include <ATen/ops/convolution.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/resize_native.h>
#include <ATen/ops/set_native.h>
#include <ATen/ops/unfold_native.h>
#include <ATen/ops/view_native.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <cstdint>
#include <optional>

#include "emulated_cuda/memory.h"
#include "runtime.h"

namespace emulated_device {

namespace {

using at::IntArrayRef;
using at::Tensor;
using emulated_cuda::DeviceAccess;

constexpr c10::DispatchKeySet dispatch_keys(c10::DispatchKey::PrivateUse1);

c10::Device checked_options(std::optional<at::Layout> layout, std::optional<at::Device> device,
                            std::optional<bool> pin_memory) {
  TORCH_CHECK(c10::layout_or_default(layout) == at::kStrided, "emulated device: tensors are strided");
  TORCH_CHECK(!c10::pinned_memory_or_default(pin_memory), "emulated device: only memory of the CPU can be pinned");
  return *device;
}

Tensor empty(IntArrayRef sizes, std::optional<at::ScalarType> dtype, std::optional<at::Layout> layout,
             std::optional<at::Device> device, std::optional<bool> pin_memory,
             std::optional<at::MemoryFormat> memory_format) {
  const c10::DeviceGuard guard(checked_options(layout, device, pin_memory));
  return at::detail::empty_generic(sizes, c10::GetAllocator(at::kPrivateUse1), dispatch_keys,
                                   c10::dtype_or_default(dtype), memory_format);
}

Tensor empty_strided(IntArrayRef sizes, IntArrayRef strides, std::optional<at::ScalarType> dtype,
                     std::optional<at::Layout> layout, std::optional<at::Device> device,
                     std::optional<bool> pin_memory) {
  const c10::DeviceGuard guard(checked_options(layout, device, pin_memory));
  return at::detail::empty_strided_generic(sizes, strides, c10::GetAllocator(at::kPrivateUse1), dispatch_keys,
                                           c10::dtype_or_default(dtype));
}

/// The tensor for work on the CPU, while there is a DeviceAccess.
Tensor as_cpu(const Tensor& tensor) {
  if (tensor.is_cpu()) {
    return tensor;
  }
  finish_work(tensor.device());
  const auto options = tensor.options().device(at::kCPU);
  const Tensor there = at::from_blob(tensor.data_ptr(), tensor.sizes(), tensor.strides(), options);
  there._set_neg(tensor.is_neg());
  return there;
}

Tensor copy_from(const Tensor& from, const Tensor& to, bool /*non_blocking*/) {
  const DeviceAccess access;
  as_cpu(to).copy_(as_cpu(from));
  return to;
}

Tensor copy_from_and_resize(const Tensor& from, const Tensor& to) {
  to.resize_(from.sizes());
  return copy_from(from, to, false);
}

at::Scalar local_scalar_dense(const Tensor& tensor) {
  const DeviceAccess access;
  return at::native::_local_scalar_dense_cpu(as_cpu(tensor));
}

const Tensor& resize(const Tensor& tensor, IntArrayRef sizes, std::optional<at::MemoryFormat> memory_format) {
  finish_work(tensor.device());
  const c10::DeviceGuard guard(tensor.device());
  const DeviceAccess access;
  return at::native::resize_(tensor, sizes, memory_format);
}

void record_stream(Tensor& tensor, c10::Stream stream) {
  c10::impl::getDeviceGuardImpl(at::kPrivateUse1)->recordDataPtrOnStream(tensor.storage().data_ptr(), stream);
}

/// Convolutions of other devices than the CPU and CUDA come here, and the fallback would call the CPU's, which there is
/// not.
Tensor convolution(const Tensor& input, const Tensor& weight, const std::optional<Tensor>& bias, IntArrayRef stride,
                   IntArrayRef padding, IntArrayRef dilation, bool transposed, IntArrayRef output_padding,
                   std::int64_t groups) {
  const std::optional<Tensor> cpu_bias =
      bias.has_value() && bias->defined() ? std::optional(bias->cpu()) : std::nullopt;
  return at::convolution(input.cpu(), weight.cpu(), cpu_bias, stride, padding, dilation, transposed, output_padding,
                         groups)
      .to(input.device());
}

/// As CUDA: all on one device, but for single numbers of the CPU.
void check_devices(const c10::OperatorHandle& op, const torch::jit::Stack& stack) {
  std::optional<at::Device> common;
  const auto check = [&](const Tensor& tensor) {
    if (!tensor.defined() || (tensor.is_cpu() && tensor.dim() == 0)) {
      return;
    }
    TORCH_CHECK(!common.has_value() || *common == tensor.device(),
                "Expected all tensors to be on the same device, but found at least two devices, ", *common, " and ",
                tensor.device(), "! (when calling ", op.schema().name(), ")");
    common = tensor.device();
  };
  for (const c10::IValue& argument : torch::jit::last(stack, op.schema().arguments().size())) {
    if (argument.isTensor()) {
      check(argument.toTensor());
    } else if (argument.isTensorList()) {
      for (const Tensor& tensor : argument.toTensorVector()) {
        check(tensor);
      }
    }
  }
}

void fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  check_devices(op, *stack);
  at::native::cpu_fallback(op, stack);
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>());
}

// Copying is what turns a negated view into numbers, and would ask for that itself, without end.
TORCH_LIBRARY_IMPL(aten, Negative, library) {
  library.impl("_copy_from", torch::CppFunction::makeFallthrough());
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  library.impl("empty.memory_format", &empty);
  library.impl("empty_strided", &empty_strided);
  library.impl("_copy_from", &copy_from);
  library.impl("_copy_from_and_resize", &copy_from_and_resize);
  library.impl("_local_scalar_dense", &local_scalar_dense);
  library.impl("resize_", &resize);
  library.impl("record_stream", &record_stream);
  library.impl("convolution_overrideable", &convolution);
  // Else put together from others, which rounds differently.
  library.impl("native_layer_norm", torch::CppFunction::makeFromBoxedFunction<&fallback>());
  library.impl("native_group_norm", torch::CppFunction::makeFromBoxedFunction<&fallback>());

  // Views: memory isn't touched.
  library.impl("as_strided", &at::native::as_strided_tensorimpl);
  library.impl("view", &at::native::view);
  library.impl("_reshape_alias", &at::native::_reshape_alias);
  library.impl("unfold", &at::native::unfold);
  library.impl("set_.source_Tensor", &at::native::set_tensor_);
  library.impl("set_.source_Storage", static_cast<Tensor& (*)(Tensor&, at::Storage)>(&at::native::set_));
  library.impl("set_.source_Storage_storage_offset", &at::native::set_storage_cpu_);
}

}  // namespace

}  // namespace emulated_device
