#include "align/unit_weights.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

#include "network/aten.h"
#include "network/tensor_values.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;

/// [outputs, inputs, kernel] of a weight.
Tensor filters(const Tensor& weight) {
  return aten::reshape(weight, {weight.size(0), weight.size(1), -1});
}

Tensor with_shift(const Tensor& rows, const Tensor& shift) {
  return aten::cat({aten::reshape(rows, {rows.size(0), -1}), aten::reshape(shift, {-1, 1})}, 1);
}

/// Places of matched units in both networks, unit by unit; nullopt where units have different numbers of them.
struct MatchedPlaces {
  std::vector<std::int64_t> a;
  std::vector<std::int64_t> b;
};

std::optional<MatchedPlaces> matched_places(const std::vector<std::int64_t>& owners_a, std::int64_t units_a,
                                            const std::vector<std::int64_t>& owners_b, std::int64_t units_b,
                                            const UnitMatch& match) {
  const auto of_a = places_of_units(owners_a, units_a);
  const auto of_b = places_of_units(owners_b, units_b);
  if (of_a.front().size() != of_b.front().size()) {
    return std::nullopt;
  }
  MatchedPlaces places;
  for (std::int64_t i = 0; i < units_a; ++i) {
    if (match[i] >= 0) {
      places.a.insert(places.a.end(), of_a[i].begin(), of_a[i].end());
      places.b.insert(places.b.end(), of_b[match[i]].begin(), of_b[match[i]].end());
    }
  }
  return places;
}

Tensor select(const Tensor& t, std::int64_t dim, const std::vector<std::int64_t>& places) {
  return aten::index_select(t, dim, int64_vector(places, t));
}

/// Squared norms of rows.
std::vector<double> squares(const Tensor& rows) {
  return values_of(aten::sum(aten::mul(rows, rows), {1}));
}

}  // namespace

UnitWeights::UnitWeights(const Network& a, const std::vector<UnitPlaces>& places_a, const Network& b,
                         const std::vector<UnitPlaces>& places_b, std::optional<std::int64_t> input_dimensions)
    : a_{a, places_a, canonical_form(a, input_dimensions)}, b_{b, places_b, canonical_form(b, input_dimensions)} {}

std::int64_t UnitWeights::Side::affine(std::size_t l) const {
  const std::vector<HiddenLayer>& layers = network.hidden_layers();
  return l < layers.size() ? layers[l].item : layers.back().next_affine;
}

std::int64_t UnitWeights::Side::groups(std::size_t l) const {
  const Item& item = network.architecture().items[affine(l)];
  return item.type->spatial_dimensions > 0 ? item.integer("groups") : 1;
}

Tensor UnitWeights::Side::shift(std::size_t l) const {
  const std::vector<Tensor>& affine_tensors = form.tensors[affine(l)];
  if (affine_tensors.size() > 1) {
    return affine_tensors[1];
  }
  Tensor zeros = aten::full({affine_tensors[0].size(0)}, 0.0, affine_tensors[0]);
  const std::int64_t norm = l < network.hidden_layers().size() ? network.hidden_layers()[l].folded_batch_norm : -1;
  if (norm < 0) {
    return zeros;
  }
  // Canonical form leaves it in the running mean, which comes before the variance and is subtracted.
  const std::vector<Tensor>& norm_tensors = form.tensors[norm];
  return aten::subtract(zeros, norm_tensors[norm_tensors.size() - 2]);
}

bool UnitWeights::have_equal_kernels(std::size_t l) const {
  const auto kernel = [](const Tensor& weight) {
    const auto sizes = weight.sizes();
    return Shape(sizes.begin() + 2, sizes.end());
  };
  return kernel(a_.weight(l)) == kernel(b_.weight(l));
}

