#include "align/rescale_units.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "network/aten.h"
#include "network/tensor_values.h"
#include "network/unit_factors.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;

/// What becomes of a hidden layer's units, in their new order.
struct UnitFactors {
  std::vector<double> raw;     ///< of the affine layer's weights and bias
  std::vector<double> output;  ///< of what the layer gives, which the receiver takes back
};

std::size_t place_of(const Item& item, const char* name) {
  const std::vector<ParameterSpec> specs = item_parameters(item);
  return static_cast<std::size_t>(std::ranges::find(specs, std::string_view(name), &ParameterSpec::name) -
                                  specs.begin());
}

/// The BatchNorm that directly follows a layer, before it was folded.
struct FoldedNorm {
  std::vector<double> weights;  ///< 1 where it has none
  std::vector<double> gains;    ///< what it multiplies each unit by
};

FoldedNorm folded_norm(const RescaledNetwork& side, const HiddenLayer& layer) {
  const Layer norm = side.network.layer(layer.folded_batch_norm);
  const auto values = [&](const char* name) { return values_of(norm.tensors[place_of(norm.item, name)]); };
  FoldedNorm folded;
  folded.weights =
      norm.item.boolean("affine") ? values("weight") : std::vector<double>(static_cast<std::size_t>(layer.units), 1.0);
  folded.gains = folded.weights;
  const std::vector<double> variances = values("running_var");
  for (std::size_t u = 0; u < variances.size(); ++u) {
    folded.gains[u] /= std::sqrt(variances[u] + norm.item.real("eps"));
  }
  return folded;
}

bool is_positive(double value) {
  return std::isfinite(value) && value > 0;
}

UnitFactors factors_of(const RescaledNetwork& a, const RescaledNetwork& b, std::size_t l, const UnitMatch& match,
                       const UnitOrder& order) {
  const HiddenLayer& layer_a = a.network.hidden_layers()[l];
  const HiddenLayer& layer_b = b.network.hidden_layers()[l];
  const CanonicalLayer& form_a = a.form.layers[l];
  const CanonicalLayer& form_b = b.form.layers[l];
  const bool scales = form_a.receiver.has_value() && form_b.receiver.has_value();
  const bool has_norms = layer_a.folded_batch_norm >= 0 && layer_b.folded_batch_norm >= 0;
  const FoldedNorm norm_a = has_norms ? folded_norm(a, layer_a) : FoldedNorm();
  const FoldedNorm norm_b = has_norms ? folded_norm(b, layer_b) : FoldedNorm();
  std::vector<double> raw(static_cast<std::size_t>(layer_b.units), 1.0);
  std::vector<double> output = raw;
  for (std::size_t i = 0; i < match.size(); ++i) {
    const std::int64_t j = match[i];
    if (j < 0) {
      continue;
    }
    const double ratio = form_a.norms[i] / form_b.norms[j];
    if (!is_positive(ratio)) {
      continue;
    }
    // What a BatchNorm gives has the deviation of its weight, whatever the norm of what it is folded with.
    if (scales) {
      output[j] = has_norms ? std::abs(norm_a.weights[i] / norm_b.weights[j]) : ratio;
    }
    if (layer_b.folded_batch_norm < 0) {
      raw[j] = output[j];
    } else if (has_norms) {
      const double raw_ratio = ratio * norm_b.gains[j] / norm_a.gains[i];
      raw[j] = is_positive(std::abs(raw_ratio)) ? raw_ratio : 1.0;
    }
  }
  UnitFactors factors;
  for (const std::int64_t unit : order) {
    factors.raw.push_back(raw[unit]);
    factors.output.push_back(output[unit]);
  }
  return factors;
}

const std::vector<std::int64_t>& owners_at(const std::vector<UnitPlaces>& places, std::size_t l, std::int64_t item) {
  const auto found = std::ranges::find(places[l].vectors, item, &UnitVectors::item);
  return found == places[l].vectors.end() ? places[l].columns : found->owners;
}

