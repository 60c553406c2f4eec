#include "align/merge_parameters.h"

#include <cmath>
#include <string>
#include <vector>

#include "checks.h"
#include "matches.h"
#include "network/tensor_values.h"
#include "registration.h"

namespace funcsim {

namespace {

constexpr const char* op = "merge_parameters";

/// What messages call network n of `count`.
std::string role_of(std::size_t n, std::size_t count) {
  if (n == 0) {
    return reference_role;
  }
  return count == 2 ? model_role : "network " + std::to_string(n);
}

void check_weights(const std::vector<double>& weights) {
  constexpr double rounding = 1e-6;
  check(weights.size() >= 2, op, ": weights must be those of at least 2 networks, got ", weights.size());
  double sum = 0.0;
  for (const double weight : weights) {
    check(std::isfinite(weight) && weight >= 0, op, ": weights must be finite and at least 0, got ", weight);
    sum += weight;
  }
  check(std::fabs(sum - 1.0) <= rounding, op, ": weights must have the sum 1, got ", sum);
}

std::vector<Network> networks_of(const std::string& architecture, const std::vector<Tensor>& parameters,
                                 std::size_t count) {
  check(parameters.size() % count == 0, op, ": parameters must be those of ", count,
        " networks, one after the other, as there are weights, got ", parameters.size(), " tensors");
  const auto each = static_cast<std::ptrdiff_t>(parameters.size() / count);
  std::vector<Network> networks;
  networks.reserve(count);
  for (std::size_t n = 0; n < count; ++n) {
    const auto first = parameters.begin() + (static_cast<std::ptrdiff_t>(n) * each);
    networks.emplace_back(architecture, std::vector<Tensor>(first, first + each),
                          std::string(op) + ": " + role_of(n, count));
    check(networks[n].given_dtype() == networks.front().given_dtype(), op, ": networks must have one dtype, got ",
          dtype_name(networks.front().given_dtype()), " (", reference_role, ") and ",
          dtype_name(networks[n].given_dtype()), " (", role_of(n, count), ")");
    check_same_device(op, reference_role, networks.front().on_device(), role_of(n, count), networks[n].on_device());
  }
  return networks;
}

Moments checked_moments(const Tensor& given, const std::string& name, std::int64_t units, const Tensor& like) {
  check_device(given, op, name);
  check_same_device(op, reference_role, like, name, given);
  const auto sizes = given.sizes();
  if (dtype_of(given) != Dtype::Double || sizes.size() != 2 || sizes[0] != 2 || sizes[1] != units) {
    fail(op, ": ", name, " must be float64 [2, ", units, "], means and variances of the layer's units, got ",
         describe_tensor(given));
  }
  const std::vector<double> values = values_of(given);
  const auto middle = values.begin() + units;
  Moments moments{{values.begin(), middle}, {middle, values.end()}};
  for (std::int64_t u = 0; u < units; ++u) {
    check(std::isfinite(moments.means[u]) && std::isfinite(moments.variances[u]) && moments.variances[u] >= 0, op, ": ",
          name, " must be finite, variances at least 0, got mean ", moments.means[u], ", variance ",
          moments.variances[u], " of unit ", u);
  }
  return moments;
}

std::vector<std::vector<Moments>> all_moments(const std::vector<Network>& networks, const std::vector<Tensor>& given) {
  if (given.empty()) {
    return {};
  }
  const std::vector<HiddenLayer>& layers = networks.front().hidden_layers();
  check(given.size() == networks.size() * layers.size(), op, ": moments must be of ", layers.size(),
        " hidden layers of each of ", networks.size(), " networks, or none, got ", given.size(), " tensors");
  std::vector<std::vector<Moments>> moments;
  for (std::size_t n = 0; n < networks.size(); ++n) {
    std::vector<Moments>& of_network = moments.emplace_back();
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const std::size_t index = (n * layers.size()) + l;
      of_network.push_back(checked_moments(given[index], "moments[" + std::to_string(index) + "]", layers[l].units,
                                           networks.front().on_device()));
    }
  }
  return moments;
}

std::vector<Tensor> merge_parameters_op(const std::string& architecture, const std::vector<Tensor>& parameters,
                                        const std::vector<double>& weights, const std::vector<Tensor>& moments,
                                        const Tensor& inputs, bool repair) {
  return with_role(op, [&] {
    check_weights(weights);
    const std::vector<Network> networks = networks_of(architecture, parameters, weights.size());
    Execution execution(torch_parallel_for(), networks.front().on_device());
    check(!execution.device.has_value() || !execution.device->is_capturing(), op,
          ": it can't be recorded into a CUDA graph, since statistics are corrected on the host");
    return merge_parameters(architecture, networks, weights, all_moments(networks, moments), inputs, repair, execution);
  });
}

const OperatorRegistration registration(
    "merge_parameters(str architecture, Tensor[] parameters, float[] weights, Tensor[] moments, Tensor inputs, "
    "bool repair=True) -> Tensor[]",
    TORCH_BOX(&merge_parameters_op));

}  // namespace

}  // namespace funcsim
