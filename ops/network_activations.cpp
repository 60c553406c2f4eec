#include <string>
#include <vector>

#include "checks.h"
#include "network/activation_samples.h"
#include "network/positions.h"
#include "registration.h"

namespace funcsim {

namespace {

std::vector<Tensor> network_activations_op(const std::string& architecture, const std::vector<Tensor>& parameters,
                                           const Tensor& inputs, std::int64_t positions, std::int64_t seed,
                                           std::int64_t first_input) {
  const Network network(architecture, parameters, "network_activations");
  check(positions != any_position,
        "network_activations: positions must be 0 (all) or a number of points, got -1 (any): ",
        "a maximum over positions is no activation");
  const NetworkRun run(network, inputs, {0.0, positions, seed, first_input});
  Execution execution(torch_parallel_for(), inputs);
  check(!execution.device.has_value() || !execution.device->is_capturing(),
        "network_activations: it can't be recorded into a CUDA graph, since the places of points are copied from the "
        "host");
  return activation_samples(run, execution);
}

const OperatorRegistration registration(
    "network_activations(str architecture, Tensor[] parameters, Tensor inputs, int positions=16, int seed=0, "
    "SymInt first_input=0) -> Tensor[]",
    TORCH_BOX(&network_activations_op));

}  // namespace

}  // namespace funcsim
