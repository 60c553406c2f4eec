#include "align/repair.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "align/activation_stream.h"
#include "kernels/common/error.h"
#include "network/aten.h"
#include "network/tensor_values.h"
#include "network/unit_factors.h"
#include "network/unit_places.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;
using Dtype = torch::headeronly::ScalarType;
using Kind = RepairStep::Kind;

const Item& item_of(const Network& network, std::int64_t item) {
  return network.architecture().items[item];
}

/// Index of an item's tensor; nullopt where it has none of this name.
std::optional<std::size_t> tensor_index(const Item& item, std::string_view name) {
  const std::vector<ParameterSpec> specs = item_parameters(item);
  for (std::size_t p = 0; p < specs.size(); ++p) {
    if (specs[p].name == name) {
      return p;
    }
  }
  return std::nullopt;
}

/// The numbers of an item's tensor; `otherwise`, `units` times, where it has none of this name.
std::vector<double> vector_of(const Network& network, std::int64_t item, std::string_view name, std::int64_t units,
                              double otherwise) {
  const std::optional<std::size_t> index = tensor_index(item_of(network, item), name);
  if (!index.has_value()) {
    return std::vector<double>(static_cast<std::size_t>(units), otherwise);
  }
  return values_of(network.layer(item).tensors[*index]);
}

void set_vector(const Network& network, std::vector<Tensor>& tensors, std::int64_t item, std::string_view name,
                const std::vector<double>& values) {
  const std::optional<std::size_t> index = tensor_index(item_of(network, item), name);
  if (index.has_value()) {
    const auto sizes = tensors[*index].sizes();
    tensors[*index] = aten::reshape(aten::to_dtype(float64_vector(values, tensors[*index]), network.dtype()),
                                    {sizes.begin(), sizes.end()});
  }
}

void check_finite(const NetworkRun& run, const RepairStep& step, const std::vector<double>& means,
                  const std::vector<double>& deviations) {
  for (std::size_t u = 0; u < means.size(); ++u) {
    if (!std::isfinite(means[u]) || !std::isfinite(deviations[u])) {
      fail(run.network().role(), ": ", item_place(run.network().architecture(), step.item), ": the statistics of unit ",
           u, " must be finite, got mean ", means[u], ", standard deviation ", deviations[u],
           ": look for NaN, infinities and negative variances in the inputs and in the parameters up to there");
    }
  }
}

std::vector<double> square_roots(std::vector<double> variances) {
  for (double& variance : variances) {
    variance = std::sqrt(variance);
  }
  return variances;
}

/// What a BatchNorm divides by.
std::vector<double> running_deviations(const Network& network, std::int64_t item, std::int64_t units) {
  std::vector<double> deviations = vector_of(network, item, "running_var", units, 1.0);
  const double eps = item_of(network, item).real("eps");
  for (double& deviation : deviations) {
    deviation = std::sqrt(deviation + eps);
  }
  return deviations;
}

/// Statistics behind the normalisation from those in front of it.
RepairTarget normalized(const Network& network, const RepairStep& step, const Moments& in_front) {
  RepairTarget target{in_front.means, square_roots(in_front.variances)};
  const std::vector<double> means = vector_of(network, step.item, "running_mean", step.units, 0.0);
  const std::vector<double> deviations = running_deviations(network, step.item, step.units);
  for (std::size_t u = 0; u < means.size(); ++u) {
    target.means[u] = (target.means[u] - means[u]) / deviations[u];
    target.deviations[u] /= deviations[u];
  }
  return target;
}

/// The same from pre-activations, which have gone through the BatchNorm's weight and bias too. Where the weight is 0
/// nothing is left of them: then the running statistics count as true.
RepairTarget before_weight_and_bias(const Network& network, const RepairStep& step, const Moments& preactivations) {
  RepairTarget target{preactivations.means, square_roots(preactivations.variances)};
  const std::vector<double> weight = vector_of(network, step.item, "weight", step.units, 1.0);
  const std::vector<double> bias = vector_of(network, step.item, "bias", step.units, 0.0);
  for (std::size_t u = 0; u < weight.size(); ++u) {
    const bool passes = weight[u] != 0;
    target.means[u] = passes ? (target.means[u] - bias[u]) / weight[u] : 0.0;
    target.deviations[u] = passes ? target.deviations[u] / std::fabs(weight[u]) : 1.0;
  }
  return target;
}

