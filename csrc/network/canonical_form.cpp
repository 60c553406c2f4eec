#include "network/canonical_form.h"

#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>

#include "device/device_call.h"
#include "kernels/common/error.h"
#include "kernels/common/parallel.h"
#include "kernels/row_norms/row_norms.h"
#include "network/aten.h"
#include "network/tensor_text.h"
#include "network/tensor_values.h"
#include "network/unit_axes.h"
#include "network/unit_factors.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;
using Dtype = torch::headeronly::ScalarType;

/// L2 norm of every row. Scaled by the largest entry first: squares of float64 leave its range too.
Tensor norms_of_rows(const Tensor& weight) {
  const Tensor rows = aten::reshape(weight, {weight.size(0), -1});
  const Tensor largest = aten::amax(aten::abs(rows), {1}, /*keepdim=*/true);
  const Tensor zero = aten::full({}, 0.0, rows);
  const Tensor one = aten::full({}, 1.0, rows);
  const Tensor unit = aten::where(aten::eq(largest, zero), one, largest);
  const Tensor scaled = aten::div(rows, unit);
  return aten::mul(aten::sqrt(aten::sum(aten::mul(scaled, scaled), {1})), aten::reshape(largest, {-1}));
}

/// The same of a matrix in memory of the host whose columns are multiplied by factors, without a copy where squares
/// stay in their range.
Tensor norms_of_host_rows(const Tensor& weight, const std::optional<Tensor>& factors) {
  const Tensor matrix = aten::contiguous(weight);
  Tensor norms = new_host_tensor({matrix.size(0)}, Dtype::Double);
  auto* out = norms.mutable_data_ptr<double>();
  const double* columns = factors.has_value() ? factors->const_data_ptr<double>() : nullptr;
  if (matrix.scalar_type() == Dtype::Double) {
    row_norms(matrix.const_data_ptr<double>(), matrix.size(0), matrix.size(1), columns, out, serial_for);
  } else {
    row_norms(matrix.const_data_ptr<float>(), matrix.size(0), matrix.size(1), columns, out, serial_for);
  }
  const auto is_safe = [](double norm) { return norm > 1e-140 && norm < 1e140; };
  if (std::all_of(out, out + matrix.size(0), is_safe)) {
    return norms;
  }
  const Tensor wide = aten::to_dtype(matrix, Dtype::Double);
  return norms_of_rows(factors.has_value() ? aten::mul(wide, *factors) : wide);
}