std::optional<UnitNumbers> UnitWeights::incoming(std::size_t l, const UnitMatch& before) const {
  if (!have_equal_kernels(l)) {
    return std::nullopt;
  }
  if (l > 0 && (a_.groups(l) > 1 || b_.groups(l) > 1)) {
    return incoming_filters(l, before);
  }
  Tensor weight_a = filters(a_.weight(l));
  Tensor weight_b = filters(b_.weight(l));
  if (l == 0) {
    if (weight_a.size(1) != weight_b.size(1) || a_.groups(0) != b_.groups(0)) {
      return std::nullopt;
    }
  } else {
    const auto places = matched_places(a_.places[l - 1].columns, a_.network.hidden_layers()[l - 1].units,
                                       b_.places[l - 1].columns, b_.network.hidden_layers()[l - 1].units, before);
    if (!places.has_value()) {
      return std::nullopt;
    }
    weight_a = select(weight_a, 1, places->a);
    weight_b = select(weight_b, 1, places->b);
  }
  return UnitNumbers{with_shift(weight_a, a_.shift(l)), with_shift(weight_b, b_.shift(l))};
}

/// Where all of the layer before is matched: b's filters with their input channels in the order of a's groups.
std::optional<UnitNumbers> UnitWeights::incoming_filters(std::size_t l, const UnitMatch& before) const {
  const Tensor weight_a = filters(a_.weight(l));
  const Tensor weight_b = filters(b_.weight(l));
  const std::int64_t groups = a_.groups(l);
  const std::vector<std::int64_t>& owners = b_.places[l - 1].columns;
  const bool all_matched = std::ranges::find(before, -1) == before.end() &&
                           static_cast<std::int64_t>(before.size()) == b_.network.hidden_layers()[l - 1].units;
  if (!all_matched || groups != b_.groups(l) || weight_a.size(1) != weight_b.size(1) ||
      a_.places[l - 1].columns.size() != owners.size()) {
    return std::nullopt;
  }
  const std::int64_t inputs = weight_b.size(1);
  const std::int64_t outputs = weight_b.size(0) / groups;
  const std::vector<std::int64_t> channels = sources_of(owners, before);
  std::vector<std::int64_t> sources(static_cast<std::size_t>(weight_b.size(0) * inputs));
  for (std::int64_t g = 0; g < groups; ++g) {
    const std::int64_t old_group = channels[g * inputs] / inputs;
    for (std::int64_t k = 0; k < inputs; ++k) {
      const std::int64_t place = channels[(g * inputs) + k] - (old_group * inputs);
      if (place < 0 || place >= inputs) {
        return std::nullopt;
      }
      for (std::int64_t row = old_group * outputs; row < (old_group + 1) * outputs; ++row) {
        sources[(row * inputs) + k] = (row * inputs) + place;
      }
    }
  }
  const Tensor moved = select(aten::reshape(weight_b, {weight_b.size(0) * inputs, -1}), 0, sources);
  return UnitNumbers{with_shift(weight_a, a_.shift(l)),
                     with_shift(aten::reshape(moved, {weight_b.size(0), -1}), b_.shift(l))};
}

std::optional<UnitNumbers> UnitWeights::outgoing(std::size_t l, const UnitMatch& after) const {
  if (!have_equal_kernels(l + 1) || a_.groups(l + 1) > 1 || b_.groups(l + 1) > 1) {
    return std::nullopt;
  }
  std::vector<std::int64_t> rows_a;
  std::vector<std::int64_t> rows_b;
  for (std::size_t i = 0; i < after.size(); ++i) {
    if (after[i] >= 0) {
      rows_a.push_back(static_cast<std::int64_t>(i));
      rows_b.push_back(after[i]);
    }
  }
  const auto by_unit = [&](const Side& side, const std::vector<std::int64_t>& rows) {
    const std::int64_t units = side.network.hidden_layers()[l].units;
    const Tensor by_column = aten::permute(select(filters(side.weight(l + 1)), 0, rows), {1, 0, 2});
    std::vector<std::int64_t> places;
    for (const std::vector<std::int64_t>& of_unit : places_of_units(side.places[l].columns, units)) {
      places.insert(places.end(), of_unit.begin(), of_unit.end());
    }
    return aten::reshape(select(by_column, 0, places), {units, -1});
  };
  UnitNumbers numbers{by_unit(a_, rows_a), by_unit(b_, rows_b)};
  return numbers.a.size(1) == numbers.b.size(1) ? std::optional(numbers) : std::nullopt;
}

