#include "network/tensor_values.h"

#include <cstring>
#include <limits>

#include "device/device_call.h"
#include "network/aten.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;
using Dtype = torch::headeronly::ScalarType;

template <typename Value>
Tensor vector_of(const std::vector<Value>& values, Dtype dtype, const Tensor& like) {
  const Tensor vector = new_host_tensor({static_cast<std::int64_t>(values.size())}, dtype);
  std::memcpy(vector.mutable_data_ptr(), values.data(), values.size() * sizeof(Value));
  return to_device_of(like, vector);
}

}  // namespace

double epsilon(Dtype dtype) {
  switch (dtype) {
    case Dtype::Half:
      return 0x1p-10;
    case Dtype::BFloat16:
      return 0x1p-7;
    case Dtype::Float:
      return std::numeric_limits<float>::epsilon();
    default:
      return std::numeric_limits<double>::epsilon();
  }
}

std::vector<Tensor> in_float64(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> converted;
  converted.reserve(tensors.size());
  for (const Tensor& tensor : tensors) {
    converted.push_back(aten::to_dtype(aten::detach(tensor), Dtype::Double));
  }
  return converted;
}

std::vector<double> values_of(const Tensor& tensor) {
  const Tensor values = to_host(aten::contiguous(aten::to_dtype(tensor, Dtype::Double)));
  const auto* data = values.const_data_ptr<double>();
  return {data, data + values.numel()};
}

Tensor int64_vector(const std::vector<std::int64_t>& values, const Tensor& like) {
  return vector_of(values, Dtype::Long, like);
}

Tensor float64_vector(const std::vector<double>& values, const Tensor& like) {
  return vector_of(values, Dtype::Double, like);
}

}  // namespace funcsim
