#include "network/tensor_text.h"

#include <cstdint>
#include <exception>

#include "network/layer_type.h"

namespace funcsim {

torch::headeronly::ScalarType dtype_of(const torch::stable::Tensor& tensor) {
  try {
    return tensor.scalar_type();
  } catch (const std::exception&) {
    return torch::headeronly::ScalarType::Undefined;
  }
}

std::string dtype_name(torch::headeronly::ScalarType dtype) {
  using Dtype = torch::headeronly::ScalarType;
  switch (dtype) {
    case Dtype::Float:
      return "float32";
    case Dtype::Double:
      return "float64";
    case Dtype::Half:
      return "float16";
    case Dtype::BFloat16:
      return "bfloat16";
    case Dtype::Byte:
      return "uint8";
    case Dtype::Char:
      return "int8";
    case Dtype::Short:
      return "int16";
    case Dtype::Int:
      return "int32";
    case Dtype::Long:
      return "int64";
    case Dtype::UInt16:
      return "uint16";
    case Dtype::UInt32:
      return "uint32";
    case Dtype::UInt64:
      return "uint64";
    case Dtype::Bool:
      return "bool";
    case Dtype::ComplexFloat:
      return "complex64";
    case Dtype::ComplexDouble:
      return "complex128";
    case Dtype::Undefined:
      return "a tensor of another kind of numbers, of shape";
    default:
      return torch::headeronly::toString(dtype);
  }
}

std::string device_name(const torch::stable::Tensor& tensor) {
  using torch::headeronly::DeviceType;
  const torch::stable::Device device = tensor.device();
  switch (device.type()) {
    case DeviceType::CPU:
      return "cpu";
    case DeviceType::CUDA:
      return "cuda:" + std::to_string(device.index());
    case DeviceType::Meta:
      return "meta";
    default:
      return "device " + std::to_string(device.index()) + " of a kind that is neither cpu nor cuda";
  }
}

bool is_strided(const torch::stable::Tensor& tensor) {
  std::int32_t layout = 0;
  return aoti_torch_get_layout(tensor.get(), &layout) == AOTI_TORCH_SUCCESS && layout == aoti_torch_layout_strided();
}

std::string describe_tensor(const torch::stable::Tensor& tensor) {
  if (!tensor.defined()) {
    return "an undefined tensor";
  }
  const auto sizes = tensor.sizes();
  const std::string text = dtype_name(dtype_of(tensor)) + " " + shape_text(Shape(sizes.begin(), sizes.end()));
  return tensor.is_cpu() ? text : text + " on " + device_name(tensor);
}

}  // namespace funcsim
