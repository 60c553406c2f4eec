#include <string>
#include <tuple>
#include <vector>

#include "checks.h"
#include "compare/compare_networks.h"
#include "match_tensors.h"
#include "registration.h"

namespace funcsim {

namespace {

std::tuple<Tensor, Tensor, std::vector<Tensor>, std::vector<Tensor>> compare_op(
    const std::string& architecture_a, const std::vector<Tensor>& parameters_a, const std::string& architecture_b,
    const std::vector<Tensor>& parameters_b, const Tensor& inputs, const std::string& method, std::int64_t num_hashes,
    std::int64_t seed, double margin, std::int64_t positions) {
  constexpr const char* op = "compare";
  check_method(op, method);
  check_num_hashes(op, num_hashes);
  const Network network_a(architecture_a, parameters_a, "compare: network a");
  const Network network_b(architecture_b, parameters_b, "compare: network b");
  const NetworkMatch match = compare_networks(
      network_a, network_b, inputs, {method, num_hashes, {margin, positions, seed, 0}, false}, torch_parallel_for());
  return {scalar_tensor(inputs, match.score),
          float64_tensor(inputs, layer_values(match, [](const LayerPair& pair) { return pair.match.score; })),
          partner_tensors(inputs, match), similarity_tensors(inputs, match)};
}

const OperatorRegistration registration(
    "compare(str architecture_a, Tensor[] parameters_a, str architecture_b, Tensor[] parameters_b, Tensor inputs, "
    "str method=\"auto\", int num_hashes=1024, int seed=0, float margin=0.0, int positions=16) -> "
    "(Tensor score, Tensor layer_scores, Tensor[] matches, Tensor[] similarities)",
    TORCH_BOX(&compare_op));

}  // namespace

}  // namespace funcsim