/// Of one parent, in the order of the steps.
std::vector<RepairTarget> statistics_of(const std::vector<RepairStep>& steps, const NetworkRun& run,
                                        const std::vector<Moments>& moments, Execution& execution) {
  std::vector<RepairTarget> statistics;
  statistics.reserve(steps.size());
  std::optional<ActivationStream> stream;
  for (const RepairStep& step : steps) {
    const bool is_batch_norm = step.kind == Kind::batch_norm;
    if (step.layer >= 0 && !moments.empty()) {
      const Moments& known = moments[step.layer];
      statistics.push_back(is_batch_norm ? before_weight_and_bias(run.network(), step, known)
                                         : RepairTarget{known.means, square_roots(known.variances)});
    } else {
      if (!stream.has_value()) {
        stream.emplace(run, execution);
      }
      const Moments measured = stream->measure(step.measured, step.units, step.units_axis);
      statistics.push_back(is_batch_norm ? normalized(run.network(), step, measured)
                                         : RepairTarget{measured.means, square_roots(measured.variances)});
    }
    check_finite(run, step, statistics.back().means, statistics.back().deviations);
  }
  return statistics;
}

/// Whether a unit varies no more than the rounding of what was added up for it.
bool is_constant(const Network& network, double deviation, double mean, double bias) {
  constexpr double roundings = 16.0;
  return deviation <= roundings * epsilon(network.dtype()) * std::max(std::fabs(mean), std::fabs(bias));
}

/// Brings means and deviations to their targets by the weight and bias of the item. What has no bias keeps its mean,
/// multiplied with the rest.
Correction correct_by_weight(const RepairStep& step, const RepairTarget& target, const Moments& measured,
                             Network& network) {
  const std::vector<double> deviations = square_roots(measured.variances);
  const bool is_affine = step.kind == Kind::affine;
  const bool has_bias = tensor_index(item_of(network, step.item), "bias").has_value();
  std::vector<double> bias = vector_of(network, step.item, "bias", step.units, 0.0);
  const auto unit_of = [&](std::size_t k) { return is_affine ? k : static_cast<std::size_t>(step.owners[k]); };
  std::vector<double> largest_bias(deviations.size());
  for (std::size_t k = 0; k < bias.size(); ++k) {
    largest_bias[unit_of(k)] = std::max(largest_bias[unit_of(k)], std::fabs(bias[k]));
  }
  const std::vector<double> zeros(deviations.size());
  Correction correction{has_bias ? measured.means : zeros, zeros, has_bias ? target.means : zeros};
  for (std::size_t u = 0; u < deviations.size(); ++u) {
    const bool stays = is_constant(network, deviations[u], measured.means[u], largest_bias[u]);
    correction.gains[u] = stays ? 1.0 : target.deviations[u] / deviations[u];
  }
  std::vector<Tensor> tensors = network.layer(step.item).tensors;
  for (std::size_t k = 0; k < bias.size(); ++k) {
    const std::size_t u = unit_of(k);
    bias[k] = ((bias[k] - correction.means[u]) * correction.gains[u]) + correction.shifts[u];
  }
  set_vector(network, tensors, step.item, "bias", bias);
  if (is_affine) {
    const Tensor gains = aten::to_dtype(float64_vector(correction.gains, tensors.front()), network.dtype());
    tensors.front() = aten::mul(tensors.front(), row_factors(gains, tensors.front()));
  } else {
    std::vector<double> weight = vector_of(network, step.item, "weight", step.units, 1.0);
    for (std::size_t k = 0; k < weight.size(); ++k) {
      weight[k] *= correction.gains[unit_of(k)];
    }
    set_vector(network, tensors, step.item, "weight", weight);
  }
  network.replace_tensors(step.item, std::move(tensors));
  return correction;
}

