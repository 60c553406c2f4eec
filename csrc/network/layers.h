#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "network/architecture.h"

namespace funcsim {

/// An affine layer with another affine layer after it.
struct HiddenLayer {
  std::int64_t item;                 ///< the affine item
  std::int64_t preactivation_item;   ///< the last of the normalisation items that directly follow it, or `item`
  std::string type;                  ///< its type, for messages
  std::int64_t units;
};

/// The hidden layers of an architecture in order.
/// @throws Error where there is none: says how many affine layers there are and that two are needed
std::vector<HiddenLayer> find_hidden_layers(const Architecture& architecture);

/// How the samples of `positions` are taken: 0 all, -1 any, otherwise that many points an input.
inline constexpr std::int64_t all_positions = 0;
inline constexpr std::int64_t any_position = -1;

/// A hidden layer's pre-activations for inputs of a known shape.
struct LayerSamples {
  std::vector<std::int64_t> grid;     ///< sizes of the grid of positions, row-major; empty for [N, units]
  std::int64_t samples_per_input;     ///< 1 for a grid of at most one position or any_position
};

/// Shapes of all items and the samples of every hidden layer, for inputs of shape [N, input_shape...].
/// @throws Error naming the item whose input doesn't fit, the shape it expected and the shape that came
std::vector<LayerSamples> plan_samples(const Architecture& architecture, const std::vector<HiddenLayer>& hidden_layers,
                                       const std::vector<std::int64_t>& input_shape, std::int64_t positions);

}  // namespace funcsim
