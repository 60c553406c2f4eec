#include "checks.h"

#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <limits>

#include "kernels/common/bits.h"
#include "kernels/common/simd_level.h"

namespace funcsim {

// Texts of tensors take longer than small layers do, so that they are made for errors alone.

void check_cpu(const Tensor& tensor, const char* op, const std::string& name) {
  check(is_strided(tensor), op, ": ", name, " must be a dense tensor, got a sparse or otherwise packed one");
  if (!tensor.is_cpu()) {
    fail(op, ": ", name, " must be on the CPU (this version has no kernels for other devices), got ",
         describe_tensor(tensor));
  }
}

Tensor checked_matrix(const Tensor& tensor, const char* op, const std::string& name, Dtype dtype,
                      const char* expected) {
  if (tensor.dim() != 2 || dtype_of(tensor) != dtype) {
    fail(op, ": ", name, " must be ", dtype_name(dtype), " ", expected, ", got ", describe_tensor(tensor));
  }
  check_cpu(tensor, op, name);
  return tensor.is_contiguous() ? tensor : torch::stable::contiguous(tensor);
}

Tensor checked_signatures(const Tensor& tensor, const char* op, const std::string& name, std::int64_t num_samples) {
  check(num_samples >= 0, op, ": num_samples must be at least 0, got ", num_samples);
  Tensor rows = checked_matrix(tensor, op, name, Dtype::Byte, "[units, bytes]");
  const std::int64_t bytes = signature_bytes(num_samples);
  check(rows.size(1) == bytes, op, ": ", name, " must have ", bytes, " bytes a unit for ", num_samples,
        " samples (8 to a byte), got ", describe_tensor(rows));
  if (num_samples % 8 != 0) {
    const auto* data = rows.const_data_ptr<std::uint8_t>();
    for (std::int64_t u = 0; u < rows.size(0); ++u) {
      check((data[(u * bytes) + bytes - 1] >> (num_samples % 8)) == 0, op, ": ", name, " has bits set after sample ",
            num_samples - 1, " in unit ", u, ": padding bits must be 0; is the number of samples right?");
    }
  }
  return rows;
}

void check_num_hashes(const char* op, std::int64_t num_hashes) {
  constexpr std::int64_t most = std::int64_t{1} << 24;
  check(num_hashes >= 1 && num_hashes <= most, op, ": num_hashes must be from 1 to ", most, ", got ", num_hashes);
}

void check_first(const char* op, const char* name, std::int64_t first, std::int64_t count, const char* things) {
  check(first >= 0 && first <= std::numeric_limits<std::int64_t>::max() - count, op, ": ", name,
        " must be at least 0 and leave room for ", count, " ", things, ", got ", first);
}

void check_method(const char* op, const std::string& method) {
  check(method == "auto" || method == "exact" || method == "minhash", op,
        ": method must be \"auto\", \"exact\" or \"minhash\", got \"", method, "\"");
}

Tensor new_tensor(const std::vector<std::int64_t>& sizes, Dtype dtype) {
  std::vector<std::int64_t> strides(sizes.size(), 1);
  for (std::size_t k = strides.size(); k-- > 1;) {
    strides[k - 1] = strides[k] * std::max<std::int64_t>(sizes[k], 1);
  }
  // Not torch::stable::empty, which looks the operator up by its name: longer than small layers take.
  AtenTensorHandle tensor = nullptr;
  STABLE_TORCH_ERROR_CODE_CHECK(
      aoti_torch_empty_strided(static_cast<std::int64_t>(sizes.size()), sizes.data(), strides.data(),
                               torch::stable::detail::to<std::int32_t>(torch::stable::detail::from(dtype)),
                               aoti_torch_device_type_cpu(), 0, &tensor));
  return Tensor(tensor);
}

Tensor float64_tensor(const std::vector<double>& values) {
  Tensor tensor = new_tensor({static_cast<std::int64_t>(values.size())}, Dtype::Double);
  std::ranges::copy(values, tensor.mutable_data_ptr<double>());
  return tensor;
}

Tensor scalar_tensor(double value) {
  Tensor tensor = new_tensor({}, Dtype::Double);
  *tensor.mutable_data_ptr<double>() = value;
  return tensor;
}

ParallelFor torch_parallel_for() {
  simd_level();  // if it fails, then here: PyTorch adds where it was to messages of what its threads throw
  return [](std::int64_t begin, std::int64_t end, std::int64_t grain, const RangeBody& body) {
    torch::stable::parallel_for(begin, end, grain, body);
  };
}

}  // namespace funcsim
