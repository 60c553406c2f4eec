#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "checks.h"
#include "kernels/minhash/minhash.h"
#include "kernels/shuffle_samples/shuffle_samples.h"
#include "registration.h"

namespace funcsim {

namespace {

/// The sketches that minhash gives for signatures whose inputs have traded places: what was input i is hashed as its
/// partner. So a shuffle over all inputs needs one block of them at a time.
Tensor shuffled_minhash_op(const Tensor& signatures, const Tensor& partners, std::int64_t samples_per_input,
                           std::int64_t num_hashes, std::int64_t seed) {
  constexpr const char* op = "shuffled_minhash";
  check_num_hashes(op, num_hashes);
  check(samples_per_input >= 1, op, ": samples_per_input must be at least 1, got ", samples_per_input);
  check(partners.dim() == 1 && dtype_of(partners) == Dtype::Long, op, ": partners must be int64 [inputs], got ",
        describe_tensor(partners));
  check_cpu(partners, op, "partners");
  const Tensor inputs = torch::stable::contiguous(partners);
  const auto* partner = inputs.const_data_ptr<std::int64_t>();
  const std::int64_t num_inputs = inputs.size(0);
  const std::int64_t most = std::numeric_limits<std::int64_t>::max() / samples_per_input;
  check(num_inputs <= most, op, ": ", num_inputs, " inputs of ", samples_per_input,
        " samples are more samples than 64 bits count");
  for (std::int64_t i = 0; i < num_inputs; ++i) {
    check(partner[i] >= 0 && partner[i] < most, op, ": partners must be indices of inputs, from 0 to ", most - 1,
          ", got ", partner[i], " at ", i);
  }
  const Tensor rows = checked_signatures(signatures, op, "signatures", num_inputs * samples_per_input);
  Tensor sketches = new_tensor({rows.size(0), num_hashes}, Dtype::Int);
  if (rows.size(0) == 0) {
    return sketches;  // an input may have more samples than fit in memory
  }
  auto* slots = sketches.mutable_data_ptr<std::int32_t>();
  const auto* bits = rows.const_data_ptr<std::uint8_t>();
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
