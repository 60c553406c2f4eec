#include "align/match_units.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "checks.h"
#include "matches.h"
#include "registration.h"

namespace funcsim {

namespace {

constexpr const char* op = "match_units";

UnitSimilarities checked_similarities(const Tensor& tensor, std::size_t layer, std::int64_t units_a,
                                      std::int64_t units_b) {
  const std::string name = "similarities[" + std::to_string(layer) + "]";
  const Tensor matrix = to_host(checked_matrix(tensor, op, name, Dtype::Float, "[units of a, units of b]"));
  if (matrix.size(0) != units_a || matrix.size(1) != units_b) {
    fail(op, ": ", name, " must be float32 [", units_a, ", ", units_b, "], got ", describe_tensor(matrix));
  }
  const auto* data = matrix.const_data_ptr<float>();
  UnitSimilarities similarities(data, data + matrix.numel());
  const auto bad = std::ranges::find_if(similarities, [](float value) { return !std::isfinite(value); });
  if (bad != similarities.end()) {
    const auto place = static_cast<std::int64_t>(bad - similarities.begin());
    fail(op, ": ", name, " must be finite, got ", *bad, " at [", place / units_b, ", ", place % units_b, "]");
  }
  return similarities;
}

std::vector<Tensor> match_units_op(const std::string& architecture_a, const std::vector<Tensor>& parameters_a,
                                   const std::string& architecture_b, const std::vector<Tensor>& parameters_b,
                                   const std::vector<Tensor>& similarities, bool coordinate_descent,
                                   std::int64_t input_dimensions) {
  const Network a(architecture_a, parameters_a, std::string(op) + ": " + reference_role);
  const Network b(architecture_b, parameters_b, std::string(op) + ": " + model_role);
  check_same_device(op, "parameters_a", a.on_device(), "parameters_b", b.on_device());
  if (!a.on_device().is_cpu()) {
    check(!DeviceCall(a.on_device()).is_capturing(), op,
          ": it can't be recorded into a CUDA graph, since the CPU solves the assignments");
  }
  check_equal_depth(op, a, b);
  check(input_dimensions == 0 || input_dimensions >= 2, op,
        ": input_dimensions must be at least 2, the batch included, or 0 where they aren't known, got ",
        input_dimensions);
  const std::size_t layers = a.hidden_layers().size();
  check(similarities.empty() || similarities.size() == layers, op, ": similarities must hold a matrix for each of the ",
        layers, " hidden layers, or none, got ", similarities.size());
  std::vector<UnitSimilarities> checked;
  checked.reserve(similarities.size());
  for (std::size_t l = 0; l < similarities.size(); ++l) {
    check_same_device(op, "parameters_a", a.on_device(), "similarities[" + std::to_string(l) + "]", similarities[l]);
    checked.push_back(checked_similarities(similarities[l], l, a.hidden_layers()[l].units, b.hidden_layers()[l].units));
  }
  const std::optional<std::int64_t> dimensions = input_dimensions == 0 ? std::nullopt : std::optional(input_dimensions);
  return int64_tensors(a.on_device(), with_role(op, [&] {
                         return match_units(a, b, checked, coordinate_descent, dimensions, torch_parallel_for());
                       }));
}

const OperatorRegistration registration(
    "match_units(str architecture_a, Tensor[] parameters_a, str architecture_b, Tensor[] parameters_b, "
    "Tensor[] similarities, bool coordinate_descent=False, int input_dimensions=0) -> Tensor[] matches",
    TORCH_BOX(&match_units_op));

}  // namespace

}  // namespace funcsim
