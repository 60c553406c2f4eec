#include "align/permute_units.h"

#include <cstddef>
#include <numeric>

#include "network/aten.h"
#include "network/tensor_values.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;

UnitOrder unchanged(std::int64_t count) {
  UnitOrder order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

Tensor permuted_vector(const Tensor& tensor, const std::vector<std::int64_t>& sources) {
  const auto sizes = tensor.sizes();
  const Tensor flat = aten::index_select(aten::reshape(tensor, {-1}), 0, int64_vector(sources, tensor));
  return aten::reshape(flat, {sizes.begin(), sizes.end()});
}

/// The weight of a grouped convolution: a filter reads the input channels of its group only, so that the places in its
/// row depend on the group it was in.
Tensor permuted_filters(const Tensor& weight, std::int64_t groups, const UnitOrder& rows,
                        const std::vector<std::int64_t>& columns) {
  const std::int64_t outputs = weight.size(0) / groups;
  const std::int64_t inputs = weight.size(1);
  std::vector<std::int64_t> sources;
  sources.reserve(static_cast<std::size_t>(weight.size(0) * inputs));
  for (std::int64_t row = 0; row < weight.size(0); ++row) {
    const std::int64_t old_group = rows[row] / outputs;
    for (std::int64_t column = 0; column < inputs; ++column) {
      const std::int64_t channel = columns[(row / outputs * inputs) + column];
      sources.push_back((rows[row] * inputs) + channel - (old_group * inputs));
    }
  }
  const auto sizes = weight.sizes();
  const Tensor filters = aten::reshape(weight, {weight.size(0) * inputs, -1});
  return aten::reshape(aten::index_select(filters, 0, int64_vector(sources, weight)), {sizes.begin(), sizes.end()});
}

}  // namespace

ItemTensors by_item(const Network& network, const std::vector<Tensor>& parameters) {
  ItemTensors tensors;
  auto next = parameters.begin();
  for (const Item& item : network.architecture().items) {
    const auto count = static_cast<std::ptrdiff_t>(item_parameters(item).size());
    tensors.emplace_back(next, next + count);
    next += count;
  }
  return tensors;
}

ItemTensors permuted_tensors(const Network& network, const std::vector<UnitPlaces>& places,
                             const std::vector<UnitOrder>& orders, const ItemTensors& tensors) {
  const std::vector<HiddenLayer>& layers = network.hidden_layers();
  ItemTensors result;
  result.reserve(tensors.size());
  for (const std::vector<Tensor>& of_item : tensors) {
    std::vector<Tensor>& copies = result.emplace_back();
    for (const Tensor& tensor : of_item) {
      copies.push_back(aten::clone(aten::contiguous(aten::detach(tensor))));
    }
  }
  const auto permute_affine = [&](std::int64_t item, const UnitOrder* rows, const std::vector<std::int64_t>* columns) {
    std::vector<Tensor>& affine = result[item];
    const Item& described = network.architecture().items[item];
    const std::int64_t groups = described.type->spatial_dimensions > 0 ? described.integer("groups") : 1;
    Tensor& weight = affine[0];
    if (groups > 1 && columns != nullptr) {
      weight = permuted_filters(weight, groups, rows == nullptr ? unchanged(weight.size(0)) : *rows, *columns);
    } else {
      weight = rows == nullptr ? weight : aten::index_select(weight, 0, int64_vector(*rows, weight));
      weight = columns == nullptr ? weight : aten::index_select(weight, 1, int64_vector(*columns, weight));
    }
    if (rows != nullptr && affine.size() > 1) {
      affine[1] = permuted_vector(affine[1], *rows);
    }
  };
  std::vector<std::int64_t> columns;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    permute_affine(layers[l].item, &orders[l], l == 0 ? nullptr : &columns);
    for (const UnitVectors& vectors : places[l].vectors) {
      for (Tensor& tensor : result[vectors.item]) {
        tensor = permuted_vector(tensor, sources_of(vectors.owners, orders[l]));
      }
    }
    columns = sources_of(places[l].columns, orders[l]);
  }
  permute_affine(layers.back().next_affine, nullptr, &columns);
  return result;
}

}  // namespace funcsim