UnitMatch UnitWeights::matched_outputs() const {
  const std::int64_t outputs_a = a_.weight(hidden_layers()).size(0);
  UnitMatch match(static_cast<std::size_t>(outputs_a), -1);
  if (outputs_a == b_.weight(hidden_layers()).size(0)) {
    std::iota(match.begin(), match.end(), 0);
  }
  return match;
}

std::vector<double> UnitWeights::grouped_nearness(std::size_t l, std::int64_t group_a, std::int64_t group_b,
                                                  const UnitMatch& within) const {
  const Tensor& weight_a = a_.weight(l);
  const Tensor& weight_b = b_.weight(l);
  const std::int64_t inputs_a = weight_a.size(1);
  const std::int64_t inputs_b = weight_b.size(1);
  if (!have_equal_kernels(l) || inputs_a != static_cast<std::int64_t>(within.size())) {
    return {};
  }
  if (host_layer_ != l) {
    host_layer_ = l;
    host_a_ = values_of(weight_a);
    host_b_ = values_of(weight_b);
    host_shift_a_ = values_of(a_.shift(l));
    host_shift_b_ = values_of(b_.shift(l));
  }
  const std::int64_t outputs_a = weight_a.size(0) / a_.groups(l);
  const std::int64_t outputs_b = weight_b.size(0) / b_.groups(l);
  const std::int64_t kernel = weight_a.numel() / weight_a.size(0) / inputs_a;
  std::vector<double> values(static_cast<std::size_t>(outputs_a * outputs_b));
  for (std::int64_t i = 0; i < outputs_a; ++i) {
    const std::int64_t row_a = (group_a * outputs_a) + i;
    for (std::int64_t j = 0; j < outputs_b; ++j) {
      const std::int64_t row_b = (group_b * outputs_b) + j;
      const double shift = host_shift_a_[row_a] - host_shift_b_[row_b];
      double distance = shift * shift;
      for (std::int64_t input = 0; input < inputs_a; ++input) {
        if (within[input] < 0) {
          continue;
        }
        const double* x = host_a_.data() + (((row_a * inputs_a) + input) * kernel);
        const double* y = host_b_.data() + (((row_b * inputs_b) + within[input]) * kernel);
        for (std::int64_t k = 0; k < kernel; ++k) {
          distance += (x[k] - y[k]) * (x[k] - y[k]);
        }
      }
      values[(i * outputs_b) + j] = -distance;
    }
  }
  return values;
}

std::vector<double> nearness(const UnitNumbers& numbers) {
  // Squares of float32 can leave its range: the canonical bias of a unit whose weights have died away is large.
  const std::vector<Tensor> rows = in_float64({numbers.a, numbers.b});
  std::vector<double> values = values_of(aten::linear(rows[0], rows[1], std::nullopt));
  const std::vector<double> squares_a = squares(rows[0]);
  const std::vector<double> squares_b = squares(rows[1]);
  for (std::size_t i = 0; i < squares_a.size(); ++i) {
    for (std::size_t j = 0; j < squares_b.size(); ++j) {
      double& value = values[(i * squares_b.size()) + j];
      value = (2 * value) - squares_a[i] - squares_b[j];
    }
  }
  return values;
}

std::vector<double> nearness(const UnitNumbers& numbers, const std::vector<std::int64_t>& rows_a,
                             const std::vector<std::int64_t>& rows_b) {
  return nearness(UnitNumbers{select(numbers.a, 0, rows_a), select(numbers.b, 0, rows_b)});
}

double matched_nearness(const UnitNumbers& numbers, const UnitMatch& match) {
  std::vector<std::int64_t> rows_a;
  std::vector<std::int64_t> rows_b;
  for (std::size_t i = 0; i < match.size(); ++i) {
    if (match[i] >= 0) {
      rows_a.push_back(static_cast<std::int64_t>(i));
      rows_b.push_back(match[i]);
    }
  }
  if (rows_a.empty()) {
    return 0.0;
  }
  const std::vector<Tensor> matched = in_float64({select(numbers.a, 0, rows_a), select(numbers.b, 0, rows_b)});
  const Tensor apart = aten::subtract(matched[0], matched[1]);
  return -values_of(aten::sum(aten::mul(apart, apart), {0, 1})).front();
}

}  // namespace funcsim
