#include "network/tensor_values.h"

#include <cstring>

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

std::vector<double> values_of(const Tensor& float64_tensor) {
  const Tensor values = to_host(aten::contiguous(float64_tensor));
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
