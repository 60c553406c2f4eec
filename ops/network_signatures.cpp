#include <string>
#include <vector>

#include "checks.h"
#include "compare/collect_evidence.h"
#include "registration.h"

namespace funcsim {

namespace {

std::vector<Tensor> network_signatures_op(const std::string& architecture, const std::vector<Tensor>& parameters,
                                          const Tensor& inputs, double margin, std::int64_t positions,
                                          std::int64_t seed, std::int64_t first_input) {
  const Network network(architecture, parameters, "network_signatures");
  const NetworkRun run(network, inputs, {margin, positions, seed, first_input});
  Execution execution(torch_parallel_for(), inputs);
  const std::unique_ptr<EvidenceCollector> collector = signature_collector(run, execution);
  return collected(*collector, execution);
}

const OperatorRegistration registration(
    "network_signatures(str architecture, Tensor[] parameters, Tensor inputs, float margin=0.0, int positions=16, "
    "int seed=0, SymInt first_input=0) -> Tensor[]",
    TORCH_BOX(&network_signatures_op));

}  // namespace

}  // namespace funcsim
