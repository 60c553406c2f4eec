#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "checks.h"
#include "kernels/minhash/minhash.h"
#include "kernels/shuffle_samples/shuffle_samples.h"
#include "registration.h"

namespace funcsim {

namespace {

std::string index_message(const char* op, std::int64_t end, const std::string& got, std::int64_t place) {
  return std::string(op) + ": partners must be indices of inputs, from 0 to " + std::to_string(end - 1) + ", got " +
         got + " at " + std::to_string(place);
}

/// @throws Error unless all indices are in [0, end); what a device finds is raised later
void check_indices(const char* op, const Tensor& indices, std::int64_t end) {
  const auto* index = indices.const_data_ptr<std::int64_t>();
  if (!indices.is_cpu()) {
    DeviceCall call(indices);
    FaultCell* fault = call.expect(
        [=](FaultCell place) { return index_message(op, end, "another number", static_cast<std::int64_t>(place)); });
    call.kernels().find_bad_indices(index, indices.numel(), end, fault, call.queue());
    return;
  }
  for (std::int64_t i = 0; i < indices.numel(); ++i) {
    if (index[i] < 0 || index[i] >= end) {
      throw Error(index_message(op, end, std::to_string(index[i]), i));
    }
  }
}

/// The sketches that minhash gives for signatures whose inputs have traded places: what was input i is hashed as its
/// partner. So a shuffle over all inputs needs one block of them at a time.
Tensor shuffled_minhash_op(const Tensor& signatures, const Tensor& partners, std::int64_t samples_per_input,
                           std::int64_t num_hashes, std::int64_t seed) {
  constexpr const char* op = "shuffled_minhash";
  check_num_hashes(op, num_hashes);
  check(samples_per_input >= 1, op, ": samples_per_input must be at least 1, got ", samples_per_input);
  check(partners.dim() == 1 && dtype_of(partners) == Dtype::Long, op, ": partners must be int64 [inputs], got ",
        describe_tensor(partners));
  check_device(partners, op, "partners");
  check_same_device(op, "signatures", signatures, "partners", partners);
  const Tensor inputs = torch::stable::contiguous(partners);
  const std::int64_t num_inputs = inputs.size(0);
  const std::int64_t most = std::numeric_limits<std::int64_t>::max() / samples_per_input;
  check(num_inputs <= most, op, ": ", num_inputs, " inputs of ", samples_per_input,
        " samples are more samples than 64 bits count");
  check_indices(op, inputs, most);
  const Tensor rows = checked_signatures(signatures, op, "signatures", num_inputs * samples_per_input);
  Tensor sketches = new_tensor_like(rows, {rows.size(0), num_hashes}, Dtype::Int);
  if (rows.size(0) == 0) {
    return sketches;  // an input may have more samples than fit in memory
  }
  const auto* partner = inputs.const_data_ptr<std::int64_t>();
  const auto* bits = rows.const_data_ptr<std::uint8_t>();
  auto* slots = sketches.mutable_data_ptr<std::int32_t>();
  if (!rows.is_cpu()) {
    const DeviceCall call(rows);
    call.kernels().minhash(bits, rows.size(0), rows.size(1), num_inputs * samples_per_input,
                           {0, partner, samples_per_input}, num_hashes, seed, /*merge=*/false, slots, call.queue());
    return sketches;
  }
  // Parts that start with a byte of their own.
  const std::int64_t part = std::max<std::int64_t>(ordered_samples(num_hashes) / samples_per_input / 8, 1) * 8;
  std::fill_n(slots, sketches.numel(), empty_slot);
  for (std::int64_t start = 0; start < num_inputs; start += part) {
    const auto count = static_cast<std::size_t>(std::min(part, num_inputs - start));
    minhash(
        bits + (start * samples_per_input / 8), rows.size(0), rows.size(1),
        sample_order(samples_of({partner + start, count}, samples_per_input), num_hashes, seed, torch_parallel_for()),
        slots, torch_parallel_for());
  }
  return sketches;
}

const OperatorRegistration registration(
    "shuffled_minhash(Tensor signatures, Tensor partners, int samples_per_input=1, int num_hashes=1024, int seed=0) "
    "-> Tensor",
    TORCH_BOX(&shuffled_minhash_op));

}  // namespace

}  // namespace funcsim
