#include "kernels/shuffle_samples/shuffle_samples.h"

#include <limits>
#include <string>

#include "checks.h"
#include "registration.h"

namespace funcsim {

namespace {

Tensor shuffle_samples_op(const Tensor& signatures, std::int64_t num_inputs, std::int64_t samples_per_input,
                          std::int64_t seed, std::int64_t first_input) {
  constexpr const char* op = "shuffle_samples";
  check(num_inputs >= 0, op, ": num_inputs must be at least 0, got ", num_inputs);
  check(samples_per_input >= 1, op, ": samples_per_input must be at least 1, got ", samples_per_input);
  check(num_inputs <= std::numeric_limits<std::int64_t>::max() / samples_per_input, op, ": ", num_inputs, " inputs of ",
        samples_per_input, " samples are more samples than 64 bits count");
  check_first(op, "first_input", first_input, num_inputs, "inputs");
  const Tensor rows = checked_signatures(signatures, op, "signatures", num_inputs * samples_per_input);
  Tensor shuffled = new_tensor_like(rows, {rows.size(0), rows.size(1)}, Dtype::Byte);
  if (rows.size(0) == 0) {
    return shuffled;  // there may be more inputs than fit in memory
  }
  const auto* bits = rows.const_data_ptr<std::uint8_t>();
  auto* out = shuffled.mutable_data_ptr<std::uint8_t>();
  with_memory_for(op, "the partners of " + std::to_string(num_inputs) + " inputs", [&] {
    if (rows.is_cpu()) {
      shuffle_samples(bits, rows.size(0), rows.size(1),
                      shuffle_partners(num_inputs, seed, first_input, torch_parallel_for()), samples_per_input, out,
                      torch_parallel_for());
    } else {
      const DeviceCall call(rows);
      auto* partners = call.scratch<std::int64_t>(num_inputs);
      call.kernels().shuffle_partners(num_inputs, seed, first_input, partners, call.queue());
      call.kernels().shuffle_samples(bits, rows.size(0), rows.size(1), partners, num_inputs, first_input,
                                     samples_per_input, out, call.queue());
    }
  });
  return shuffled;
}

const OperatorRegistration registration(
    "shuffle_samples(Tensor signatures, SymInt num_inputs, int samples_per_input=1, int seed=0, "
    "SymInt first_input=0) -> Tensor",
    TORCH_BOX(&shuffle_samples_op));

}  // namespace

}  // namespace funcsim