/// Works on float64 copies of a network's tensors, hidden layer by hidden layer.
class Canonicalizer {
 public:
  /// @param scales_only what units are divided by is wanted, not their divided weights
  Canonicalizer(const Network& network, std::optional<std::int64_t> network_input_dimensions, bool scales_only)
      : network_(network),
        scales_only_(scales_only),
        dimensions_(input_dimensions(network.architecture(), network_input_dimensions)) {
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(network.architecture().items.size()); ++i) {
      std::vector<Tensor>& tensors = form_.tensors.emplace_back();
      for (const Tensor& tensor : network.layer(i).tensors) {
        const bool stays = tensors.empty() && weight_stays_as_it_is(i);
        tensors.push_back(stays ? tensor : aten::to_dtype(tensor, Dtype::Double));
      }
    }
    column_factors_.resize(form_.tensors.size());
    for (const HiddenLayer& layer : network.hidden_layers()) {
      canonicalize(layer);
    }
  }

  const CanonicalForm& form() const { return form_; }

 private:
  const Item& item(std::int64_t i) const { return network_.architecture().items[i]; }

  /// The tensor of this name.
  Tensor& tensor(std::int64_t i, const char* name) {
    const std::vector<ParameterSpec> specs = item_parameters(item(i));
    for (std::size_t p = 0; p < specs.size(); ++p) {
      if (specs[p].name == name) {
        return form_.tensors[i][p];
      }
    }
    fail(item_place(network_.architecture(), i), " has no ", name);
  }

  /// A Linear's weight, the largest tensor as a rule, isn't copied for its norms alone.
  bool weight_stays_as_it_is(std::int64_t i) const {
    const bool is_linear = item(i).type->role == LayerRole::affine && item(i).type->spatial_dimensions == 0;
    return scales_only_ && is_linear && network_.on_device().is_cpu();
  }

  bool has_bias(std::int64_t affine) const { return item(affine).boolean("bias"); }

  template <typename Action>
  auto at_item(std::int64_t i, const Action& action) const {
    try {
      return action();
    } catch (const Error& error) {
      fail(network_.role(), ": ", item_place(network_.architecture(), i), ": ", error.what());
    }
  }

  void canonicalize(const HiddenLayer& layer) {
    if (layer.folded_batch_norm >= 0) {
      at_item(layer.folded_batch_norm, [&] { fold(layer); });
    }
    const std::optional<std::int64_t> receiver = find_receiver(layer);
    const Tensor& weight = tensor(layer.item, "weight");
    const Tensor norms = weight_stays_as_it_is(layer.item) ? norms_of_host_rows(weight, column_factors_[layer.item])
                                                           : norms_of_rows(weight);
    check_norms(layer, norms);
    const Tensor one = aten::full({}, 1.0, norms);
    Tensor scale = aten::where(aten::eq(norms, aten::full({}, 0.0, norms)), one, norms);
    if (!receiver.has_value()) {
      scale = aten::full({layer.units}, 1.0, norms);
    } else {
      const std::vector<std::int64_t> owners = owners_at(layer, *receiver);
      if (!scales_only_) {
        divide(layer, scale);
      }
      multiply(*receiver, aten::index_select(scale, 0, int64_vector(owners, scale)));
    }
    form_.layers.push_back({values_of(norms), values_of(scale), receiver});
  }

  void check_norms(const HiddenLayer& layer, const Tensor& norms) const {
    const std::vector<double> values = values_of(norms);
    for (std::size_t u = 0; u < values.size(); ++u) {
      if (!std::isfinite(values[u])) {
        fail(network_.role(), ": ", item_place(network_.architecture(), layer.item), ": the weights into unit ", u,
             " must have a finite norm, got ", values[u]);
      }
    }
  }

  /// Moves the BatchNorm into the affine layer before it; where that has no bias, the BatchNorm keeps the shift.
  void fold(const HiddenLayer& layer) {
    const std::int64_t norm = layer.folded_batch_norm;
    const Item& norm_item = item(norm);
    const double eps = norm_item.real("eps");
    const bool affine = norm_item.boolean("affine");
    check_channels(layer);
    Tensor& weight = tensor(layer.item, "weight");
    weight = aten::to_dtype(weight, Dtype::Double);
    Tensor& mean = tensor(norm, "running_mean");
    Tensor& variance = tensor(norm, "running_var");
    const auto normalized = [&](const Tensor& row) {
      const std::optional<Tensor> gain = affine ? std::optional(tensor(norm, "weight")) : std::nullopt;
      const std::optional<Tensor> shift = affine ? std::optional(tensor(norm, "bias")) : std::nullopt;
      return aten::reshape(aten::batch_norm(aten::reshape(row, {1, -1}), gain, shift, mean, variance, eps), {-1});
    };
    const Tensor zeros = aten::full({layer.units}, 0.0, weight);
    const Tensor bias = normalized(has_bias(layer.item) ? tensor(layer.item, "bias") : zeros);
    Tensor gain = aten::div(aten::full({layer.units}, 1.0, weight),
                            aten::sqrt(aten::add(variance, aten::full({}, eps, variance))));
    gain = affine ? aten::mul(gain, tensor(norm, "weight")) : gain;
    weight = aten::mul(weight, row_factors(gain, weight));
    variance = aten::full({layer.units}, 1.0 - eps, variance);
    if (affine) {
      tensor(norm, "weight") = aten::full({layer.units}, 1.0, weight);
      tensor(norm, "bias") = zeros;
    }
    if (has_bias(layer.item)) {
      tensor(layer.item, "bias") = bias;
      mean = zeros;
    } else {
      mean = aten::subtract(zeros, bias);
    }
  }

  /// A BatchNorm behind a Linear normalises units if the Linear is given rows; given tokens, it normalises positions.
  void check_channels(const HiddenLayer& layer) const {
    UnitAxes(item(layer.item), layer.units, dimensions_[layer.item]).owners(item(layer.folded_batch_norm));
  }

  /// Who takes up a unit's scale: the first BatchNorm on the way or the next affine layer; nobody where something on
  /// the way is not homogeneous or mixes units, or the BatchNorm has no weight.
  std::optional<std::int64_t> find_receiver(const HiddenLayer& layer) const {
    const std::int64_t start = layer.folded_batch_norm >= 0 ? layer.folded_batch_norm : layer.item;
    for (std::int64_t i = start + 1; i < layer.next_affine; ++i) {
      switch (item(i).type->role) {
        case LayerRole::batch_norm:
          return item(i).boolean("affine") ? std::optional(i) : std::nullopt;
        case LayerRole::mixing_norm:
        case LayerRole::elementwise:
        case LayerRole::mixing:
          return std::nullopt;
        default:
          break;
      }
    }
    return layer.next_affine;
  }

  std::vector<std::int64_t> owners_at(const HiddenLayer& layer, std::int64_t receiver) const {
    UnitAxes axes(item(layer.item), layer.units, dimensions_[layer.item]);
    const std::int64_t start = layer.folded_batch_norm >= 0 ? layer.folded_batch_norm : layer.item;
    for (std::int64_t i = start + 1; i < receiver; ++i) {
      at_item(i, [&] { axes.pass(item(i)); });
    }
    return at_item(receiver, [&] { return axes.owners(item(receiver)); });
  }

  void divide(const HiddenLayer& layer, const Tensor& scale) {
    Tensor& weight = tensor(layer.item, "weight");
    weight = aten::div(weight, row_factors(scale, weight));
    if (has_bias(layer.item)) {
      Tensor& bias = tensor(layer.item, "bias");
      bias = aten::div(bias, scale);
    } else if (layer.folded_batch_norm >= 0) {
      Tensor& mean = tensor(layer.folded_batch_norm, "running_mean");
      mean = aten::div(mean, scale);
    }
  }

  /// @param factor of every column, input channel or feature of the receiver
  void multiply(std::int64_t receiver, const Tensor& factor) {
    if (weight_stays_as_it_is(receiver)) {
      column_factors_[receiver] = aten::contiguous(factor);
      return;
    }
    Tensor& weight = tensor(receiver, "weight");
    if (item(receiver).type->role == LayerRole::batch_norm) {
      Tensor& mean = tensor(receiver, "running_mean");
      mean = aten::div(mean, factor);
      weight = aten::mul(weight, factor);
    } else {
      weight = aten::mul(weight, column_factors(item(receiver), factor, weight));
    }
  }

  const Network& network_;
  bool scales_only_;
  std::vector<std::optional<std::int64_t>> dimensions_;
  CanonicalForm form_;
  std::vector<std::optional<Tensor>> column_factors_;  ///< of items whose weights stay as they are
};

