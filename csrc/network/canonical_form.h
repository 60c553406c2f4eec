#pragma once

#include <vector>

#include "network/network.h"

namespace funcsim {

/// The canonical parameters of a network: same architecture, same order, shapes and dtype as given, new tensors.
/// Definition and reasons: docs/mathematics.md.
/// @throws Error where a unit loses its identity on the way to the next affine layer: names both places
std::vector<torch::stable::Tensor> canonical_parameters(const Network& network);

/// The scale s_i of every unit of every hidden layer (float64 [units] each): what canonical_parameters divides by.
std::vector<torch::stable::Tensor> canonical_scales(const Network& network);

}  // namespace funcsim
