#pragma once

#include <cstdint>
#include <vector>

#include "network/network.h"

namespace funcsim {

/// The canonical parameters of a network: same architecture, same order, shapes and dtype as given, new tensors.
/// Definition and reasons: docs/mathematics.md. Computed in float64.
///
/// Parameters don't tell whether a Linear is given rows [N, features] or tokens [N, T, features]. Where that matters
/// and the layers around don't show it, rows are meant.
///
/// @throws Error where weights have no finite norm, and where a unit loses its identity on the way to the next affine
///         layer: names the item
std::vector<torch::stable::Tensor> canonical_parameters(const Network& network);

/// What the canonical form divides pre-activations by, for every unit of every hidden layer.
///
/// @param input_dimensions of the network's inputs, batch included
/// @throws Error as canonical_parameters
std::vector<std::vector<double>> canonical_scales(const Network& network, std::int64_t input_dimensions);

}  // namespace funcsim
