#include <algorithm>
#include <string>
#include <vector>

#include "checks.h"
#include "kernels/shuffle_samples/shuffle_samples.h"
#include "registration.h"

namespace funcsim {

namespace {

Tensor shuffle_partners_op(const Tensor& inputs, std::int64_t seed, std::int64_t first_input) {
  constexpr const char* op = "shuffle_partners";
  check(inputs.dim() >= 1, op, ": inputs must be [inputs, ...], got ", describe_tensor(inputs));
  const std::int64_t num_inputs = inputs.size(0);
  check_first(op, "first_input", first_input, num_inputs, "inputs");
  if (!inputs.is_cpu()) {
    check_device(inputs, op, "inputs");
    Tensor global = new_tensor_like(inputs, {num_inputs}, Dtype::Long);
    const DeviceCall call(inputs);
    call.kernels().shuffle_partners(num_inputs, seed, first_input, global.mutable_data_ptr<std::int64_t>(),
                                    call.queue());
    return global;
  }
  const std::vector<std::int64_t> partners =
      with_memory_for(op, "the partners of " + std::to_string(num_inputs) + " inputs",
                      [&] { return shuffle_partners(num_inputs, seed, first_input, torch_parallel_for()); });
  Tensor global = new_host_tensor({num_inputs}, Dtype::Long);
  std::ranges::transform(partners, global.mutable_data_ptr<std::int64_t>(),
                         [&](std::int64_t partner) { return first_input + partner; });
  return global;
}

const OperatorRegistration registration("shuffle_partners(Tensor inputs, int seed=0, SymInt first_input=0) -> Tensor",
                                        TORCH_BOX(&shuffle_partners_op));

}  // namespace

}  // namespace funcsim
