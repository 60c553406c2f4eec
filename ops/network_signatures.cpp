#include <string>
#include <vector>

#include "checks.h"
#include "compare/collect_evidence.h"
#include "kernels/common/bits.h"
#include "registration.h"

namespace funcsim {

namespace {

std::vector<Tensor> network_signatures_op(const std::string& architecture, const std::vector<Tensor>& parameters,
                                          const Tensor& inputs, double margin, std::int64_t positions,
                                          std::int64_t seed, std::int64_t first_input) {
  const Network network(architecture, parameters, "network_signatures");
  const NetworkRun run(network, inputs, {margin, positions, seed, first_input});
  std::vector<Tensor> signatures;
  std::vector<std::uint8_t*> rows;
  for (const LayerExtent& extent : run.extents()) {
    signatures.push_back(new_tensor({extent.units, signature_bytes(extent.num_samples)}, Dtype::Byte));
    rows.push_back(signatures.back().mutable_data_ptr<std::uint8_t>());
  }
  collect_signatures(run, rows, torch_parallel_for());
  return signatures;
}

const OperatorRegistration registration(
    "network_signatures(str architecture, Tensor[] parameters, Tensor inputs, float margin=0.0, int positions=16, "
    "int seed=0, SymInt first_input=0) -> Tensor[]",
    TORCH_BOX(&network_signatures_op));

}  // namespace

}  // namespace funcsim
