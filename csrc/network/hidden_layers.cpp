#include "network/hidden_layers.h"

#include <algorithm>
#include <cstddef>

#include "kernels/activation_signatures/grid_points.h"
#include "kernels/common/error.h"

namespace funcsim {

namespace {

void find_normalisations(const Architecture& architecture, HiddenLayer& layer) {
  layer.preactivation_item = layer.item;
  for (std::int64_t i = layer.item + 1; i < layer.next_affine; ++i) {
    const LayerRole role = architecture.items[i].type->role;
    if (role == LayerRole::identity) {
      continue;
    }
    if (role == LayerRole::batch_norm && layer.preactivation_item == layer.item) {
      layer.folded_batch_norm = i;
    } else if (role != LayerRole::batch_norm && role != LayerRole::mixing_norm) {
      return;
    }
    layer.preactivation_item = i;
  }
}

std::vector<std::int64_t> grid_of(const Item& affine, const Shape& preactivations) {
  return affine.type->spatial_dimensions > 0 ? Shape(preactivations.begin() + 1, preactivations.end())
                                             : Shape(preactivations.begin(), preactivations.end() - 1);
}

}  // namespace

std::vector<HiddenLayer> find_hidden_layers(const Architecture& architecture) {
  std::vector<HiddenLayer> layers;
  std::int64_t last = -1;
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(architecture.items.size()); ++i) {
    if (architecture.items[i].type->role != LayerRole::affine) {
      continue;
    }
    if (last >= 0) {
      HiddenLayer layer;
      layer.item = last;
      layer.next_affine = i;
      layer.units = item_parameters(architecture.items[last]).front().sizes.front();
      find_normalisations(architecture, layer);
      layers.push_back(layer);
    }
    last = i;
    ++count;
  }
  check(!layers.empty(), "the network has no hidden layer: that takes at least two affine layers (Linear, Conv), got ",
        count);
  return layers;
}

Plan plan_samples(const Architecture& architecture, const std::vector<HiddenLayer>& hidden_layers,
                  const Shape& input_shape, std::int64_t positions) {
  check_positions(positions);
  Plan plan;
  Shape shape = input_shape;
  plan.most_elements = element_count(shape);
  std::size_t next = 0;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(architecture.items.size()); ++i) {
    try {
      shape = item_output_shape(architecture.items[i], shape);
      plan.most_elements = std::max(plan.most_elements, element_count(shape));
    } catch (const Error& error) {
      fail(item_place(architecture, i), ": ", error.what());
    }
    if (next < hidden_layers.size() && hidden_layers[next].preactivation_item == i) {
      const HiddenLayer& layer = hidden_layers[next++];
      std::vector<std::int64_t> grid = grid_of(architecture.items[layer.item], shape);
      check(grid.size() <= coordinate_stride, item_place(architecture, layer.item),
            ": a layer's grid of positions has at most ", coordinate_stride, " dimensions, got ", shape_text(grid));
      check(positions <= 0 || std::ranges::all_of(grid, [](std::int64_t size) { return size <= most_places; }),
            item_place(architecture, layer.item), ": a grid of positions that is looked at in points has at most ",
            most_places, " places along a dimension, got ", shape_text(grid));
      const std::int64_t samples = samples_per_input(grid, positions);
      plan.samples.push_back({std::move(grid), samples});
    }
  }
  return plan;
}

}  // namespace funcsim
