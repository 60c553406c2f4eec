#include "align/align_parameters.h"

#include <cstddef>

#include "align/equal_functions.h"
#include "align/permute_units.h"
#include "align/rescale_units.h"
#include "network/aten.h"
#include "network/canonical_form.h"
#include "network/tensor_values.h"
#include "network/unit_places.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;

std::vector<Tensor> flat(const Network& network, const ItemTensors& tensors) {
  std::vector<Tensor> parameters;
  for (const std::vector<Tensor>& of_item : tensors) {
    for (const Tensor& tensor : of_item) {
      parameters.push_back(aten::to_dtype(tensor, network.given_dtype()));
    }
  }
  return parameters;
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
    for (std::vector<Tensor>& of_item : tensors) {
      of_item = in_float64(of_item);
    }
    rescale_units({a, places_a, canonical_form(a, dimensions)}, {b, places_b, canonical_form(b, dimensions)}, matches,
                  aligned.orders, tensors);
  }
  aligned.parameters = flat(b, tensors);
  check_equal_functions(b, description_b, aligned.parameters, inputs, rescale ? epsilon(b.given_dtype()) : 0.0);
  return aligned;
}

}  // namespace funcsim
