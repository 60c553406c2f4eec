#include "network/unit_blocks.h"

#include <algorithm>
#include <cstddef>
#include <set>

namespace funcsim {

namespace {

/// What divides one hidden layer.
struct Division {
  std::set<std::int64_t> counts;  ///< numbers of blocks, all above 1
  bool fixed = false;
  bool tied_to_next = false;
  std::string reason;

  void add(std::int64_t blocks, bool can_move, const std::string& because) {
    if (blocks > 1) {
      counts.insert(blocks);
      fixed = fixed || !can_move;
      reason = reason.empty() ? because : reason;
    }
  }
};

std::vector<Division> divisions(const Network& network, const std::vector<UnitPlaces>& places) {
  const Architecture& architecture = network.architecture();
  const std::vector<HiddenLayer>& layers = network.hidden_layers();
  std::vector<Division> result(layers.size());
  const Item& first = architecture.items[layers.front().item];
  if (first.type->spatial_dimensions > 0) {
    // What its groups read, the network's inputs, keeps its order.
    result.front().add(first.integer("groups"), /*can_move=*/false, item_place(architecture, layers.front().item));
  }
  for (std::size_t l = 0; l < layers.size(); ++l) {
    for (const UnitGroups& groups : places[l].groups) {
      const std::string because = item_place(architecture, groups.item);
      const bool is_next_affine = groups.item == layers[l].next_affine;
      const bool is_output = is_next_affine && l + 1 == layers.size();
      const bool can_move = groups.partition.can_move && !is_output;
      result[l].add(groups.partition.blocks, can_move, because);
      if (is_next_affine && !is_output) {
        result[l].tied_to_next = true;
        const std::int64_t outputs =
            can_move ? groups.partition.blocks : architecture.items[groups.item].integer("groups");
        result[l + 1].add(outputs, can_move, because);
      }
    }
  }
  return result;
}

std::vector<std::int64_t> block_starts(const std::set<std::int64_t>& counts, std::int64_t units) {
  std::set<std::int64_t> starts = {0};
  for (const std::int64_t count : counts) {
    for (std::int64_t block = 1; block < count; ++block) {
      starts.insert(block * (units / count));
    }
  }
  return {starts.begin(), starts.end()};
}

}  // namespace

std::int64_t UnitBlocks::block_of(std::int64_t unit) const {
  return static_cast<std::int64_t>(std::ranges::upper_bound(starts, unit) - starts.begin()) - 1;
}

std::vector<UnitBlocks> find_unit_blocks(const Network& network, const std::vector<UnitPlaces>& places) {
  const std::vector<Division> layers = divisions(network, places);
  std::vector<UnitBlocks> blocks;
  blocks.reserve(layers.size());
  std::int64_t component = 0;
  for (std::size_t begin = 0; begin < layers.size();) {
    std::size_t end = begin + 1;
    while (layers[end - 1].tied_to_next) {
      ++end;
    }
    std::set<std::int64_t> counts;
    bool fixed = false;
    for (std::size_t l = begin; l < end; ++l) {
      counts.insert(layers[l].counts.begin(), layers[l].counts.end());
      fixed = fixed || layers[l].fixed;
    }
    const bool can_move = !fixed && counts.size() <= 1;
    for (std::size_t l = begin; l < end; ++l) {
      const std::int64_t units = network.hidden_layers()[l].units;
      blocks.push_back({block_starts(layers[l].counts, units), units, component, can_move, layers[l].reason});
    }
    ++component;
    begin = end;
  }
  return blocks;
}

}  // namespace funcsim
