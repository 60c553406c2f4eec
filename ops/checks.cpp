#include "checks.h"

#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <limits>

#include "kernels/common/bits.h"
#include "kernels/common/simd_level.h"

namespace funcsim {

namespace {

std::string padding_message(const char* op, const std::string& name, std::int64_t num_samples, std::int64_t unit) {
  return std::string(op) + ": " + name + " has bits set after sample " + std::to_string(num_samples - 1) + " in unit " +
         std::to_string(unit) + ": padding bits must be 0; is the number of samples right?";
}

void find_padding_bits(const Tensor& rows, const char* op, const std::string& name, std::int64_t num_samples) {
  DeviceCall call(rows);
  FaultCell* fault = call.expect(
      [=](FaultCell unit) { return padding_message(op, name, num_samples, static_cast<std::int64_t>(unit)); });
  call.kernels().find_padding_bits(rows.const_data_ptr<std::uint8_t>(), rows.size(0), rows.size(1), num_samples, fault,
                                   call.queue());
}

}  // namespace

// Texts of tensors take longer than small layers do, so that they are made for errors alone.

void check_device(const Tensor& tensor, const char* op, const std::string& name) {
  check(is_strided(tensor), op, ": ", name, " must be a dense tensor, got a sparse or otherwise packed one");
  const std::string problem = device_problem(tensor);
  if (!problem.empty()) {
    fail(op, ": ", name, " must be on a device that funcsim has kernels for, got ", describe_tensor(tensor), " (",
         problem, ")");
  }
}

void check_same_device(const char* op, const std::string& name_a, const Tensor& a, const std::string& name_b,
                       const Tensor& b) {
  if (a.device() != b.device()) {
    fail(op, ": ", name_a, " and ", name_b, " must be on one device, got ", device_name(a), " and ", device_name(b));
  }
}

Tensor checked_matrix(const Tensor& tensor, const char* op, const std::string& name, Dtype dtype,
                      const char* expected) {
  if (tensor.dim() != 2 || dtype_of(tensor) != dtype) {
    fail(op, ": ", name, " must be ", dtype_name(dtype), " ", expected, ", got ", describe_tensor(tensor));
  }
  check_device(tensor, op, name);
  return tensor.is_contiguous() ? tensor : torch::stable::contiguous(tensor);
}

Tensor checked_signatures(const Tensor& tensor, const char* op, const std::string& name, std::int64_t num_samples) {
  check(num_samples >= 0, op, ": num_samples must be at least 0, got ", num_samples);
  Tensor rows = checked_matrix(tensor, op, name, Dtype::Byte, "[units, bytes]");
  const std::int64_t bytes = signature_bytes(num_samples);
  check(rows.size(1) == bytes, op, ": ", name, " must have ", bytes, " bytes a unit for ", num_samples,
        " samples (8 to a byte), got ", describe_tensor(rows));
  if (num_samples % 8 != 0 && !rows.is_cpu()) {
    find_padding_bits(rows, op, name, num_samples);
  } else if (num_samples % 8 != 0) {
    const auto* data = rows.const_data_ptr<std::uint8_t>();
    for (std::int64_t u = 0; u < rows.size(0); ++u) {
      if ((data[(u * bytes) + bytes - 1] >> (num_samples % 8)) != 0) {
        throw Error(padding_message(op, name, num_samples, u));
      }
    }
  }
  return rows;
}

Tensor host_copy(const Tensor& tensor, const char* op, const std::string& name) {
  check_device(tensor, op, name);
  if (tensor.is_cpu()) {
    return tensor;
  }
  check(!DeviceCall(tensor).is_capturing(), op, ": it can't be recorded into a CUDA graph, since it works on the host");
  return to_host(tensor);
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

ParallelFor torch_parallel_for() {
  simd_level();  // if it fails, then here: PyTorch adds where it was to messages of what its threads throw
  return [](std::int64_t begin, std::int64_t end, std::int64_t grain, const RangeBody& body) {
    torch::stable::parallel_for(begin, end, grain, body);
  };
}

}  // namespace funcsim
