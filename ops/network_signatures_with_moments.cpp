#include <string>
#include <tuple>
#include <vector>

#include "checks.h"
#include "compare/collect_evidence.h"
#include "network/moments.h"
#include "registration.h"

namespace funcsim {

namespace {

std::tuple<std::vector<Tensor>, std::vector<Tensor>> network_signatures_with_moments_op(
    const std::string& architecture, const std::vector<Tensor>& parameters, const Tensor& inputs, double margin,
    std::int64_t positions, std::int64_t seed, std::int64_t first_input) {
  const Network network(architecture, parameters, "network_signatures_with_moments");
  const NetworkRun run(network, inputs, {margin, positions, seed, first_input});
  Execution execution(torch_parallel_for(), inputs);
  check(
      !execution.device.has_value() || !execution.device->is_capturing(),
      "network_signatures_with_moments: it can't be recorded into a CUDA graph, since moments are checked on the host");
  PreactivationMoments moments(run, execution);
  const std::unique_ptr<EvidenceCollector> collector = signature_collector(run, execution, moments.observer());
  const std::vector<Tensor> signatures = collected(*collector, execution);
  return {signatures, moments.canonical()};
}

const OperatorRegistration registration(
    "network_signatures_with_moments(str architecture, Tensor[] parameters, Tensor inputs, float margin=0.0, "
    "int positions=16, int seed=0, SymInt first_input=0) -> (Tensor[] signatures, Tensor[] moments)",
    TORCH_BOX(&network_signatures_with_moments_op));

}  // namespace

}  // namespace funcsim
