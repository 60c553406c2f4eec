#pragma once

#include <cstdint>
#include <vector>

#include "network/architecture.h"
#include "network/layer_type.h"
#include "network/positions.h"

namespace funcsim {

/// An affine layer with another affine layer after it. Numbers of items count from 0.
struct HiddenLayer {
  std::int64_t item = 0;                ///< the affine item
  std::int64_t folded_batch_norm = -1;  ///< the BatchNorm directly after it, or -1
  std::int64_t preactivation_item = 0;  ///< the last of the normalisations directly after it, or `item`
  std::int64_t next_affine = 0;
  std::int64_t units = 0;
};

/// The hidden layers of an architecture in order. Identities and dropouts count as nothing.
/// @throws Error where there is none: says how many affine layers there are and that two are needed
std::vector<HiddenLayer> find_hidden_layers(const Architecture& architecture);

/// A hidden layer's pre-activations for inputs of a known shape.
struct LayerSamples {
  std::vector<std::int64_t> grid;  ///< sizes of the grid of positions, row-major; empty for [N, units]
  std::int64_t samples_per_input = 1;
};

/// What the whole network does to inputs of a known shape.
struct Plan {
  std::vector<LayerSamples> samples;  ///< of every hidden layer
  std::int64_t most_elements = 0;     ///< numbers an input takes where the network is widest, the input itself included
};

/// @param input_shape [features...], without the batch
/// @throws Error naming the item whose input doesn't fit, what it expected and what came
Plan plan_samples(const Architecture& architecture, const std::vector<HiddenLayer>& hidden_layers,
                  const Shape& input_shape, std::int64_t positions);

}  // namespace funcsim