/// Running variances that the receiver of a layer is to have, for each of its numbers; NaN where any will do.
///
/// A BatchNorm that takes up a scale has two numbers for it, its weight and its running variance: networks with the
/// same function may have either. With a's variance, b's weight can be averaged with a's. None where the receivers are
/// no such BatchNorms, or their numbers don't correspond.
std::vector<double> wanted_variances(const RescaledNetwork& a, const RescaledNetwork& b, std::size_t l,
                                     const UnitMatch& match, const UnitOrder& order) {
  const std::optional<std::int64_t> of_a = a.form.layers[l].receiver;
  const std::optional<std::int64_t> of_b = b.form.layers[l].receiver;
  if (!of_a.has_value() || !of_b.has_value()) {
    return {};
  }
  const Layer norm_a = a.network.layer(*of_a);
  const Layer norm_b = b.network.layer(*of_b);
  const std::vector<std::int64_t>& owners = owners_at(b.places, l, *of_b);
  if (norm_a.item.type->role != LayerRole::batch_norm || norm_b.item.type->role != LayerRole::batch_norm ||
      owners_at(a.places, l, *of_a) != owners) {
    return {};
  }
  std::vector<double> variances = values_of(norm_a.tensors[place_of(norm_a.item, "running_var")]);
  for (std::size_t i = 0; i < variances.size(); ++i) {
    const auto unit = static_cast<std::size_t>(owners[i]);
    const bool corresponds = unit < match.size() && match[unit] == order[unit];
    if (!corresponds || !is_positive(variances[i])) {
      variances[i] = std::numeric_limits<double>::quiet_NaN();
    }
  }
  return variances;
}

/// Works on the tensors of one network.
class Rescaler {
 public:
  Rescaler(const Network& network, const std::vector<UnitPlaces>& places, ItemTensors& tensors)
      : network_(network), places_(places), tensors_(tensors) {}

  void rescale(std::size_t l, UnitFactors factors, std::int64_t receiver, const std::vector<double>& variances) {
    const HiddenLayer& layer = network_.hidden_layers()[l];
    if (layer.folded_batch_norm >= 0) {
      rescale_batch_norm(layer.folded_batch_norm, factors);
    }
    Tensor& weight = tensors_[layer.item][0];
    const Tensor raw = float64_vector(factors.raw, weight);
    weight = aten::mul(weight, row_factors(raw, weight));
    if (item(layer.item).boolean("bias")) {
      Tensor& bias = tensors_[layer.item][1];
      bias = aten::mul(bias, raw);
    }
    compensate(l, receiver, factors.output);
    if (!variances.empty()) {
      set_variances(receiver, variances);
    }
  }

 private:
  const Item& item(std::int64_t i) const { return network_.architecture().items[i]; }
  Tensor& tensor(std::int64_t i, const char* name) { return tensors_[i][place_of(item(i), name)]; }

  /// A value as the network's dtype holds it: what it loses, the weight can make good.
  Tensor rounded(const Tensor& values) const {
    return aten::to_dtype(aten::to_dtype(values, network_.given_dtype()), torch::headeronly::ScalarType::Double);
  }

  /// Gives a BatchNorm other variances.
  ///
  /// @return how many times as much it divides each unit by, the variances being what the network's dtype holds
  std::vector<double> replace_variances(std::int64_t norm, const std::vector<double>& values) {
    const double eps = item(norm).real("eps");
    Tensor& variance = tensor(norm, "running_var");
    const std::vector<double> old = values_of(variance);
    variance = rounded(float64_vector(values, variance));
    std::vector<double> ratios = values_of(variance);
    for (std::size_t u = 0; u < ratios.size(); ++u) {
      ratios[u] = ratios[u] == old[u] ? 1.0 : std::sqrt((ratios[u] + eps) / (old[u] + eps));
    }
    return ratios;
  }

