#include "align/align_parameters.h"

#include <cmath>
#include <cstddef>
#include <limits>

#include "align/equal_functions.h"
#include "align/permute_units.h"
#include "align/rescale_units.h"
#include "kernels/common/error.h"
#include "network/aten.h"
#include "network/canonical_form.h"
#include "network/tensor_text.h"
#include "network/unit_places.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;
using Dtype = torch::headeronly::ScalarType;

/// Another order of summation, in float64.
constexpr double permuted_tolerance = 1e-9;

double epsilon(Dtype dtype) {
  switch (dtype) {
    case Dtype::Half:
      return 0x1p-10;
    case Dtype::BFloat16:
      return 0x1p-7;
    case Dtype::Float:
      return std::numeric_limits<float>::epsilon();
    default:
      return std::numeric_limits<double>::epsilon();
  }
}

/// Every parameter is rounded once. Each layer adds the roundings of its own parameters to what it is given, and sums
/// that cancel make them larger relative to the outputs.
double rescaled_tolerance(const Network& network) {
  constexpr double cancellation = 64.0;
  const auto affine_layers = static_cast<double>(network.hidden_layers().size() + 1);
  return permuted_tolerance + (cancellation * affine_layers * epsilon(network.given_dtype()));
}

std::vector<Tensor> flat(const Network& network, const ItemTensors& tensors) {
  std::vector<Tensor> parameters;
  for (const std::vector<Tensor>& of_item : tensors) {
    for (const Tensor& tensor : of_item) {
      parameters.push_back(aten::to_dtype(tensor, network.given_dtype()));
    }
  }
  return parameters;
}

ItemTensors in_float64(const ItemTensors& tensors) {
  ItemTensors converted;
  converted.reserve(tensors.size());
  for (const std::vector<Tensor>& of_item : tensors) {
    std::vector<Tensor>& copies = converted.emplace_back();
    for (const Tensor& tensor : of_item) {
      copies.push_back(aten::to_dtype(tensor, Dtype::Double));
    }
  }
  return converted;
}

}  // namespace

AlignedParameters align_parameters(const Network& a, const Network& b, const std::string& description_b,
                                   const std::vector<Tensor>& parameters_b, const std::vector<UnitMatch>& matches,
                                   const Tensor& inputs, bool rescale) {
  a.plan(inputs, any_position);
  b.plan(inputs, any_position);
  const std::int64_t dimensions = inputs.dim();
  const std::vector<UnitPlaces> places_a = find_unit_places(a, dimensions);
  const std::vector<UnitPlaces> places_b = find_unit_places(b, dimensions);
  AlignedParameters aligned;
  aligned.orders = unit_orders(find_unit_blocks(a, places_a), find_unit_blocks(b, places_b), matches);
  ItemTensors tensors = permuted_tensors(b, places_b, aligned.orders, by_item(b, parameters_b));
  if (rescale) {
    tensors = in_float64(tensors);
    rescale_units({a, places_a, canonical_form(a, dimensions)}, {b, places_b, canonical_form(b, dimensions)}, matches,
                  aligned.orders, tensors);
  }
  aligned.parameters = flat(b, tensors);
  check_equal_functions(b, description_b, aligned.parameters, inputs,
                        rescale ? rescaled_tolerance(b) : permuted_tolerance);
  return aligned;
}

}  // namespace funcsim
