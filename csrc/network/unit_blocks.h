#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "network/network.h"
#include "network/unit_places.h"

namespace funcsim {

/// How the units of a hidden layer may change places without changing the function: freely within blocks of
/// consecutive units, and blocks as wholes where they can move.
///
/// GroupNorm with G groups keeps its groups together. A grouped convolution ties its groups of outputs to its groups of
/// inputs: a group moves in both layers or in none, and all layers tied in this way are one component, in which blocks
/// move together. They can where all layers of the component are divided into the same number of blocks and neither the
/// network's inputs nor its outputs hold an end of it. Otherwise blocks stay where they are, and are then the common
/// refinement of all that divides the layer.
struct UnitBlocks {
  std::vector<std::int64_t> starts;  ///< first unit of each block, ascending from 0
  std::int64_t units = 0;
  std::int64_t component = 0;  ///< hidden layers with equal numbers move their blocks together
  bool can_move = true;
  std::string reason;  ///< the item that divides the units, for messages; empty where there is one block

  std::int64_t count() const { return static_cast<std::int64_t>(starts.size()); }
  std::int64_t begin(std::int64_t block) const { return starts[block]; }
  std::int64_t end(std::int64_t block) const { return block + 1 < count() ? starts[block + 1] : units; }
  /// The block that a unit is in.
  std::int64_t block_of(std::int64_t unit) const;
};

/// Of all hidden layers. Components are ranges of layers, numbered in order.
std::vector<UnitBlocks> find_unit_blocks(const Network& network, const std::vector<UnitPlaces>& places);

}  // namespace funcsim