  /// Lets the BatchNorm take raw pre-activations multiplied by factors.raw, and give what it gave, times
  /// factors.output. Its deviation has to follow the raw factor. As the variance can't be less than 0, that may need a
  /// larger one than asked for, or a weight that makes up for it.
  void rescale_batch_norm(std::int64_t norm, UnitFactors& factors) {
    const double eps = item(norm).real("eps");
    const bool affine = item(norm).boolean("affine");
    const std::vector<double> old_variance = values_of(tensor(norm, "running_var"));
    std::vector<double> variance = old_variance;
    for (std::size_t u = 0; u < variance.size(); ++u) {
      double& raw = factors.raw[u];
      const double spread = old_variance[u] + eps;
      if (!affine) {
        const double output = factors.output[u];
        raw = std::max(std::abs(raw), output * std::sqrt(eps / spread));
        if (raw != output) {
          variance[u] = std::max((raw * raw / (output * output) * spread) - eps, 0.0);
        }
      } else if (std::abs(raw) != 1.0) {
        variance[u] = std::max((raw * raw * spread) - eps, 0.0);
      }
    }
    const std::vector<double> ratios = replace_variances(norm, variance);
    Tensor& mean = tensor(norm, "running_mean");
    mean = aten::mul(mean, float64_vector(factors.raw, mean));
    if (!affine) {
      return;
    }
    std::vector<double> gains(ratios.size());
    for (std::size_t u = 0; u < gains.size(); ++u) {
      gains[u] = factors.output[u] * ratios[u] / factors.raw[u];
    }
    Tensor& weight = tensor(norm, "weight");
    weight = aten::mul(weight, float64_vector(gains, weight));
    Tensor& bias = tensor(norm, "bias");
    bias = aten::mul(bias, float64_vector(factors.output, bias));
  }

  void compensate(std::size_t l, std::int64_t receiver, const std::vector<double>& output) {
    const std::vector<std::int64_t>& owners = owners_at(places_, l, receiver);
    std::vector<double> of_numbers;
    of_numbers.reserve(owners.size());
    for (const std::int64_t unit : owners) {
      of_numbers.push_back(output[unit]);
    }
    Tensor& weight = tensor(receiver, "weight");
    const Tensor factor = float64_vector(of_numbers, weight);
    if (item(receiver).type->role == LayerRole::batch_norm) {
      Tensor& mean = tensor(receiver, "running_mean");
      mean = aten::mul(mean, factor);
      weight = aten::div(weight, factor);
    } else {
      weight = aten::div(weight, column_factors(item(receiver), factor, weight));
    }
  }

  /// Gives a BatchNorm these variances, where they aren't NaN, and a weight that makes up for it.
  void set_variances(std::int64_t norm, const std::vector<double>& wanted) {
    std::vector<double> values = values_of(tensor(norm, "running_var"));
    std::ranges::transform(wanted, values, values.begin(),
                           [](double w, double old) { return std::isnan(w) ? old : w; });
    const std::vector<double> ratios = replace_variances(norm, values);
    Tensor& weight = tensor(norm, "weight");
    weight = aten::mul(weight, float64_vector(ratios, weight));
  }

  const Network& network_;
  const std::vector<UnitPlaces>& places_;
  ItemTensors& tensors_;
};

}  // namespace

void rescale_units(const RescaledNetwork& a, const RescaledNetwork& b, const std::vector<UnitMatch>& matches,
                   const std::vector<UnitOrder>& orders, ItemTensors& tensors) {
  Rescaler rescaler(b.network, b.places, tensors);
  for (std::size_t l = 0; l < matches.size(); ++l) {
    // Without a receiver all factors of the layer's output are 1, so that any will do.
    const std::int64_t receiver = b.form.layers[l].receiver.value_or(b.network.hidden_layers()[l].next_affine);
    rescaler.rescale(l, factors_of(a, b, l, matches[l], orders[l]), receiver,
                     wanted_variances(a, b, l, matches[l], orders[l]));
  }
}

}  // namespace funcsim
