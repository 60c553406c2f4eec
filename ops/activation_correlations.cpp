#include "align/activation_correlations.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "checks.h"
#include "matches.h"
#include "network/positions.h"
#include "network/tensor_values.h"
#include "registration.h"

namespace funcsim {

namespace {

constexpr const char* op = "activation_correlations";
constexpr std::size_t parts = 3;  // of every layer: correlations, and what is known of the units of a and of b

/// float64, on the networks' device, of these sizes.
void check_part(const Tensor& tensor, const std::string& name, std::int64_t rows, std::int64_t columns,
                const Tensor& like) {
  check_device(tensor, op, name);
  check_same_device(op, "parameters_a", like, name, tensor);
  const auto sizes = tensor.sizes();
  if (dtype_of(tensor) != Dtype::Double || sizes.size() != 2 || sizes[0] != rows || sizes[1] != columns) {
    fail(op, ": ", name, " must be float64 [", rows, ", ", columns, "], as it was returned for the inputs before, got ",
         describe_tensor(tensor));
  }
}

ActivationSpread checked_spread(const Tensor& tensor, const std::string& name, std::int64_t units, const Tensor& like) {
  check_part(tensor, name, parts, units, like);
  const std::vector<double> values = values_of(tensor);
  const auto means = values.begin() + units;
  const auto deviations = means + units;
  constexpr double most_samples = 0x1p53;
  for (std::int64_t u = 0; u < units; ++u) {
    check(values[u] >= 1 && values[u] < most_samples && values[u] == values[0] && std::isfinite(means[u]) &&
              std::isfinite(deviations[u]) && deviations[u] >= 0,
          op, ": ", name, " must hold a number of samples, at least 1, a finite mean and a finite standard deviation, ",
          "at least 0, of every unit, as it was returned for the inputs before, got ", values[u], ", ", means[u],
          " and ", deviations[u], " of unit ", u);
  }
  return {static_cast<std::int64_t>(values[0]), {means, deviations}, {deviations, values.end()}};
}

std::vector<LayerCorrelations> checked_before(const std::vector<Tensor>& before, const Network& a, const Network& b) {
  const std::size_t layers = a.hidden_layers().size();
  check(before.empty() || before.size() == parts * layers, op, ": before must hold three tensors for each of the ",
        layers, " hidden layers, as they were returned for the inputs before, or none, got ", before.size());
  std::vector<LayerCorrelations> checked;
  checked.reserve(layers);
  for (std::size_t i = 0; i < before.size(); i += parts) {
    const auto name = [&](std::size_t part) { return "before[" + std::to_string(i + part) + "]"; };
    const std::int64_t units_a = a.hidden_layers()[i / parts].units;
    const std::int64_t units_b = b.hidden_layers()[i / parts].units;
    check_part(before[i], name(0), units_a, units_b, a.on_device());
    checked.push_back({before[i], checked_spread(before[i + 1], name(1), units_a, a.on_device()),
                       checked_spread(before[i + 2], name(2), units_b, a.on_device())});
    check(checked.back().a.count == checked.back().b.count, op, ": ", name(1), " and ", name(2),
          " must be of equally many samples, got ", checked.back().a.count, " and ", checked.back().b.count);
  }
  return checked;
}

Tensor spread_tensor(const Tensor& like, const ActivationSpread& spread) {
  std::vector<double> values(spread.means.size(), static_cast<double>(spread.count));
  values.insert(values.end(), spread.means.begin(), spread.means.end());
  values.insert(values.end(), spread.deviations.begin(), spread.deviations.end());
  return tensor_of(like, {static_cast<std::int64_t>(parts), static_cast<std::int64_t>(spread.means.size())},
                   Dtype::Double, values);
}

std::vector<Tensor> activation_correlations_op(const std::string& architecture_a,
                                               const std::vector<Tensor>& parameters_a,
                                               const std::string& architecture_b,
                                               const std::vector<Tensor>& parameters_b, const Tensor& inputs,
                                               const std::vector<Tensor>& before, std::int64_t positions,
                                               std::int64_t seed, std::int64_t first_input) {
  const Network a(architecture_a, parameters_a, std::string(op) + ": " + reference_role);
  const Network b(architecture_b, parameters_b, std::string(op) + ": " + model_role);
  check_same_device(op, "parameters_a", a.on_device(), "parameters_b", b.on_device());
  check_equal_depth(op, a, b);
  check(positions != any_position, op, ": positions must be 0 (all) or a number of points, got -1 (any): ",
        "a maximum over positions is no activation");
  Execution execution(torch_parallel_for(), inputs);
  check(!execution.device.has_value() || !execution.device->is_capturing(), op,
        ": it can't be recorded into a CUDA graph, since moments are taken to the host");
  const std::vector<LayerCorrelations> layers = with_role(op, [&] {
    return activation_correlations(a, b, inputs, {0.0, positions, seed, first_input}, checked_before(before, a, b),
                                   execution);
  });
  std::vector<Tensor> result;
  result.reserve(parts * layers.size());
  for (const LayerCorrelations& layer : layers) {
    result.push_back(layer.correlations);
    result.push_back(spread_tensor(inputs, layer.a));
    result.push_back(spread_tensor(inputs, layer.b));
  }
  return result;
}

const OperatorRegistration registration(
    "activation_correlations(str architecture_a, Tensor[] parameters_a, str architecture_b, Tensor[] parameters_b, "
    "Tensor inputs, Tensor[] before, int positions=16, int seed=0, SymInt first_input=0) -> Tensor[]",
    TORCH_BOX(&activation_correlations_op));

}  // namespace

}  // namespace funcsim