/// Scales can take parameters out of the range of their dtype, and what was not finite before is no network.
void check_finite(const Network& network, std::int64_t item, const Tensor& rounded) {
  for (const double value : values_of(rounded)) {
    if (!std::isfinite(value)) {
      fail(network.role(), ": ", item_place(network.architecture(), item), ": a canonical parameter is ", value, " in ",
           dtype_name(network.given_dtype()),
           ": the network's parameters must be finite, and units' norms such that their scaled weights and biases are "
           "in the range of the dtype (float64 has the widest)");
    }
  }
}

}  // namespace

std::vector<Tensor> canonical_parameters(const Network& network) {
  const CanonicalForm form = canonical_form(network, std::nullopt);
  std::vector<Tensor> parameters;
  std::int64_t item = 0;
  for (const std::vector<Tensor>& tensors : form.tensors) {
    for (const Tensor& tensor : tensors) {
      // By way of the dtype of computation, so that float16 networks have the canonical form of their float32 copies.
      const Tensor rounded = aten::to_dtype(aten::to_dtype(tensor, network.dtype()), network.given_dtype());
      check_finite(network, item, rounded);
      parameters.push_back(aten::clone(rounded));
    }
    ++item;
  }
  return parameters;
}

CanonicalForm canonical_form(const Network& network, std::optional<std::int64_t> input_dimensions) {
  return Canonicalizer(network, input_dimensions, /*scales_only=*/false).form();
}

std::vector<std::vector<double>> canonical_scales(const Network& network, std::int64_t input_dimensions) {
  std::vector<std::vector<double>> scales;
  const Canonicalizer canonicalizer(network, input_dimensions, /*scales_only=*/true);
  for (std::size_t l = 0; l < network.hidden_layers().size(); ++l) {
    const CanonicalLayer& layer = canonicalizer.form().layers[l];
    // A BatchNorm among the normalisations gives back what it took before anyone sees the pre-activation.
    const bool is_given_back =
        layer.receiver.has_value() && *layer.receiver <= network.hidden_layers()[l].preactivation_item;
    scales.push_back(is_given_back ? std::vector<double>(layer.scales.size(), 1.0) : layer.scales);
  }
  return scales;
}

}  // namespace funcsim
