#include "network/unit_places.h"

#include <cstddef>

#include "kernels/common/error.h"

namespace funcsim {

namespace {

UnitPlaces places_of_layer(const Network& network, const HiddenLayer& layer, std::optional<std::int64_t> dimensions) {
  const std::vector<Item>& items = network.architecture().items;
  UnitAxes axes(items[layer.item], layer.units, dimensions);
  UnitPlaces places;
  for (std::int64_t i = layer.item + 1; i <= layer.next_affine; ++i) {
    try {
      if (const UnitPartition partition = axes.partition(items[i]); partition.blocks > 1 || !partition.can_move) {
        places.groups.push_back({i, partition});
      }
      if (i == layer.next_affine) {
        places.columns = axes.owners(items[i]);
        continue;
      }
      if (!network.layer(i).tensors.empty()) {
        if (std::vector<std::int64_t> owners = axes.owners(items[i]); !owners.empty()) {
          places.vectors.push_back({i, std::move(owners)});
        }
      }
      axes.pass(items[i]);
    } catch (const Error& error) {
      fail(network.role(), ": ", item_place(network.architecture(), i), ": ", error.what());
    }
  }
  return places;
}

}  // namespace

std::vector<UnitPlaces> find_unit_places(const Network& network, std::optional<std::int64_t> input_dimensions) {
  const std::vector<std::optional<std::int64_t>> dimensions =
      funcsim::input_dimensions(network.architecture(), input_dimensions);
  std::vector<UnitPlaces> places;
  places.reserve(network.hidden_layers().size());
  for (const HiddenLayer& layer : network.hidden_layers()) {
    places.push_back(places_of_layer(network, layer, dimensions[layer.item]));
  }
  return places;
}

std::vector<std::vector<std::int64_t>> places_of_units(const std::vector<std::int64_t>& owners, std::int64_t units) {
  std::vector<std::vector<std::int64_t>> places(static_cast<std::size_t>(units));
  for (std::size_t i = 0; i < owners.size(); ++i) {
    places[owners[i]].push_back(static_cast<std::int64_t>(i));
  }
  return places;
}

std::vector<std::int64_t> sources_of(const std::vector<std::int64_t>& owners, const std::vector<std::int64_t>& order) {
  const auto units = static_cast<std::int64_t>(order.size());
  const std::vector<std::vector<std::int64_t>> places = places_of_units(owners, units);
  std::vector<std::int64_t> sources(owners.size());
  std::vector<std::size_t> used(order.size());
  for (std::size_t i = 0; i < owners.size(); ++i) {
    const std::int64_t unit = owners[i];
    sources[i] = places[order[unit]][used[unit]++];
  }
  return sources;
}

}  // namespace funcsim
