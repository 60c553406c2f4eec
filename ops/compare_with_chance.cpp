#include <string>
#include <tuple>
#include <vector>

#include "checks.h"
#include "compare/compare_networks.h"
#include "registration.h"

namespace funcsim {

namespace {

std::tuple<Tensor, Tensor, Tensor> compare_with_chance_op(const std::string& architecture_a,
                                                          const std::vector<Tensor>& parameters_a,
                                                          const std::string& architecture_b,
                                                          const std::vector<Tensor>& parameters_b, const Tensor& inputs,
                                                          const std::string& method, std::int64_t num_hashes,
                                                          std::int64_t seed, double margin, std::int64_t positions) {
  constexpr const char* op = "compare_with_chance";
  check_method(op, method);
  check_num_hashes(op, num_hashes);
  const Network network_a(architecture_a, parameters_a, "compare_with_chance: network a");
  const Network network_b(architecture_b, parameters_b, "compare_with_chance: network b");
  const NetworkMatch match = compare_networks(
      network_a, network_b, inputs, {method, num_hashes, {margin, positions, seed, 0}, true}, torch_parallel_for());
  return {scalar_tensor(inputs, match.score), scalar_tensor(inputs, match.chance),
          scalar_tensor(inputs, adjusted_score(match.score, match.chance))};
}

const OperatorRegistration registration(
    "compare_with_chance(str architecture_a, Tensor[] parameters_a, str architecture_b, Tensor[] parameters_b, Tensor "
    "inputs, "
    "str method=\"auto\", int num_hashes=1024, int seed=0, float margin=0.0, int positions=16) -> "
    "(Tensor score, Tensor chance, Tensor adjusted)",
    TORCH_BOX(&compare_with_chance_op));

}  // namespace

}  // namespace funcsim