/// Running statistics with which the BatchNorm gives what its targets say.
void correct_running_statistics(const RepairStep& step, const RepairTarget& target, const Moments& measured,
                                Network& network) {
  const std::vector<double> deviations = square_roots(measured.variances);
  const double eps = item_of(network, step.item).real("eps");
  std::vector<double> means = vector_of(network, step.item, "running_mean", step.units, 0.0);
  std::vector<double> variances = vector_of(network, step.item, "running_var", step.units, 1.0);
  for (std::size_t u = 0; u < means.size(); ++u) {
    if (target.deviations[u] > 0 && !is_constant(network, deviations[u], measured.means[u], 0.0)) {
      const double divisor = deviations[u] / target.deviations[u];
      variances[u] = std::max((divisor * divisor) - eps, 0.0);
    }
    means[u] = measured.means[u] - (target.means[u] * std::sqrt(variances[u] + eps));
  }
  std::vector<Tensor> tensors = network.layer(step.item).tensors;
  set_vector(network, tensors, step.item, "running_mean", means);
  set_vector(network, tensors, step.item, "running_var", variances);
  network.replace_tensors(step.item, std::move(tensors));
}

}  // namespace

std::vector<RepairStep> repair_steps(const Network& network, std::int64_t input_dimensions) {
  const std::vector<HiddenLayer>& layers = network.hidden_layers();
  std::vector<UnitPlaces> places;
  const auto owners_of = [&](std::size_t layer, std::int64_t item) {
    if (places.empty()) {
      places = find_unit_places(network, input_dimensions);
    }
    for (const UnitVectors& vectors : places[layer].vectors) {
      if (vectors.item == item) {
        return vectors.owners;
      }
    }
    return std::vector<std::int64_t>();
  };
  std::vector<RepairStep> steps;
  std::size_t next = 0;  // hidden layer
  const auto items = static_cast<std::int64_t>(network.architecture().items.size());
  for (std::int64_t i = 0; i < items; ++i) {
    const Item& item = item_of(network, i);
    const bool gives_preactivation = next < layers.size() && layers[next].preactivation_item == i;
    const std::int64_t layer = gives_preactivation ? static_cast<std::int64_t>(next) : -1;
    if (item.type->role == LayerRole::batch_norm) {
      steps.push_back({Kind::batch_norm, i, i - 1, layer, item.integer("num_features"), 1});
    } else if (gives_preactivation) {
      const bool is_affine = i == layers[next].item;
      const std::int64_t axis = item_of(network, layers[next].item).type->spatial_dimensions > 0 ? 1 : -1;
      std::vector<std::int64_t> owners;
      const bool has_both = tensor_index(item, "weight").has_value() && tensor_index(item, "bias").has_value();
      if (!is_affine && has_both) {
        owners = owners_of(next, i);
      }
      if (is_affine || !owners.empty()) {
        steps.push_back(
            {is_affine ? Kind::affine : Kind::norm, i, i, layer, layers[next].units, axis, std::move(owners)});
      }
    }
    next += gives_preactivation ? 1 : 0;
  }
  return steps;
}

std::vector<RepairTarget> repair_targets(const std::vector<RepairStep>& steps, const std::vector<NetworkRun>& parents,
                                         const std::vector<double>& weights,
                                         const std::vector<std::vector<Moments>>& moments, Execution& execution) {
  std::vector<RepairTarget> targets;
  targets.reserve(steps.size());
  for (const RepairStep& step : steps) {
    const std::vector<double> zeros(static_cast<std::size_t>(step.units));
    targets.push_back({zeros, zeros});
  }
  for (std::size_t p = 0; p < parents.size(); ++p) {
    const std::vector<RepairTarget> statistics =
        statistics_of(steps, parents[p], moments.empty() ? std::vector<Moments>() : moments[p], execution);
    for (std::size_t s = 0; s < steps.size(); ++s) {
      for (std::size_t u = 0; u < targets[s].means.size(); ++u) {
        targets[s].means[u] += weights[p] * statistics[s].means[u];
        targets[s].deviations[u] += weights[p] * statistics[s].deviations[u];
      }
    }
  }
  return targets;
}

void repair_statistics(const std::vector<RepairStep>& steps, const std::vector<RepairTarget>& targets,
                       const NetworkRun& run, Network& network, Execution& execution) {
  ActivationStream stream(run, execution);
  for (std::size_t s = 0; s < steps.size(); ++s) {
    const RepairStep& step = steps[s];
    const Moments measured = stream.measure(step.measured, step.units, step.units_axis);
    check_finite(run, step, measured.means, measured.variances);
    if (step.kind == Kind::batch_norm) {
      correct_running_statistics(step, targets[s], measured, network);
    } else {
      stream.correct(step.item, step.units_axis, correct_by_weight(step, targets[s], measured, network));
    }
  }
}

}  // namespace funcsim
